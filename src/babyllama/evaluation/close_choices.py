"""Choices so close that bfloat16 may decide them otherwise than float32, scored again in float32.

bfloat16 moves a choice's margin, by which the right option is likelier than the best other one, by
some hundredths of a nat. Few margins are that small, so the decisions of float32 cost little more
than bfloat16 alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64, Int64

from babyllama.evaluation.likelihood.scorer import Scorer, likelihoods
from babyllama.evaluation.likelihood.texts import Likelihoods, Text
from babyllama.evaluation.suites.choices import Choice, margins

# Choices that are scored in both precisions to see how far bfloat16 moves a margin.
_SAMPLE = 256
# The largest movement in the sample, times this, is taken to bound all movements: over 6,700 pairs
# of BLiMP a trained model's largest was 0.12 nats, the largest of 256 about 0.09.
_SAFETY = 2.0


@dataclass(frozen=True)
class Settled:
    """Log-likelihoods whose decisions are those of float32.

    Attributes:
        again: how many choices were scored again, the sample included.
        bound: margins up to this many nats were.
    """

    found: Likelihoods
    again: int
    bound: float


def settle(
    scorer: Scorer,
    choices: Sequence[Choice],
    texts: Sequence[Text],
    found: Likelihoods,
    *,
    averaged: bool = False,
) -> Settled:
    """Score again in float32 the choices whose decision in bfloat16 is in doubt.

    Args:
        scorer: computes in bfloat16.
        texts: all options of the choices, a choice's own in a row.
        found: their log-likelihoods by the scorer.
        averaged: whether options are compared by their mean over tokens.
    """
    exact = replace(scorer, model=scorer.model.in_float32())

    def margins_of(likelihoods_: Likelihoods) -> Float64[np.ndarray, " choices"]:
        judged = likelihoods_.averaged() if averaged else likelihoods_
        return margins(choices, judged.sums())

    def again(known: Likelihoods, chosen: Int64[np.ndarray, " chosen"]) -> Likelihoods:
        sizes = np.array([len(choice.options) for choice in choices])
        numbers = np.flatnonzero(np.repeat(np.isin(np.arange(len(choices)), chosen), sizes))
        return known.with_texts(numbers, likelihoods(exact, [texts[at] for at in numbers.tolist()]))

    sample = np.unique(np.linspace(0, len(choices) - 1, _SAMPLE).round().astype(np.int64))
    before = margins_of(found)
    found = again(found, sample)
    bound = _SAFETY * float(np.abs(margins_of(found) - before)[sample].max())
    close = np.setdiff1d(np.flatnonzero(np.abs(before) <= bound), sample)
    if len(close):
        found = again(found, close)
    return Settled(found, len(sample) + len(close), bound)
