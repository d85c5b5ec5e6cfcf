"""From pydantic's errors to mistakes in the user's words: field, value, range, nearest name."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from babyllama.errors import InputError, kind_of, quoted
from babyllama.recipe.base import Mistake, nearest, nearest_name
from babyllama.recipe.raw_tree import Keys, Places

_SEEDS = "Several seeds are a study: babyllama study replication --scale mini --seeds 3"
_LISTED_IN = "See the fields: babyllama recipes NAME"


def refusal(mistakes: Sequence[Mistake], places: Places) -> InputError:
    """One error that lists every mistake with its place, in the order of the file."""
    listed = sorted(mistakes, key=lambda each: places.order(each.keys))
    lines = [f"{places.of(each.keys)}: {each.what}" for each in listed]
    if len(listed) == 1:
        return InputError(lines[0], why=listed[0].why, mend=listed[0].mend)
    paragraphs = [
        "\n    ".join(line for line in (first, each.why, each.mend) if line)
        for first, each in zip(lines, listed, strict=True)
    ]
    return InputError(f"{places.where}: {len(listed)} mistakes", why="\n  ".join(paragraphs))


def mistakes_of(
    part: type[BaseModel], error: ValidationError, *, below: Keys = ()
) -> list[Mistake]:
    """Every mistake that pydantic found while it checked a tree against `part`.

    Args:
        below: where that tree is in the user's file.
    """
    found: dict[Keys | int, list[tuple[_Field, ErrorDetails]]] = {}
    for number, details in enumerate(error.errors(include_url=False)):
        if _is_of_a_wrong_entry(details):
            continue
        field = _field_at(_Field(below, part, part), details["loc"])
        group = number if field.alternatives_of is None else field.alternatives_of
        found.setdefault(group, []).append((field, details))
    mistakes = [_mistake_of_alternatives(each) for each in found.values()]
    meant = {(*each.keys[:-1], each.meant) for each in mistakes if each.meant}
    return [each for each in mistakes if not (each.is_missing and each.keys in meant)]


@dataclass(frozen=True)
class _Field:
    """Where in the user's tree an error is.

    Attributes:
        keys: the user's own path to it.
        model: the innermost model on the way.
        annotation: what the value should be; None where that is unknown.
        info: of the model's field that the path ends in, or ends below.
        alternatives_of: the path of a union of plain types, each of which has an error of its own.
        others: the models that might stand where the innermost one does, and have other fields.
    """

    keys: Keys
    model: type[BaseModel]
    annotation: Any
    info: FieldInfo | None = None
    alternatives_of: Keys | None = None
    others: tuple[Any, ...] = ()

    @property
    def name(self) -> str:
        return ".".join(self.keys)

    @property
    def description(self) -> str:
        return (self.info.description or "") if self.info else ""


def _field_at(field: _Field, loc: Iterable[int | str]) -> _Field:
    """Follow pydantic's path from a field.

    It has steps that the user's file does not have: tags of unions (`llama`), alternatives of other
    unions (`tuple[int, ...]`), and `[key]` where a mapping's key is wrong.
    """
    for step in loc:
        members = _members(field.annotation)
        tagged = [
            each for each in members if step in (*_tags(each), getattr(each, "union_tag", None))
        ]
        if step == "[key]":
            continue
        if len(members) > 1 and all(map(_is_model, members)):
            others = tuple(each for each in members if each is not tagged[0])
            field = replace(field, annotation=tagged[0], others=others)
        elif len(members) > 1:
            # Pydantic calls a list `list[Entry]`; entries that are models have fields.
            meant = [m for m in members if f"{step}".startswith(f"{_plain(m).__name__}[")]
            field = replace(
                field, annotation=meant[0] if meant else None, alternatives_of=field.keys
            )
        elif members and _is_model(members[0]):
            info = members[0].model_fields.get(str(step))
            below = info.annotation if info else None
            others = field.others if info is None else ()  # what follows may be a union of its own
            field = replace(
                field, keys=(*field.keys, str(step)), model=members[0], annotation=below, info=info,
                others=others,
            )  # fmt: skip
        elif members or isinstance(step, int):
            below = _entries(members[0]) if members else None
            field = replace(field, keys=(*field.keys, str(step)), annotation=below)
    return field


def _is_of_a_wrong_entry(details: ErrorDetails) -> bool:
    """Whether a list is called too short because its entries have mistakes of their own."""
    given = details["input"]
    return (
        details["type"] == "too_short"
        and isinstance(given, list | tuple)
        and len(given) >= details["ctx"]["min_length"]
    )


def _mistake_of_alternatives(errors: Sequence[tuple[_Field, ErrorDetails]]) -> Mistake:
    """One mistake of the errors that the alternatives of a union have; usually there is only one.

    The deepest errors belong to the alternative that the user meant.
    """
    deepest = max(len(field.keys) for field, _ in errors)
    meant = [(field, details) for field, details in errors if len(field.keys) == deepest]
    mistake = _mistake(*meant[0])
    others = [details["msg"].removeprefix("Input should be ") for _, details in meant[1:]]
    if not others:
        return mistake
    return replace(mistake, why=_sentence(" or ".join([mistake.why.rstrip("."), *others])))


def _mistake(field: _Field, details: ErrorDetails) -> Mistake:
    kind, value = details["type"], details["input"]
    if kind == "extra_forbidden":
        if field.keys == ("seeds",):
            return Mistake(field.keys, "seeds is not a field", "A run has one seed.", _SEEDS)
        known = [*field.model.model_fields, *getattr(field.model, "replaced_before", ())]
        return Mistake(
            field.keys,
            f"{field.name} is not a field",
            f"Known here: {', '.join(known)}.",
            nearest(field.keys[-1], known) or _of_another_kind(field, value) or _LISTED_IN,
            meant=nearest_name(field.keys[-1], known),
        )
    if kind == "invalid_key":
        return Mistake(field.keys, f"{field.name} is not a field", "Field names must be text.")
    if kind == "missing":
        return Mistake(
            field.keys, f"{field.name} is missing", mend=field.description, is_missing=True
        )
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _wrong_tag(field, details)
    if details["loc"][-1:] == ("[key]",):
        return Mistake(field.keys, f"{field.name}: {_why(field, details).rstrip('.')}")
    if kind == "value_error" and not field.keys:
        return Mistake(field.keys, str(details["ctx"]["error"]))
    what = f"{field.name} is {_shown(value)}" if field.keys else f"is {_shown(value)}"
    return Mistake(field.keys, what, _why(field, details), _mend(field, value, kind))


def _of_another_kind(field: _Field, value: Any) -> str:
    """How to set a field that another kind of the same part has; "" if none has it."""
    *part, name = field.keys
    other = next((each for each in field.others if name in each.model_fields), None)
    if other is None or not _tags(other):
        return ""
    tag, kind = _tag_name(other), _tags(other)[0]
    tree = yaml.safe_dump({tag: kind, name: value}, default_flow_style=True, sort_keys=False)
    setting = quoted(f"{'.'.join(part)}={tree.strip()}")
    return f"It is a field of {tag}: {kind}. For that kind: --set {setting}"


def _wrong_tag(field: _Field, details: ErrorDetails) -> Mistake:
    context = details["ctx"]
    keys = (*field.keys, context["discriminator"].strip("'"))
    choices = [tag for each in _members(field.annotation) for tag in _tags(each)]
    given = context.get("tag")
    return Mistake(
        keys,
        f"{'.'.join(keys)} is {given!r}" if given else f"{'.'.join(keys)} is missing",
        f"It must be one of {', '.join(choices)}; it determines the other fields.",
        nearest(given or "", choices),
    )


def _why(field: _Field, details: ErrorDetails) -> str:
    kind, permitted = details["type"], _permitted(field.info)
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return "It must be a mapping of fields."
    if kind == "too_short":
        return "It must have at least one entry."
    if kind == "value_error":
        return _sentence(str(details["ctx"]["error"]))
    if kind.startswith(("greater_than", "less_than")) and permitted:
        return permitted
    return " ".join(line for line in (_sentence(details["msg"]), permitted) if line)


def _mend(field: _Field, value: Any, kind: str) -> str:
    models = _members(field.annotation)
    tags = [tag for model in models for tag in _tags(model)]
    if tags and isinstance(value, str):
        return f"For example: {{{_tag_name(models[0])}: {nearest_name(value, tags) or tags[0]}}}"
    choices = [str(each) for each in get_args(field.annotation) if isinstance(each, str)]
    # Our own checks say themselves what a value must be.
    return nearest(str(value), choices) or ("" if kind == "value_error" else field.description)


def _permitted(info: FieldInfo | None) -> str:
    """A field's range, in words: `Permitted: from 0 to 1.`"""
    bounds = {
        name: getattr(each, name)
        for each in (info.metadata if info else ())
        for name in ("ge", "gt", "le", "lt")
        if getattr(each, name, None) is not None
    }
    if "ge" in bounds and "le" in bounds:
        return f"Permitted: from {_number(bounds['ge'])} to {_number(bounds['le'])}."
    words = {"ge": "{} or more", "gt": "above {}", "le": "{} or less", "lt": "below {}"}
    said = [words[name].format(_number(bounds[name])) for name in words if name in bounds]
    return f"Permitted: {' and '.join(said)}." if said else ""


