"""Scores of predicted classes, each with its interval and two baselines.

Every score is computed from the confusion matrix, so a thousand resamples cost as much as a
thousand small tables.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from babyllama.evaluation.finetuning.tasks import Metric
from babyllama.runs.artefact import Facts
from babyllama.scores.certainty import (
    bootstrap_interval,
    bootstrap_replicates,
    t_interval,
    weighted_mean,
)
from babyllama.scores.decisions import encode_decisions
from babyllama.scores.results import Interval

METRICS: tuple[Metric, ...] = ("accuracy", "f1", "mcc")
Classes = Int64[np.ndarray, " rows"]
Tables = Float64[np.ndarray, "*resamples classes classes"]  # [label, class]: how often


def metrics_of(labels: Classes, predicted: Classes, classes: int) -> dict[str, float]:
    """Accuracy, F1 and Matthews correlation, 0 to 1 (-1 to 1); see `score_of` for each."""
    table = _table(labels, predicted, classes)
    return {metric: float(score_of(table, metric)) for metric in METRICS}


def score_of(table: Tables, metric: Metric) -> Float64[np.ndarray, "*resamples"]:
    """A metric of a table, or of each of several.

    accuracy: the share of right classes. f1: of class 1 where there are two classes, as GLUE and
    every BabyLM pipeline compute it, else the mean over classes; 0 where a class is neither there
    nor predicted. mcc: Matthews correlation, R_K for more than two classes; 0 where the labels or
    the predictions are all one class.

    Source: Matthews 1975; Gorodkin 2004 for R_K.
    """
    total = table.sum((-2, -1))
    right = np.diagonal(table, axis1=-2, axis2=-1)
    labelled, predicted = table.sum(-1), table.sum(-2)
    if metric == "accuracy":
        return np.asarray(right.sum(-1) / total)
    if metric == "f1":
        each = _ratio(2 * right, labelled + predicted)
        return np.asarray(each[..., 1] if table.shape[-1] == 2 else each.mean(-1))
    agreement = right.sum(-1) * total - (labelled * predicted).sum(-1)
    spread = (total**2 - (labelled**2).sum(-1)) * (total**2 - (predicted**2).sum(-1))
    return np.asarray(_ratio(agreement, np.sqrt(spread)))


def scores_of(
    labels: Sequence[int],
    predictions: Mapping[int, Sequence[int]],
    *,
    metric: Metric,
    classes: int,
    majority: int,
) -> Facts:
    """The score in percent; the mean over seeds if there are several.

    Args:
        predictions: of each seed, for the rows that give the score.
        metric: what is reported.
        majority: the training set's most frequent label.

    Returns:
        `interval` is over other rows, with the seeds fixed; `seeds_interval`, with several seeds,
        is over other seeds, with the rows fixed. `chance` is the score of guessing evenly.
        `replicates` are the score on resamples of the rows, on which two models are paired.
    """
    truth = np.asarray(labels, dtype=np.int64)
    guesses = {seed: np.asarray(each, dtype=np.int64) for seed, each in predictions.items()}
    found = {seed: metrics_of(truth, each, classes) for seed, each in guesses.items()}
    values = np.array([100 * each[metric] for each in found.values()])
    score = float(values.mean())
    replicates = _replicates(truth, list(guesses.values()), metric, classes)
    stderr, interval = _error(truth, list(guesses.values()), metric, score, replicates)
    return {
        "score": score,
        "stderr": stderr,
        "interval": interval,
        "n": len(truth),
        "unit": "percent",
        "higher_is_better": True,
        "metric": metric,
        "chance": _chance(truth, metric, classes),
        "majority": _constant(truth, majority, metric, classes),
        "metrics": {
            name: 100 * float(np.mean([each[name] for each in found.values()])) for name in METRICS
        },
        "seeds": {
            str(seed): {
                "score": 100 * found[seed][metric],
                "metrics": {name: 100 * value for name, value in found[seed].items()},
                "decisions": encode_decisions((guess == truth).astype(np.float64)),
            }
            for seed, guess in guesses.items()
        },
        **_between_seeds(values),
        "replicates": replicates,
    }


def _error(
    truth: Classes,
    guesses: Sequence[Classes],
    metric: Metric,
    score: float,
    replicates: Sequence[float],
) -> tuple[float, Interval]:
    """Standard error and 95% interval over the rows."""
    if metric != "accuracy":
        return float(np.std(replicates, ddof=1)), bootstrap_interval(replicates, score)
    correct = np.mean([guess == truth for guess in guesses], axis=0)
    found = weighted_mean([correct], [1.0])
    low, high = found.interval
    return 100 * found.stderr, (100 * low, 100 * high)


def _between_seeds(values: Float64[np.ndarray, " seeds"]) -> Facts:
    if len(values) < 2:
        return {}
    low, high = (values[0], values[0]) if np.ptp(values) < 1e-12 else t_interval(values)
    return {
        "seeds_sd": float(values.std(ddof=1)),
        "seeds_interval": (max(-100.0, float(low)), min(100.0, float(high))),
    }


def _replicates(
    truth: Classes, guesses: Sequence[Classes], metric: Metric, classes: int
) -> list[float]:
    """The score in percent, the mean over seeds, on resamples of the rows."""
    cells = [truth * classes + guess for guess in guesses]

    def on(drawn: Int64[np.ndarray, "resamples n"]) -> Float64[np.ndarray, " resamples"]:
        tables = (_tables(cell[drawn], classes) for cell in cells)
        scores = [100 * score_of(table, metric) for table in tables]
        return np.asarray(np.mean(scores, axis=0), dtype=np.float64)

    return bootstrap_replicates(on, len(truth))


def _table(labels: Classes, predicted: Classes, classes: int) -> Float64[np.ndarray, "k k"]:
    table: Float64[np.ndarray, "k k"] = _tables((labels * classes + predicted)[None], classes)[0]
    return table


def _tables(
    cells: Int64[np.ndarray, "resamples n"], classes: int
) -> Float64[np.ndarray, "resamples k k"]:
    rows = np.arange(len(cells))[:, None] * classes**2
    counts = np.bincount((cells + rows).ravel(), minlength=len(cells) * classes**2)
    return counts.reshape(-1, classes, classes).astype(np.float64)


def _ratio(top: Any, bottom: Any) -> Any:
    """top / bottom, 0 where both are."""
    bottom = np.asarray(bottom)
    return np.asarray(top) / np.where(bottom == 0, math.inf, bottom)


def _chance(truth: Classes, metric: Metric, classes: int) -> float:
    """The expected score of evenly guessed classes on these rows, in percent.

    Of F1 it is the F1 of the table that is expected, which differs from the mean F1 by less than
    sampling would show.
    """
    counts = np.bincount(truth, minlength=classes).astype(np.float64)
    expected = np.repeat(counts[:, None] / classes, classes, axis=1)
    return 100 * float(score_of(expected, metric))


def _constant(truth: Classes, majority: int, metric: Metric, classes: int) -> Facts:
    """The score of predicting the training set's most frequent label for every row, in percent."""
    same = np.full_like(truth, majority)
    return {"label": majority, "score": 100 * float(score_of(_table(truth, same, classes), metric))}
