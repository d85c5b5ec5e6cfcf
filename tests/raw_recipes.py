"""The mini recipe as a raw tree, changed field by field, and how it is refused."""

import copy
from typing import Any

import pytest
import yaml

from babyllama.errors import InputError
from babyllama.recipe import Recipe, load_recipe, parse, to_yaml

MINI = yaml.safe_load(to_yaml(load_recipe("mini")))


def changed(path: str, value: Any) -> dict[str, Any]:
    """The mini recipe with one field set."""
    tree = copy.deepcopy(MINI)
    *branches, leaf = path.split(".")
    branch = tree
    for key in branches:
        branch = branch[key]
    branch[leaf] = value
    return tree


def without(path: str) -> dict[str, Any]:
    """The mini recipe with one field taken out."""
    tree = copy.deepcopy(MINI)
    *branches, leaf = path.split(".")
    branch = tree
    for key in branches:
        branch = branch[key]
    del branch[leaf]
    return tree


def refusal(tree: Any) -> InputError:
    """The error that names the mistakes of a raw recipe."""
    with pytest.raises(InputError) as caught:
        parse(Recipe, tree, "mine.yaml")
    return caught.value
