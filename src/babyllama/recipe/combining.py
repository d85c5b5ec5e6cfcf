"""How a recipe is put together before any field is checked: `extends`, `defaults`, `like`.

A recipe that says `extends: BASE` is laid over its base, field by field. A field that is a mapping
in both is merged. Any other value (a number, a list, `null`) replaces the base's. So does a mapping
of another `kind`, `by`, `model_type` or `architecture`: no field of the old kind is carried over. A
model of another kind keeps its `model` and `training`, if the new kind has them. A teacher or
tokenizer with a `path` keeps nothing.
`teachers`, `students` and `evaluation.benchmarks` lose an entry that is `null`.

`defaults: {training: ..., model: ...}` holds for every model. What the same file, or one that
extends it, writes for a model wins; what its base wrote does not, so that one line changes all
models of the base. `defaults.model` holds for models of its `model_type` only.

`like: NAME` starts a model as a copy of another one, as that is in the end, and lays the model's
other fields over it.

`--set` comes after all files and before `like`: a model that is like a changed one changes too.
"""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, get_args

from babyllama.errors import InputError
from babyllama.recipe.base import Mistake, nearest
from babyllama.recipe.mistakes import refusal
from babyllama.recipe.names import STUDENTS, TEACHERS, TOKENIZER
from babyllama.recipe.raw_tree import Keys, Places, set_field
from babyllama.recipe.teaching import Student

EXTENDS, DEFAULTS, LIKE = "extends", "defaults", "like"
# What a default may hold, and what a model keeps when its kind changes.
_OF_EVERY_MODEL = ("model", "training")
_TAGS = ("kind", "by", "model_type", "architecture")
_MAY_BE_GIVEN = (TEACHERS, TOKENIZER)  # with a `path`: nothing says how they are made
_NAMED = ((TEACHERS,), (STUDENTS,), ("evaluation", "benchmarks"))


@dataclass(frozen=True)
class Layer:
    """One file of a recipe that extends others, unchecked, and where its fields were written."""

    tree: dict[Any, Any]
    places: Places


def combine(layers: Sequence[Layer], settings: Sequence[str] = ()) -> Layer:
    """One tree of a recipe's files and settings, without `extends`, `defaults` and `like`.

    Args:
        layers: the files; each extends the one before it.
        settings: `key.path=value`, as `--set` takes them.

    Raises:
        InputError: defaults that no model has, a `like` that names no model or closes a circle, a
            removed entry that the base does not have, or a setting that cannot be applied.
    """
    last = layers[-1].places
    whole = Layer({}, Places(last.where, repeated=last.repeated))
    defaults = Layer({}, Places(last.where))
    for layer in layers:
        _lay_over(whole, defaults, layer)
    for setting in settings:
        _apply(setting, whole, defaults)
    _fill(whole, defaults)
    for group, name, _ in list(_models(whole.tree)):
        _copy_likes((group, name), whole, ())
    return whole


def _lay_over(whole: Layer, defaults: Layer, layer: Layer) -> None:
    """Lay one file over all before it; its defaults first, since its own fields win."""
    given = _checked_defaults(layer)
    for group, name, model in _models(whole.tree):
        _override(model, (group, name), given, whole.places, layer.places)
    before = deepcopy(whole.tree)
    for key, value in layer.tree.items():
        if key not in (EXTENDS, DEFAULTS):
            _merge_key(whole.tree, key, value, whole.places, (), layer.places, ())
    _remove_nulls(whole, before)
    for part, value in given.items():
        _merge_key(
            defaults.tree, part, value, defaults.places, (DEFAULTS,), layer.places, (DEFAULTS,)
        )


def _apply(setting: str, whole: Layer, defaults: Layer) -> None:
    """Apply one `--set`."""
    first = setting.partition("=")[0].partition(".")[0].strip()
    if first == EXTENDS:
        raise InputError(
            f"--set {setting}: extends cannot be set",
            mend="Name that recipe in the command instead, or write a file that extends it.",
        )
    if first == DEFAULTS:
        small = Layer({}, Places(whole.places.where))
        set_field(small.tree, setting, small.places)
        _lay_over(whole, defaults, small)
        return
    before = deepcopy(whole.tree)
    set_field(whole.tree, setting, whole.places)
    _remove_nulls(whole, before)


