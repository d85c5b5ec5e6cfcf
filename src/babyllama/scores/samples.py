"""What a model of a run wrote after some beginnings of dev documents, as its file holds it."""

from dataclasses import dataclass
from pathlib import Path

from babyllama.errors import InputError
from babyllama.runs.json_files import read_json

SAMPLES, TEXTS_FIELD = "samples", "texts"  # the field of a model's file, and what it holds
SAMPLES_VERSION = 1  # raised when the same model and text get other samples


@dataclass(frozen=True)
class Sample:
    """One text.

    Attributes:
        given: the beginning, the same for all models.
        real: how the dev text goes on.
        written: how the model goes on.
        is_ended: whether the model ended its text itself; else it was cut.
    """

    given: str
    real: str
    written: str
    is_ended: bool


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
