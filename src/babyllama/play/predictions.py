"""A run's own minimal pairs with the decisions of its models, from its evaluation."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from babyllama.errors import InputError
from babyllama.recipe.names import ENSEMBLE
from babyllama.runs.layout import Layout
from babyllama.runs.rows import json_value
from babyllama.scores.decisions import Credits, Predictions, read_predictions

PAGE = 20  # pairs at once
_KEYS = {"UID", "sentence_good", "sentence_bad", "correct"}


@dataclass(frozen=True)
class Pair:
    """A minimal pair and who got it right.

    Attributes:
        number: its place in the benchmark.
        uid: its paradigm.
        correct: of each model: 1 right, 0 wrong, in between a tie.
    """

    number: int
    uid: str
    good: str
    bad: str
    correct: Mapping[str, float]


@dataclass(frozen=True)
class PairsAnswer:
    """Some pairs of a benchmark.

    Attributes:
        total: pairs that the filter lets through.
        start: the number of the first of them that is shown.
        uids: the benchmark's paradigms.
        models: those that have decisions.
    """

    total: int
    start: int
    uids: tuple[str, ...]
    models: tuple[str, ...]
    pairs: tuple[Pair, ...]


@dataclass(frozen=True)
class Filter:
    """Which pairs are shown; "" is no condition.

    Attributes:
        right: a model that is right.
        wrong: a model that is wrong.
        uid: a paradigm.
        words: a part of either sentence.
    """

    right: str = ""
    wrong: str = ""
    uid: str = ""
    words: str = ""


@dataclass(frozen=True)
class _Benchmark:
    uids: tuple[str, ...]
    sentences: tuple[tuple[str, str], ...]
    correct: Mapping[str, Credits]


def benchmarks_of(run: Path) -> list[str]:
    """The benchmarks of a run whose predictions are pairs that may be shown, by name."""
    one_of: dict[str, Path] = {}
    for files in _files(run).values():
        one_of = files | one_of  # the models of a run are scored on the same items
    return sorted(name for name, path in one_of.items() if _has_pairs(path))


def pairs_answer(run: Path, benchmark: str, wanted: Filter, *, start: int) -> PairsAnswer:
    """A page of a benchmark's pairs.

    Raises:
        InputError: no such benchmark or model; predictions that are damaged.
    """
    if benchmark not in (known := benchmarks_of(run)):
        raise InputError(
            f"{run} has no pairs of {benchmark!r}",
            why="" if known else "It has no predictions of pairs that may be shown.",
            mend=f"Choose from {', '.join(known)}." if known else "",
        )
    found = _benchmark(run, benchmark)
    for model in filter(None, (wanted.right, wanted.wrong)):
        if model not in found.correct:
            raise InputError(
                f"{run} has no predictions of {model!r} on {benchmark}",
                mend=f"Choose from {', '.join(found.correct)}.",
            )
    numbers = _filtered(found, wanted)
    shown = numbers[start : start + PAGE]
    return PairsAnswer(
        total=len(numbers),
        start=start,
        uids=tuple(sorted(set(found.uids))),
        models=tuple(found.correct),
        pairs=tuple(_pair(found, number) for number in shown),
    )


def _filtered(found: _Benchmark, wanted: Filter) -> list[int]:
    passes = np.ones(len(found.uids), dtype=bool)
    if wanted.right:
        passes &= found.correct[wanted.right] == 1
    if wanted.wrong:
        passes &= found.correct[wanted.wrong] == 0
    words = wanted.words.casefold()
    return [
        number
        for number in np.flatnonzero(passes).tolist()
        if wanted.uid in ("", found.uids[number])
        and (not words or any(words in each.casefold() for each in found.sentences[number]))
    ]


def _pair(found: _Benchmark, number: int) -> Pair:
    good, bad = found.sentences[number]
    correct = {model: float(values[number]) for model, values in found.correct.items()}
    return Pair(number, found.uids[number], good, bad, correct)


def _files(run: Path) -> dict[str, dict[str, Path]]:
    """The files of predictions of each model, by benchmark."""
    layout = Layout(run)
    recipe = layout.load_recipe("babyllama play runs/mini")
    found: dict[str, dict[str, Path]] = {}
    for model in (*recipe.teachers, ENSEMBLE, *recipe.students):
        folder = layout.predictions(model)
        files = sorted(folder.glob("*.jsonl")) if folder.is_dir() else []
        found[model] = {path.stem: path for path in files}
    return found


def _has_pairs(path: Path) -> bool:
    """Whether the first line is a pair: all lines of a file are alike."""
    with path.open(encoding="utf-8") as file:
        line = file.readline()
    first = json_value(f"{path}:1", line) if line else None
    return isinstance(first, dict) and first.keys() >= _KEYS


@lru_cache(maxsize=4)
def _benchmark(run: Path, benchmark: str) -> _Benchmark:
    """All pairs of a benchmark, with the decisions of every model that was scored on them.

    Of an item with several wrong sentences, the one that the first model found likeliest is shown.
    """
    first: Predictions | None = None
    correct: dict[str, Credits] = {}
    for model, files in _files(run).items():
        found = read_predictions(files[benchmark]) if benchmark in files else None
        if found is None:
            continue
        first = first or found
        if found.keys == first.keys:
            correct[model] = found.correct
    assert first is not None, "benchmarks_of has seen a pair"
    return _Benchmark(first.uids, first.texts, correct)
