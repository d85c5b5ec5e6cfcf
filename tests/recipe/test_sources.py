"""Where the text of a recipe comes from."""

from pathlib import Path

import pytest

from babyllama.recipe import CorpusRecipe, FolderSource, TableSource


@pytest.mark.parametrize(
    ("fields", "is_gathered"),
    [
        ({}, False),
        ({"dev_fraction": 0.1, "encoding": "UTF-8"}, False),
        ({"nested": True}, True),
        ({"code": (".py",)}, True),
        ({"encoding": "latin1"}, True),
        ({"dev_seed": 0}, True),
        ({"path": Path("text.ZIP")}, True),
    ],
)
def test_a_plain_folder_is_read_where_it_lies_and_every_other_is_gathered(fields, is_gathered):
    source = FolderSource(**({"kind": "folder", "path": Path("text")} | fields))
    assert source.is_gathered == is_gathered


def test_an_encoding_that_python_does_not_know_is_refused():
    for unknown in ("latin-99", "hex", "a\0b"):
        with pytest.raises(ValueError, match="Python knows no encoding of text with this name"):
            TableSource(kind="table", path=Path("a.csv"), encoding=unknown)


@pytest.mark.parametrize(
    ("source", "local"),
    [
        ({"kind": "table", "path": "a.csv", "column": "body"}, Path("a.csv")),
        ({"kind": "hub", "path": "saved"}, Path("saved")),
        ({"kind": "hub", "path": "org/name", "revision": "0" * 40}, None),
    ],
)
def test_a_recipe_names_a_table_or_a_dataset(source, local):
    assert CorpusRecipe.model_validate({"source": source}).source.local == local
