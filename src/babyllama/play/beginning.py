"""The text that the page begins with: one of a kind that the run's models know, but never read."""

from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from babyllama.runs.layout import Layout

DEFAULT = "The children saw the dog and the"
_WORDS = range(6, 21)  # of a line that is taken
_MOST_WORDS = 10  # of it
_CHARACTERS = 60  # of a line without spaces, as in Chinese
_MOST_LINES = 2_000  # that are looked at


def beginning_of(runs: Iterable[Path]) -> str:
    """The beginning of a sentence of the runs' dev text, so that models can go on with it.

    The default if there is no such sentence.
    """
    for run in runs:
        for file in sorted((Layout(run).corpus / "dev").glob("*.txt")):
            if found := _sentence(file):
                return found
    return DEFAULT


def _sentence(file: Path) -> str:
    """The beginning of the first line of middling length; "" if there is none."""
    with file.open(encoding="utf-8", errors="replace") as lines:
        stripped = [line.strip() for line in islice(lines, _MOST_LINES)]
    words = (line.split() for line in stripped)
    of_words = (
        " ".join(each[: min(len(each) - 1, _MOST_WORDS)]) for each in words if len(each) in _WORDS
    )
    unspaced = (line[:_CHARACTERS] for line in stripped if len(line) >= 12 and " " not in line)
    return next(of_words, next(unspaced, ""))
