"""What the page may ask: the bodies of its requests, checked before anything is computed."""

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from babyllama.errors import InputError
from babyllama.play.reading import Forced
from babyllama.play.writing import MOST_TOKENS

# Reloading would ask the same again: what is asked is in the address.
BEGIN_AGAIN = "Open the page without the part of its address after #."
LONGEST_TEXT = 100_000  # characters
_TextField = Annotated[str, Field(max_length=LONGEST_TEXT)]
_Temperature = Annotated[float, Field(ge=0.05, le=20, allow_inf_nan=False)]


class Asked(BaseModel):
    """The base of all requests, which refuses unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ForcedToken(Asked):
    """A token that the viewer has put at a place: see `reading.Forced`."""

    at: int
    token: int
    keeps_rest: bool


class TextAsked(Asked):
    """A text for the models of a group."""

    group: int = Field(0, ge=0)
    text: _TextField
    forced: tuple[ForcedToken, ...] = Field((), max_length=200)

    def forced_tokens(self) -> list[Forced]:
        """The forced tokens as `read` takes them."""
        return [Forced(each.at, each.token, each.keeps_rest) for each in self.forced]


class PositionAsked(TextAsked):
    """A place of a text."""

    at: int
    temperature: _Temperature = 1.0
    guess: int | None = Field(None, ge=0)


class TokenAsked(Asked):
    """The text of a token, or a word that `begins` with one."""

    group: int = Field(0, ge=0)
    text: _TextField
    begins: bool = False


class LossAsked(TextAsked):
    """A place of a text under a student's loss."""

    at: int
    student: str


class WritingAsked(TextAsked):
    """A text to continue."""

    seed: int = Field(0, ge=0, lt=2**63)
    temperature: _Temperature = 1.0
    tokens: int = Field(30, ge=1, le=MOST_TOKENS)


class PairAsked(Asked):
    """Two sentences."""

    group: int = Field(0, ge=0)
    first: _TextField
    second: _TextField


class PairsAsked(Asked):
    """A page of a run's own pairs."""

    run: str
    benchmark: str
    right: str = ""
    wrong: str = ""
    uid: str = ""
    words: str = ""
    start: int = Field(0, ge=0)


Body = TypeVar("Body", bound=Asked)


def parsed(kind: type[Body], body: bytes) -> Body:
    """A request's body.

    Raises:
        InputError: not JSON, or a field that is missing, unknown or out of range.
    """
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the request"
        raise InputError(f"{where}: {first['msg']}", mend=BEGIN_AGAIN) from None
