"""YAML in, YAML out: every mistake in a recipe becomes one sentence that names the field."""

import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from babyllama.errors import InputError
from babyllama.recipe.base import nearest
from babyllama.recipe.teaching import HiddenSignal, SampledSignal, StoredSignal, TopKSignal
from babyllama.recipe.tree import Recipe

Part = TypeVar("Part", bound=BaseModel)


def built_in_recipes() -> list[str]:
    """Names of the shipped recipes, smallest first."""
    return ["mini", "laptop", "strict-small", "strict"]


def load_recipe(name_or_path: str, settings: tuple[str, ...] = ()) -> Recipe:
    """Read a built-in recipe by name or a YAML file by path, with `key.path=value` changes.

    Raises:
        InputError: no such recipe, broken YAML (line and column), a field that is unknown, missing
            or out of range, or a setting that names no field.
    """
    where, text = _recipe_text(name_or_path)
    tree = read_yaml(text, where)
    for setting in settings:
        set_field(tree, setting)
    return parse(Recipe, tree, where)


def read_yaml(text: str, where: str) -> dict[str, Any]:
    """A mapping of fields, nothing of it checked.

    Raises:
        InputError: broken YAML (line and column), or something else than a mapping.
    """
    try:
        tree = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that no calendar has
        raise _yaml_error(where, error) from None
    if not isinstance(tree, dict):
        raise InputError(
            f"{where}: holds {type(tree).__name__}, not a mapping of fields",
            mend="Start from a shipped one: babyllama recipes mini > mine.yaml",
        )
    unshared: dict[str, Any] = _unshared(tree)
    return unshared


def parse(part: type[Part], tree: Any, where: str) -> Part:
    """Check `tree` against a part of the recipe; the first mistake becomes an `InputError`."""
    try:
        return part.model_validate(tree)
    except ValidationError as error:
        raise _validation_error(part, tree, where, error) from None


def parse_stored_signal(tree: Any, where: str) -> StoredSignal:
    """The recipe that a stored signal was made from.

    Raises:
        InputError: a kind or a field that this version does not know.
    """
    kinds: dict[str, type[StoredSignal]] = {
        "hidden": HiddenSignal, "topk": TopKSignal, "sampled": SampledSignal
    }  # fmt: skip
    kind = tree.get("kind") if isinstance(tree, dict) else None
    if kind not in kinds:
        raise InputError(
            f"{where}: kind is {kind!r}", why=f"Kinds that are stored: {', '.join(kinds)}."
        )
    return parse(kinds[kind], tree, where)


def to_yaml(recipe: BaseModel) -> str:
    """The fully resolved recipe; loading it gives the same recipe back."""
    return yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def to_json(recipe: BaseModel) -> str:
    """The fully resolved recipe as JSON."""
    return json.dumps(recipe.model_dump(mode="json"), indent=2, ensure_ascii=False)


def _recipe_text(name_or_path: str) -> tuple[str, str]:
    if name_or_path in built_in_recipes():
        file = resources.files("babyllama.recipe") / "shipped" / f"{name_or_path}.yaml"
        return f"recipe {name_or_path}", file.read_text(encoding="utf-8")
    path = Path(name_or_path)
    if not path.is_file():
        raise InputError(
            f"there is no recipe {name_or_path!r}",
            why="It is neither a file nor one of " + ", ".join(built_in_recipes()) + ".",
            mend=nearest(name_or_path, built_in_recipes()) or "List them: babyllama recipes",
        )
    try:
        return str(path), path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: byte {error.start} is not UTF-8", mend="Save the recipe as UTF-8 text."
        ) from None


def _yaml_error(where: str, error: Exception) -> InputError:
    mark = getattr(error, "problem_mark", None)
    at = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    return InputError(
        f"{where}: is not YAML{at}",
        why=f"The parser says: {getattr(error, 'problem', None) or error}.",
        mend="Mend that line; often it is the indentation or a missing colon.",
    )


def _unshared(tree: Any) -> Any:
    """A copy in which what YAML's `*alias` repeats is no longer one object.

    Otherwise a setting of one teacher would change every teacher that shares its settings.
    """
    if isinstance(tree, dict):
        return {key: _unshared(value) for key, value in tree.items()}
    return [_unshared(value) for value in tree] if isinstance(tree, list) else tree


