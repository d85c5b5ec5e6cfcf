"""Age of acquisition, BabyLM 2025: does a model learn words in the order in which children do?

One model gives the surprisal of words in contexts; that is the suite, whose predictions hold a
line a context. What 2025 asks for needs such predictions at many checkpoints: `acquisition` fits
a sigmoid in log10(words seen + 1) to each word's minus surprisal, takes for the model's age where
it crosses half-way between chance and the least surprisal, for the children's where a sigmoid
through the share of children who say the word crosses one half, and correlates the two.

What the pipeline's code does, under rules 2025, and what is meant, under all others:
- chance is log2(300,000) = 18.2 although surprisals are nats; meant is ln(300,000) = 12.6;
- each context is a point of the fit; meant is a word's mean over its contexts.
Both drop words whose age is outside the observed range, often most of them; `n` counts the rest,
and fewer than three give 0.

Source: AoA_word/ and utils.py of the 2025 pipeline, after Chang and Bergen 2022.
"""

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int64
from scipy.optimize import OptimizeWarning, curve_fit

from babyllama.errors import InputError
from babyllama.evaluation.likelihood.rules import ScoringRules
from babyllama.evaluation.likelihood.texts import Likelihoods, Text
from babyllama.evaluation.suites.aoa import uses_of
from babyllama.evaluation.suites.suite import Suite, bootstrapped
from babyllama.runs.artefact import Facts
from babyllama.runs.rows import (
    JSON_LINES,
    digest_of,
    json_value,
    packed_files,
    read_json_lines,
    read_table,
    text_of,
)
from babyllama.scores.regression import pearson
from babyllama.scores.results import BenchmarkResult, Count, Number

_CHANCE_BITS = math.log2(300_000)
_CHANCE_NATS = math.log(300_000)
_USES = 20
_SHAPE = 'The file reads {"word": [{"context": "the text before it"}, ...], ...}.'
_AGES = [str(age) for age in range(16, 31)]


@dataclass(frozen=True)
class Context:
    """A word and the text before it."""

    word: str
    before: str


class AcquisitionResult(BenchmarkResult):
    """Ages of acquisition, a model's against children's.

    Attributes:
        words_asked: number of words that the model was tested on.
        words: of each word that both learn, the age of either.
    """

    words_asked: Count
    words: Mapping[str, Mapping[str, Number]]


def _read(path: Path) -> list[Context]:
    """A JSON object from words to lists of `{"context": ...}`, or utterances as in `aoa`.

    At most 20 of a word's uses in utterances are read, evenly spaced. Words of one letter are
    skipped.
    """
    contexts = []
    for name, data in packed_files(path, (".json", ".json.gz", *JSON_LINES)).items():
        if name.endswith(JSON_LINES):
            for word, uses in uses_of(read_json_lines(name, data, ("sent", "words"))).items():
                contexts += [Context(word, before) for before, _ in _spread(uses)]
        else:
            contexts += _read_lists(name, data)
    return [context for context in contexts if len(context.word) > 1]


