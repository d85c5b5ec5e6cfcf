"""The base class of every part of a recipe, mistakes, and suggestions for misspelt names."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, JsonValue, field_validator

LARGEST = 2**53  # integers above it are not exact in 64-bit floats
# Marks fields that came later. Manifests do not record their defaults, so that folders which were
# finished before, and are what the default makes, stay complete.
NOT_RECORDED_AT_DEFAULT: dict[str, JsonValue] = {"recorded_at_default": False}
# Marks fields that change logs, checkpoints or cards, but nothing that a later stage reads: no
# reason to make anything again.
NOT_DECISIVE: dict[str, JsonValue] = {"decides": False}


class Frozen(BaseModel):
    """A part of a recipe: immutable; an unknown field is an error."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False
    )
    # Fields that a file may have and that are replaced before it is checked: see `combining`.
    replaced_before: ClassVar[tuple[str, ...]] = ()
    # In a union that a function tells apart, not a field such as `kind`: this alternative's tag.
    union_tag: ClassVar[str] = ""

    def __hash__(self) -> int:
        """Makes a part a key of caches, even if its fields are dicts."""
        return hash(self.model_dump_json())

    @field_validator("*")
    @classmethod
    def _is_countable(cls, value: Any) -> Any:
        if isinstance(value, int) and abs(value) > LARGEST:
            raise ValueError(f"it is beyond {LARGEST:,}: too large to count with")
        return value


def divisor_of(field: str, value: int, earlier: Mapping[str, Any]) -> int:
    """Check that a value divides an earlier field of its model, unless that one is wrong itself.

    Raises:
        ValueError: it does not.
    """
    multiple = earlier.get(field)
    if multiple is not None and multiple % value:
        raise ValueError(f"it does not divide {field} {multiple}")
    return value


@dataclass(frozen=True)
class Mistake:
    """One mistake in a recipe.

    Attributes:
        keys: the path of the field in the user's file: its line is shown, or that of the nearest
            enclosing field that is in the file.
        what: the field and its value: `students.distilled.alpha is 1.5`.
        why: what is wrong with it, with the permitted range.
        mend: what to write instead.
        is_missing: whether a required field is not in the file.
        meant: of a misspelt field, the known field that it resembles.
    """

    keys: tuple[str, ...]
    what: str
    why: str = ""
    mend: str = ""
    is_missing: bool = False
    meant: str = ""


def nearest(word: str, known: Iterable[str]) -> str:
    """`Did you mean X?` with the known name closest to a misspelt one; "" if none is close."""
    close = nearest_name(word, known)
    return f"Did you mean {shown_name(close)}?" if close and close != word else ""


def shown_name(name: str) -> str:
    """A name in quotes if blanks at its ends, or characters that nobody sees, would be missed."""
    return name if name and name == name.strip() and name.isprintable() else repr(name)


def nearest_name(word: str, known: Iterable[str]) -> str:
    """The known name closest to a misspelt one; "" if none is close."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return close[0] if close else ""
