"""Wug tests: of two forms of an invented word, does a model prefer the one that people prefer?

Two sentences an item. A model's share of the first is softmax over their two summed
log-likelihoods; the score is 100 times Spearman's rho between it and the share of people who
chose it, over all items. Chance 0. Results of before summer 2025 are accuracies instead.

Source: sentence_zero_shot/compute_results.py and calculate_results_from_pred.py of the 2025
pipeline.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int64
from scipy.special import expit

from babyllama.errors import InputError
from babyllama.evaluation.likelihood.rules import ScoringRules
from babyllama.evaluation.likelihood.texts import Likelihoods, Text
from babyllama.evaluation.suites.suite import Published, Suite, bootstrapped
from babyllama.runs.artefact import Facts
from babyllama.runs.rows import CORRECT_ITEM, Row, digest_of, read_rows
from babyllama.scores.regression import spearman
from babyllama.scores.results import BenchmarkResult


@dataclass(frozen=True)
class Wug:
    """Two sentences, and the share of people, 0 to 1, who chose the first."""

    first: str
    second: str
    ratio: float


def _read(path: Path) -> list[Wug]:
    return [_wug(row) for row in read_rows(path, ("sentences", "ratio"))]


def _wug(row: Row) -> Wug:
    sentences = row.text("sentences").split("\t")
    if len(sentences) != 2 or not all(sentence.strip() for sentence in sentences):
        raise InputError(
            f"{row.where}: sentences holds {len(sentences)}, not 2 separated by a tab",
            mend=CORRECT_ITEM,
        )
    ratio = row.real("ratio")
    if not 0 <= ratio <= 1:
        raise InputError(
            f"{row.where}: ratio is {ratio:g}, not a share between 0 and 1", mend=CORRECT_ITEM
        )
    return Wug(sentences[0], sentences[1], ratio)


def _texts(wugs: Sequence[Wug], _rules: ScoringRules) -> list[Text]:
    return [Text(sentence) for wug in wugs for sentence in (wug.first, wug.second)]


def _scores(
    wugs: Sequence[Wug], likelihoods: Likelihoods, _rules: ScoringRules
) -> tuple[BenchmarkResult, list[Facts]]:
    sums = likelihoods.sums().reshape(-1, 2)
    # Ranked by the difference: the share has the same order until it rounds to 1.
    preference = sums[:, 0] - sums[:, 1]
    ratios = np.array([wug.ratio for wug in wugs])

    def statistic(
        rows: Int64[np.ndarray, "resamples n"],
    ) -> Float64[np.ndarray, " resamples"]:
        return 100 * spearman(preference[rows], ratios[rows])

    result = BenchmarkResult(
        **bootstrapped(statistic, len(wugs)).headline(),
        unit="spearman x 100",
        chance=0.0,
        higher_is_better=True,
        items=digest_of([wug.first, wug.second, wug.ratio] for wug in wugs),
    )
    lines: list[Facts] = [
        {
            "first": wug.first,
            "second": wug.second,
            "log_likelihood_first": first,
            "log_likelihood_second": second,
            "share": share,
            "ratio": wug.ratio,
        }
        for wug, (first, second), share in zip(
            wugs, sums.tolist(), expit(preference).tolist(), strict=True
        )
    ]
    return result, lines


ADJECTIVES = Suite("wug_adj", _read, _texts, _scores, Published(200))
PAST = Suite("wug_past", _read, _texts, _scores, Published(50))