def _number(bound: float) -> str:
    return f"{bound:,}" if isinstance(bound, int) else f"{bound:g}"


def _shown(value: Any) -> str:
    if value is None or isinstance(value, str | int | float | bool):
        return repr(value)
    if not value:
        return "empty"
    if len(repr(value)) < 50:
        return repr(value)
    return kind_of(value)


def _members(annotation: Any) -> list[Any]:
    """The alternatives of an annotation, None left out; most have one."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) not in (Union, UnionType):
        return [] if annotation in (None, NoneType, Any) else [annotation]
    return [member for each in get_args(annotation) for member in _members(each)]


def _plain(annotation: Any) -> Any:
    """`list` of `list[int]`."""
    return get_origin(annotation) or annotation


def _entries(annotation: Any) -> Any:
    """What the entries of a mapping or a list should be."""
    inner = get_args(annotation) or (None,)
    return inner[-1] if get_origin(annotation) is dict else inner[0]


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _tag_name(annotation: Any) -> str:
    """The field that distinguishes a model from the others of its union; "" if there is none."""
    fields = annotation.model_fields if _is_model(annotation) else {}
    return next((name for name in ("kind", "by", "model_type") if name in fields), "")


def _tags(annotation: Any) -> tuple[str, ...]:
    """The values of that field."""
    name = _tag_name(annotation)
    return get_args(annotation.model_fields[name].annotation) if name else ()


def _sentence(message: str) -> str:
    return message[:1].upper() + message[1:].rstrip(".") + "." if message else ""
