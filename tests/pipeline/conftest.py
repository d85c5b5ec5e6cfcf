"""Recipes for the tests of the pipeline."""

import pytest

from babyllama.recipe import Recipe


@pytest.fixture
def changed(tiny_recipe):
    """The tiny recipe with some fields of some parts set."""

    def change(**parts):
        tree = tiny_recipe.model_dump(mode="json")
        for path, value in parts.items():
            *branches, leaf = path.split("__")
            branch = tree
            for key in branches:
                branch = branch[key]
            branch[leaf] = value
        return Recipe.model_validate(tree)

    return change
