"""Where the text of a recipe comes from."""

from pathlib import Path

import pytest

from babyllama.recipe import CorpusRecipe, FolderSource


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
