"""Read a recipe from YAML and check it; write it fully resolved."""

import copy
import json
from collections.abc import Sequence
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from babyllama.errors import InputError
from babyllama.recipe.combining import Layer, combine
from babyllama.recipe.extending import layers_of, read_layers
from babyllama.recipe.mistakes import mistakes_of, refusal
from babyllama.recipe.raw_tree import Places
from babyllama.recipe.teaching import AnyStoredSignal
from babyllama.recipe.tree import Recipe, disagreements_in

Part = TypeVar("Part", bound=BaseModel)


def load_recipe(name_or_path: str, settings: tuple[str, ...] = ()) -> Recipe:
    """Read a built-in recipe by name or a YAML file by path, with `key.path=value` changes.

    What `extends`, `defaults` and `like` say is filled in first: see `combining`.

    Raises:
        InputError: no such recipe, broken YAML (line and column), a setting that cannot be applied,
            or fields that are unknown, missing or out of range: lists all of them with their lines.
    """
    return recipe_of_layers(read_layers(name_or_path), settings)


def recipe_of(text: str, where: str, settings: tuple[str, ...] = ()) -> Recipe:
    """A recipe from YAML text.

    Args:
        where: the file that it is from, or another name for the text.
        settings: `key.path=value` changes.

    Raises:
        InputError: as `load_recipe`.
    """
    return recipe_of_layers(layers_of(text, where), settings)


def recipe_of_layers(layers: Sequence[Layer], settings: Sequence[str] = ()) -> Recipe:
    """A recipe from its files, which were read before and are left as they are.

    Raises:
        InputError: as `load_recipe`.
    """
    combined = combine(copy.deepcopy(layers), settings)
    return parse(Recipe, combined.tree, combined.places.where, places=combined.places)


def parse(part: type[Part], tree: Any, where: str, *, places: Places | None = None) -> Part:
    """Check a raw tree against a part of the recipe.

    Args:
        where: the file, or another name for the tree.
        places: where each field was written, so that a mistake is named with its line.

    Raises:
        InputError: lists every mistake.
    """
    places = places or Places(where)
    mistakes = list(places.repeated)
    try:
        checked = part.model_validate(tree)
    except ValidationError as error:
        mistakes += mistakes_of(part, error)
        if issubclass(part, Recipe) and isinstance(tree, dict):
            # Checked again: pydantic compares the parts only if each is free of mistakes.
            mistakes = [each for each in mistakes if each.keys] + list(disagreements_in(tree))
    if mistakes:
        raise refusal(mistakes, places)
    return checked


def parse_stored_signal(tree: Any, where: str) -> AnyStoredSignal:
    """The recipe of a stored signal.

    Raises:
        InputError: a kind or a field that this version does not know.
    """
    kinds: dict[str, type[AnyStoredSignal]] = {
        tag: model
        for model in get_args(AnyStoredSignal)
        for tag in get_args(model.model_fields["kind"].annotation)
    }
    kind = tree.get("kind") if isinstance(tree, dict) else None
    if kind not in kinds:
        raise InputError(
            f"{where}: kind is {kind!r}",
            why=f"Stored kinds: {', '.join(kinds)}.",
            mend="Read it with the version of babyllama that wrote it, or store it anew.",
        )
    return parse(kinds[kind], tree, where)


def to_yaml(recipe: BaseModel) -> str:
    """The fully resolved recipe; loading it gives the same recipe back."""
    return yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def to_json(recipe: BaseModel) -> str:
    """The fully resolved recipe as JSON."""
    return json.dumps(recipe.model_dump(mode="json"), indent=2, ensure_ascii=False)
