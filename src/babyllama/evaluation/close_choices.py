"""Choices so close that bfloat16 may decide them otherwise than float32, scored again in float32.

bfloat16 moves a choice's margin, by which the right option is likelier than the best other one, by
some hundredths of a nat. Few margins are that small, so the decisions of float32 cost little more
than bfloat16 alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from babyllama.evaluation.likelihood.scorer import Scorer, likelihoods
from babyllama.evaluation.likelihood.texts import Likelihoods, Text
from babyllama.evaluation.suites.choices import Choice, margins

# Choices, drawn at random, that are scored in both precisions to see how far margins move.
_SAMPLE = 256
# The largest movement that was seen, times this, is taken to bound all movements: over 6,700 pairs
# of BLiMP a trained model's largest was 0.12 nats, the largest of 256 about 0.09.
_SAFETY = 2.0


@dataclass(frozen=True)
class Rescored:
    """Log-likelihoods of choices, the close ones in float32.

    Attributes:
        count: how many choices were scored again, the sample included.
        bound: in nats; every choice whose margin was at most this was scored again.
    """

    found: Likelihoods
    count: int
    bound: float


def rescore_close(
    exact: Scorer,
    choices: Sequence[Choice],
    texts: Sequence[Text],
    found: Likelihoods,
    *,
    averaged: bool = False,
) -> Rescored:
    """Score choices again whose decision by a rounded model is in doubt.

    A decision of the result differs from `exact`'s only if that margin moved by more than twice the
    largest movement of all choices that were scored again.

    Args:
        exact: the same model in float32.
        texts: all options of the choices, a choice's own in a row.
        found: their log-likelihoods by the rounded model.
        averaged: whether options are compared by their mean over tokens.
    """
    sizes = np.array([len(choice.options) for choice in choices])

    def margins_of(likelihoods_: Likelihoods) -> Float64[np.ndarray, " choices"]:
        judged = likelihoods_.averaged() if averaged else likelihoods_
        return margins(choices, judged.sums())

    def rescored(known: Likelihoods, chosen: Int64[np.ndarray, " chosen"]) -> Likelihoods:
        numbers = np.flatnonzero(np.repeat(np.isin(np.arange(len(choices)), chosen), sizes))
        return known.with_texts(numbers, likelihoods(exact, [texts[at] for at in numbers.tolist()]))

    before = margins_of(found)
    bound, done = 0.0, np.empty(0, dtype=np.int64)
    chosen = np.random.default_rng(0).permutation(len(choices))[:_SAMPLE]
    while len(chosen):
        found = rescored(found, chosen)
        done = np.union1d(done, chosen)
        bound = _SAFETY * float(np.abs(margins_of(found) - before)[done].max())
        chosen = np.setdiff1d(np.flatnonzero(np.abs(before) <= bound), done)
    return Rescored(found, len(done), bound)
