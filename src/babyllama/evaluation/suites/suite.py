"""What a benchmark is: how to read its items, which texts to score, how to compute the score."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from jaxtyping import Float64, Int64

from babyllama.evaluation.likelihood.rules import ScoringRules
from babyllama.evaluation.likelihood.texts import Likelihoods, Text
from babyllama.evaluation.suites.choices import Average, Choice, choice_texts, score_choices
from babyllama.runs.artefact import Facts
from babyllama.scores.certainty import bootstrap_interval, bootstrap_replicates
from babyllama.scores.results import BenchmarkResult, PartOfSuite, Replicates, Score

Item = TypeVar("Item")


@dataclass(frozen=True)
class Published:
    """How large a benchmark is as its authors, or BabyLM's, publish it.

    Attributes:
        uids: None if its items have no UIDs.
    """

    items: int
    uids: int | None = None

    def part(self, items: Sequence[Any]) -> PartOfSuite | None:
        """The sizes of some items and of the published benchmark; None if they are equal."""
        uids = None if self.uids is None else len({item.uid for item in items})
        if (len(items), uids) == (self.items, self.uids):
            return None
        return PartOfSuite(uids=uids, of_uids=self.uids, items=len(items), of_items=self.items)


@dataclass(frozen=True)
class Suite(Generic[Item]):
    """A benchmark.

    Attributes:
        name: what `--benchmark NAME=PATH` calls it.
        read: the items, in the order of the files. Raises InputError with file and line.
        texts: what is to be scored, item by item.
        scores: from the items and their texts' log-likelihoods, in nats: the result, whose
            `score` is in its `unit`, and one line of predictions per item.
        published: its full size, if it is a known one.
        counts_bytes: whether `scores` needs the number of bytes that were scored.
        per_token: whether texts are compared by their mean log-likelihood per token: `scores` then
            gets each value divided by its text's number of tokens.
    """

    name: str
    read: Callable[[Path], list[Item]]
    texts: Callable[[Sequence[Item], ScoringRules], list[Text]]
    scores: Callable[
        [Sequence[Item], Likelihoods, ScoringRules], tuple[BenchmarkResult, list[Facts]]
    ]
    published: Published | None = None
    counts_bytes: bool = False
    per_token: bool = False


def suite_of_choices(
    name: str,
    read: Callable[[Path], list[Choice]],
    *,
    average: Average | None = None,
    published: Published | None = None,
    per_token: bool = False,
) -> Suite[Choice]:
    """A suite whose items are choices.

    Args:
        average: the headline's average, if it differs from the rules'.
        published: its full size, if it is a known one.
        per_token: as in `Suite`.
    """

    def scores(
        choices: Sequence[Choice], likelihoods: Likelihoods, rules: ScoringRules
    ) -> tuple[BenchmarkResult, list[Facts]]:
        return score_choices(choices, likelihoods.sums(), rules, average=average)

    return Suite(
        name,
        read,
        lambda choices, _rules: choice_texts(choices),
        scores,
        published,
        per_token=per_token,
    )


@dataclass(frozen=True)
class Bootstrapped:
    """A score that is not a share of right decisions, and the score on each resample.

    Two models are compared by their replicates, so headlines keep them and subtasks do not.
    """

    score: Score
    replicates: Replicates

    def headline(self) -> Facts:
        """The keys with which a benchmark's result begins."""
        return {**self.score.written(), "replicates": self.replicates}


def bootstrapped(
    statistic: Callable[[Int64[np.ndarray, "resamples n"]], Float64[np.ndarray, " resamples"]],
    n: int,
) -> Bootstrapped:
    """A statistic of all n items, with its error over resamples of them.

    Args:
        statistic: given item numbers in rows, its value on each row, in the unit of the score.
    """
    value = float(statistic(np.arange(n)[None])[0])
    replicates = bootstrap_replicates(statistic, n)
    score = Score(
        score=value,
        stderr=float(np.std(replicates, ddof=1)),
        interval=bootstrap_interval(replicates, value),
        n=n,
    )
    return Bootstrapped(score, replicates)


def bootstrapped_mean(values: Float64[np.ndarray, " n"]) -> Bootstrapped:
    """`bootstrapped` for the mean over items."""

    def statistic(
        rows: Int64[np.ndarray, "resamples n"],
    ) -> Float64[np.ndarray, " resamples"]:
        found: Float64[np.ndarray, " resamples"] = values[rows].mean(axis=1)
        return found

    return bootstrapped(statistic, len(values))
