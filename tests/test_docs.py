"""The pages that are generated say what the code says."""

import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"


@pytest.fixture(scope="module")
def writer():
    spec = importlib.util.spec_from_file_location("write_reference", DOCS / "write_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_reference_pages_are_up_to_date(writer):
    pages = {"commands.md": writer.commands_page(), "recipes.md": writer.recipes_page()}
    for name, text in pages.items():
        assert (DOCS / "reference" / name).read_text("utf-8") == text, "run: make docs"
