"""What every part of a recipe is, and how a word that is nearly right is told."""

import difflib

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A part of a recipe: immutable, and a field it does not know is an error."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False
    )


def nearest(word: str, known: list[str]) -> str:
    """A question with the known word that comes closest; "" if none does."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"Did you mean {close[0]}?" if close else ""