def _checked_defaults(layer: Layer) -> Mapping[str, Any]:
    given = layer.tree.get(DEFAULTS)
    if DEFAULTS not in layer.tree:
        return {}
    if not isinstance(given, dict):
        known = "It must be a mapping of fields: model, training."
        raise refusal([Mistake((DEFAULTS,), f"defaults is {given!r}", known)], layer.places)
    mistakes = []
    for part, value in given.items():
        keys = (DEFAULTS, str(part))
        if part not in _OF_EVERY_MODEL:
            known = "Every model has model and training; other fields belong to one model."
            mend = nearest(str(part), _OF_EVERY_MODEL)
            mistakes.append(Mistake(keys, f"{DEFAULTS}.{part} is not a default", known, mend))
        elif not isinstance(value, dict):
            why = "It must be a mapping of fields."
            mistakes.append(Mistake(keys, f"{DEFAULTS}.{part} is {value!r}", why))
    if mistakes:
        raise refusal(mistakes, layer.places)
    return given


def _override(
    model: dict[Any, Any], keys: Keys, given: Mapping[str, Any], places: Places, source: Places
) -> None:
    """Lay a file's defaults over a model that an earlier file described."""
    for part, value in given.items():
        if not _takes(keys[0], model, part) or not _is_same_shape(model.get(part), value):
            continue
        if LIKE in model:  # the model that it is like gets the others
            value = _also_in(value, model.get(part))
        if value is not None:
            _merge_key(model, part, value, places, keys, source, (DEFAULTS,))


def _fill(whole: Layer, defaults: Layer) -> None:
    """Put the defaults under each model's own fields; a model that is like another needs none."""
    for group, name, model in _models(whole.tree):
        for part, value in defaults.tree.items():
            if LIKE in model or not _takes(group, model, part):
                continue
            keys = (group, name, part)
            before, own = whole.places.copy(), model.get(part)
            if own is None or isinstance(own, dict):
                whole.places.replace(keys, defaults.places, (DEFAULTS, part))
                model[part] = _merged(value, own or {}, whole.places, keys, before, keys)


def _takes(group: str, model: Mapping[Any, Any], part: str) -> bool:
    """Whether a model must have `model` or `training`: a twin repeats those of its student."""
    if group == TEACHERS:
        return "path" not in model
    kind = student_kinds().get(model.get("kind"))
    field = kind.model_fields.get(part) if kind else None
    return kind is None or (field is not None and field.is_required())


def student_kinds() -> dict[Any, Any]:
    """The class of student for each `kind`."""
    members = get_args(get_args(Student)[0])
    return {tag: each for each in members for tag in get_args(each.model_fields["kind"].annotation)}


def _is_same_shape(own: Any, default: Mapping[Any, Any]) -> bool:
    """Whether a default suits a model's shape; other parts than shapes suit every model."""
    was = own.get("model_type") if isinstance(own, dict) else None
    return was is None or default.get("model_type", was) == was


def _also_in(value: Any, own: Any) -> Any:
    """The part of a default that a model has fields of its own for; None if there is none."""
    if not isinstance(own, dict) or not isinstance(value, dict) or _is_other_kind(own, value):
        return None if own is None else value
    both = {key: _also_in(value[key], own[key]) for key in value if key in own}
    return {key: each for key, each in both.items() if each is not None} or None


def _merge_key(
    tree: dict[Any, Any],
    key: Any,
    value: Any,
    places: Places,
    parent: Keys,
    source: Places,
    source_parent: Keys,
) -> None:
    """Lay `value` over what `tree` has under `key`.

    Args:
        parent: where `tree` is in the whole tree, whose fields have these `places`.
        source_parent: where the mapping that holds `value` is in its own tree, with the places
            `source`.
    """
    keys, source_keys = (*parent, str(key)), (*source_parent, str(key))
    if key in tree:
        tree[key] = _merged(tree[key], value, places, keys, source, source_keys)
    else:
        places.replace(keys, source, source_keys)
        tree[key] = deepcopy(value)


