"""Result files, written."""

import json

import pytest


@pytest.fixture
def written(tmp_path):
    """Writes a JSON file and returns its path."""

    def write(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_text(text, encoding="utf-8")
        return path

    return write