def _spread(uses: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    chosen = np.linspace(0, len(uses), min(len(uses), _USES), endpoint=False)
    return [uses[int(at)] for at in chosen]


def _read_lists(name: str, data: bytes) -> list[Context]:
    lists = json_value(name, text_of(name, data))
    if not isinstance(lists, dict):
        raise InputError(
            f"{name}: is not an object from words to contexts",
            why=_SHAPE,
            mend="Check that this is the right file.",
        )
    return [
        Context(word, before)
        for word, found in lists.items()
        for before in _befores(name, word, found)
    ]


def _befores(name: str, word: str, found: object) -> list[str]:
    is_right = isinstance(found, list) and all(
        isinstance(each, dict) and isinstance(each.get("context"), str) for each in found
    )
    if not isinstance(found, list) or not is_right:
        raise InputError(
            f"{name}: {word} is not a list of objects with `context`",
            why=_SHAPE,
            mend="Correct the contexts of this word.",
        )
    return [each["context"] for each in found]


def _texts(contexts: Sequence[Context], _rules: ScoringRules) -> list[Text]:
    return [Text(context.word, _spaced(context.before)) for context in contexts]


def _spaced(before: str) -> str:
    return f"{before.strip()} " if before.strip() else ""


def _scores(
    contexts: Sequence[Context], likelihoods: Likelihoods, _rules: ScoringRules
) -> tuple[BenchmarkResult, list[Facts]]:
    nats = -likelihoods.sums()
    words = np.unique([context.word for context in contexts], return_inverse=True)[1]
    sums, counts = np.bincount(words, nats), np.bincount(words)

    def statistic(
        drawn: Int64[np.ndarray, "resamples words"],
    ) -> Float64[np.ndarray, " resamples"]:
        """Resample words, not contexts, since the contexts of one word resemble each other."""
        found: Float64[np.ndarray, " resamples"] = sums[drawn].sum(axis=1) / counts[drawn].sum(
            axis=1
        )
        return found

    result = BenchmarkResult(
        **{**bootstrapped(statistic, len(sums)).headline(), "n": len(contexts)},
        unit="nats a word",
        chance=_CHANCE_NATS,
        higher_is_better=False,
        items=digest_of([context.word, context.before] for context in contexts),
    )
    lines: list[Facts] = [
        {"word": context.word, "context": context.before, "surprisal": surprisal}
        for context, surprisal in zip(contexts, nats.tolist(), strict=True)
    ]
    return result, lines


SUITE = Suite("aoa_2025", _read, _texts, _scores)


# --- over checkpoints ---------------------------------------------------------------------------


def read_children(path: Path) -> dict[str, list[tuple[int, float]]]:
    """The share of children who say each word, by age in months, from a Wordbank table.

    The words are in a column `word` or `definition`, the shares in columns 16 to 30.

    Raises:
        InputError: a table that cannot be read or lacks a column.
    """
    children: dict[str, list[tuple[int, float]]] = {}
    for name, data in packed_files(path, (".csv", ".csv.gz")).items():
        header = text_of(name, data).partition("\n")[0]
        column = "word" if '"word"' in header or "word" in header.split(",") else "definition"
        for row in read_table(name, data, (column, *_AGES)):
            shares = [(int(age), row.real(age, allow_missing=True)) for age in _AGES]
            # The first of equal words counts, as in the pipeline.
            children.setdefault(row.text(column), [(a, s) for a, s in shares if not math.isnan(s)])
    return children


def acquisition(
    checkpoints: Mapping[int, Sequence[Facts]],
    children: Mapping[str, Sequence[tuple[int, float]]],
    rules: ScoringRules,
) -> AcquisitionResult:
    """Correlate when a model and when children learn words.

    Args:
        checkpoints: words seen, and the suite's predictions there.
        children: of `read_children`.

    Returns:
        100 times Pearson's r over the words that both learn within what was observed; `words`
        holds both ages of each, the model's in log10(words seen + 1), the children's in months.
    """
    curves: dict[str, list[tuple[int, float]]] = {}
    for seen, lines in sorted(checkpoints.items()):
        for line in lines:
            curves.setdefault(line["word"], []).append((seen, line["surprisal"]))
    ages: dict[str, tuple[float, float]] = {}
    for word, points in curves.items():
        child = child_age(children.get(word, ()))
        model = None if child is None else model_age(points, rules)
        if child is not None and model is not None:
            ages[word] = (model, child)
    return AcquisitionResult(
        **_correlated(list(ages.values())),
        unit="pearson x 100",
        chance=0.0,
        higher_is_better=True,
        words_asked=len(curves),
        words={word: {"model": model, "child": child} for word, (model, child) in ages.items()},
        items=digest_of([word] for word in ages),
    )


def _correlated(ages: Sequence[tuple[float, float]]) -> Facts:
    """100 times Pearson's r of models' and children's ages; 0 of fewer than three words."""
    if len(ages) < 3:
        return {"score": 0.0, "n": len(ages)}
    model, child = np.array(ages).T

    def statistic(
        rows: Int64[np.ndarray, "resamples n"],
    ) -> Float64[np.ndarray, " resamples"]:
        return 100 * pearson(model[rows], child[rows])

    return bootstrapped(statistic, len(ages)).headline()


def child_age(shares: Sequence[tuple[int, float]]) -> float | None:
    """The age in months at which half of the children say a word, within those observed."""
    if len(shares) < 3:
        return None
    months, y = np.array(shares, dtype=np.float64).T
    bounds = ([0, 0, months[0], -0.5], [2.0, 1.0, months[-1], 0.5])
    age = _crossing(months, y, 0.5, [1.0, 0.1, float(months.mean()), 0.0], bounds)
    return age if age is not None and months[0] <= age <= months[-1] else None


def model_age(points: Sequence[tuple[int, float]], rules: ScoringRules) -> float | None:
    """log10(words seen + 1) where a word is half learnt, within the checkpoints.

    Args:
        points: words seen and surprisal in nats, in the order of words seen; several of the same
            words seen are contexts.
    """
    as_coded = rules.name == "2025"
    seen, nats = np.array(points if as_coded else _means(points), dtype=np.float64).T
    if len(seen) < 4:  # a sigmoid has four parameters
        return None
    x = np.log10(seen + 1)
    chance = _CHANCE_BITS if as_coded else _CHANCE_NATS
    start = [float(np.ptp(nats)), 1.0, float(x.mean()), -float(nats.max())]
    age = _crossing(x, -nats, -(chance + float(nats.min())) / 2, start, (-np.inf, np.inf))
    return age if age is not None and x[0] <= age <= x[-1] else None


def _means(points: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    contexts: dict[int, list[float]] = {}
    for seen, nats in points:
        contexts.setdefault(seen, []).append(nats)
    return [(seen, sum(found) / len(found)) for seen, found in contexts.items()]


def _crossing(
    x: Float64[np.ndarray, " n"],
    y: Float64[np.ndarray, " n"],
    level: float,
    start: Sequence[float],
    bounds: tuple[object, object],
) -> float | None:
    """Where a sigmoid fitted to the points crosses a level; None without a crossing or a fit."""
    try:
        with warnings.catch_warnings(), np.errstate(over="ignore"):
            warnings.simplefilter("ignore", OptimizeWarning)  # the covariance is not needed
            found, _ = curve_fit(sigmoid, x, y, p0=start, bounds=bounds, maxfev=1000)
    except RuntimeError:  # no fit in 1000 calls
        return None
    height, slope, middle, floor = found.tolist()
    if height <= 0 or slope <= 0 or not floor < level < floor + height:
        return None
    return float(middle - math.log(height / (level - floor) - 1) / slope)


def sigmoid(
    x: Float64[np.ndarray, " n"], height: float, slope: float, middle: float, floor: float
) -> Float64[np.ndarray, " n"]:
    """height / (1 + exp(-slope (x - middle))) + floor."""
    found: Float64[np.ndarray, " n"] = height / (1 + np.exp(-slope * (x - middle))) + floor
    return found