def _merged(
    base: Any, over: Any, places: Places, keys: Keys, source: Places, source_keys: Keys
) -> Any:
    """`over` laid over `base`, the value at `keys`; see the module, and `_merge_key`."""
    if isinstance(base, dict) and isinstance(over, dict):
        if _is_other_kind(base, over):
            base = _kept_of_model(base, over, keys)
        elif "path" in over and "path" not in base and keys[0] in _MAY_BE_GIVEN:
            base = None
    if not isinstance(base, dict) or not isinstance(over, dict):
        places.replace(keys, source, source_keys)
        return deepcopy(over)
    result = dict(base)
    places.move(keys, source, source_keys)
    for key, value in over.items():
        _merge_key(result, key, value, places, keys, source, source_keys)
    return result


def _is_other_kind(base: Mapping[Any, Any], over: Mapping[Any, Any]) -> bool:
    return any(tag in base and over.get(tag, base[tag]) != base[tag] for tag in _TAGS)


def _kept_of_model(base: Mapping[Any, Any], over: Mapping[Any, Any], keys: Keys) -> Any:
    """What a model keeps when its kind changes; None for any other mapping."""
    if len(keys) != 2 or keys[0] != STUDENTS:
        return None
    return {
        part: base[part]
        for part in _OF_EVERY_MODEL
        if part in base and _takes(STUDENTS, over, part)
    } or None


def _remove_nulls(whole: Layer, before: Mapping[Any, Any]) -> None:
    """Take the entries out that are `null`.

    Raises:
        InputError: one that was not there before.
    """
    mistakes = []
    for keys in _NAMED:
        now, was = _at(whole.tree, keys), _at(before, keys)
        for name in [name for name, value in now.items() if value is None]:
            if name not in was:
                what = f"{'.'.join(keys)}.{name} is null"
                why = "That removes an entry of the recipe that this one extends, which has none."
                mistakes.append(Mistake((*keys, str(name)), what, why, nearest(str(name), was)))
            del now[name]
    if mistakes:
        raise refusal(mistakes, whole.places)


def _at(tree: Mapping[Any, Any], keys: Keys) -> Any:
    """The mapping at a path; an empty one if there is none."""
    branch: Any = tree
    for key in keys:
        branch = branch.get(key) if isinstance(branch, dict) else None
    return branch if isinstance(branch, dict) else {}


def _models(tree: Mapping[Any, Any]) -> Iterator[tuple[str, str, dict[Any, Any]]]:
    """Each model that is a mapping, with its group and its name."""
    for group in (TEACHERS, STUDENTS):
        for name, model in _at(tree, (group,)).items():
            if isinstance(model, dict):
                yield group, name, model


def _copy_likes(keys: Keys, whole: Layer, above: tuple[Keys, ...]) -> None:
    """Resolve the `like` of a model, after that of the model which it names.

    Args:
        above: the models that are like this one.
    """
    group, name = keys
    model = _at(whole.tree, (group,)).get(name)
    if not isinstance(model, dict) or LIKE not in model:
        return
    other = _named_by(model[LIKE], keys, whole)
    if other in (*above, keys):
        circle = " is like ".join(each[1] for each in (*above, keys, other))
        why = "One of them must be written out."
        mistake = Mistake((*keys, LIKE), f"{'.'.join(keys)}.like: {circle}", why)
        raise refusal([mistake], whole.places)
    _copy_likes(other, whole, (*above, keys))
    base = deepcopy(whole.tree[other[0]][other[1]])
    if group == TEACHERS and other[0] == STUDENTS:
        base = {part: base[part] for part in _OF_EVERY_MODEL if part in base}
    own = {key: value for key, value in model.items() if key != LIKE}
    before = whole.places.copy()
    whole.places.replace(keys, before, other)
    whole.tree[group][name] = _merged(base, own, whole.places, keys, before, keys)


def _named_by(like: Any, keys: Keys, whole: Layer) -> Keys:
    """The model that a `like` names: one of its own group first.

    Raises:
        InputError: there is none.
    """
    groups = (keys[0], STUDENTS if keys[0] == TEACHERS else TEACHERS)
    for group in groups:
        if isinstance(like, str) and isinstance(_at(whole.tree, (group,)).get(like), dict):
            return group, like
    known = [name for group in groups for name in map(str, _at(whole.tree, (group,)))]
    known = [name for name in known if name != keys[1]]
    what = f"{'.'.join(keys)}.like is {like!r}"
    why = f"It must name another model: {', '.join(known)}." if known else "There is no other."
    raise refusal([Mistake((*keys, LIKE), what, why, nearest(str(like), known))], whole.places)