def set_field(tree: dict[str, Any], setting: str) -> None:
    """Set `key.path=value` in a raw tree; whether the field exists is checked with the tree."""
    path, equals, value = setting.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys):
        raise InputError(
            f"--set {setting}: is not key.path=value",
            mend="For example: --set students.distilled.alpha=0.9",
        )
    try:
        parsed = yaml.safe_load(value)
    except (yaml.YAMLError, ValueError):
        raise InputError(f"--set {setting}: the value {value!r} is not YAML") from None
    branch: Any = tree
    for depth, key in enumerate(keys[:-1]):
        if depth == 1 and keys[0] in ("teachers", "students") and key not in branch:
            raise InputError(
                f"--set {setting}: {keys[0]} has no {key!r}",
                why=f"There are {', '.join(branch)}.",
                mend=nearest(key, list(branch)),
            )
        branch = branch.setdefault(key, {})
        if not isinstance(branch, dict):
            raise InputError(
                f"--set {setting}: {'.'.join(keys[: depth + 1])} is {branch!r}, not a mapping",
                mend="See the fields: babyllama recipes NAME",
            )
    branch[keys[-1]] = parsed


def _validation_error(
    part: type[BaseModel], tree: Any, where: str, error: ValidationError
) -> InputError:
    first = error.errors(include_url=False)[0]
    kind, path = first["type"], [str(key) for key in first["loc"]]
    keys, model, description, choices = _locate(part, tree, path, missing=kind == "missing")
    field = ".".join(keys)
    if kind == "extra_forbidden":
        known = list(model.model_fields)
        return InputError(
            f"{where}: {field} is not a field",
            why=f"Known here: {', '.join(known)}.",
            mend=nearest(keys[-1], known) or "See the fields: babyllama recipes NAME",
        )
    if kind == "missing":
        return InputError(f"{where}: {field} is missing", mend=description)
    if kind.startswith("union_tag"):
        tag = f"{field}.{first['ctx']['discriminator']}".replace("'", "")
        given = first["ctx"].get("tag")
        return InputError(
            f"{where}: {tag} is {given!r}" if given else f"{where}: {tag} is missing",
            why=f"It is one of {', '.join(choices)}, and decides which fields stand beside it.",
            mend=nearest(given or "", choices),
        )
    why = _sentence(first["msg"])
    if not field:
        return InputError(f"{where}: does not fit together", why=why)
    value = first.get("input")
    plain = value is None or isinstance(value, str | int | float | bool)
    what = f"{where}: {field} is {value!r}" if plain else f"{where}: {field} does not fit"
    return InputError(what, why=why, mend=description)


def _locate(
    part: type[BaseModel], tree: Any, path: list[str], *, missing: bool
) -> tuple[list[str], type[BaseModel], str, list[str]]:
    """Follow pydantic's path through the user's tree.

    The tags of unions stand in that path but not in the user's file; they are left out. A
    `missing` field is the last key of a path, and not in the file either.

    Returns:
        the user's own keys, the innermost model on the way, the last field's description, and the
        tags that may tell its value's alternatives apart.
    """
    keys: list[str] = []
    model, annotation, description = part, None, ""
    for position, key in enumerate(path):
        branch = (
            {str(name): value for name, value in tree.items()} if isinstance(tree, dict) else {}
        )
        if key not in branch and not (missing and position == len(path) - 1):
            model = next((m for m in _models_in(annotation) if key in _tags(m)), model)
            continue
        keys.append(key)
        tree = branch.get(key)
        if key in model.model_fields:
            info = model.model_fields[key]
            annotation, description = info.annotation, info.description or ""
            inner = list(_models_in(annotation))
            model = inner[0] if len(inner) == 1 else model
    return keys, model, description, [tag for m in _models_in(annotation) for tag in _tags(m)]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Every model that an annotation mentions: itself, members of a union, values of a dict."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _models_in(argument)


def _tags(model: type[BaseModel]) -> tuple[str, ...]:
    """What tells a model from the others of its union."""
    for name in ("kind", "model_type"):
        if name in model.model_fields:
            return tuple(getattr(model.model_fields[name].annotation, "__args__", ()))
    return ()


def _sentence(message: str) -> str:
    ours = message.removeprefix("Value error, ")
    if ours == message:  # pydantic's own; ours begin with the name of a field
        message = message[:1].upper() + message[1:]
    return message.removeprefix("Value error, ").rstrip(".") + "."
