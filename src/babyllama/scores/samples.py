"""What a model of a run wrote after some beginnings of dev documents, as its file holds it."""

from dataclasses import dataclass
from pathlib import Path

from babyllama.errors import InputError
from babyllama.runs.json_files import read_json

SAMPLES, TEXTS_FIELD = "samples", "texts"  # the field of a model's file, and what it holds
# Raised when the same model and text get other samples; since 2, models may begin a new line. No
# stage's key includes it, so that a finished evaluation keeps its samples.
SAMPLES_VERSION = 2
_VERSION_FIELD = "samples_version"


@dataclass(frozen=True)
class Sample:
    """One text.

    Attributes:
        given: the beginning, the same for all models.
        real: how the dev text goes on.
        written: how the model goes on.
        is_ended: whether the model ended its text itself; else it was cut.
        real_is_ended: whether the real text ends there, too; None if it is not known.
    """

    given: str
    real: str
    written: str
    is_ended: bool
    real_is_ended: bool | None = None


def read_samples(file: Path) -> list[Sample]:
    """A model's samples in a run; none without the file: older runs have none.

    Args:
        file: `Layout(run).samples(model)`.

    Raises:
        InputError: not JSON, or not samples.
    """
    if not file.is_file():
        return []
    try:
        return [Sample(**each) for each in read_json(file)[SAMPLES][TEXTS_FIELD]]
    except (KeyError, TypeError):
        raise InputError(
            f"{file} does not hold samples", mend="Find all damage: babyllama verify RUN"
        ) from None


def are_of_one_line(file: Path) -> bool:
    """Whether the samples are of version 1, in which models could not begin a new line."""
    return file.is_file() and read_json(file).get(_VERSION_FIELD, 1) < 2
