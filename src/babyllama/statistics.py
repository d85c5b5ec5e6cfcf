"""Scores with their intervals: of a proportion, and of a weighted mean of proportions.

All intervals are 95%. They say how far the score may move with other items of the same kind, not
with another seed of the model.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from jaxtyping import Float64

Z = NormalDist().inv_cdf(0.975)
Credits = Float64[np.ndarray, " _"]  # what each pair counts: 1, 0, or between for a tie


@dataclass(frozen=True)
class Estimate:
    """A share of right decisions, between 0 and 1, with its standard error and 95% interval."""

    score: float
    stderr: float
    interval: tuple[float, float]
    n: int

    def in_percent(self) -> dict[str, Any]:
        """As results are written."""
        return {
            "score": 100 * self.score,
            "stderr": 100 * self.stderr,
            "interval": [100 * limit for limit in self.interval],
            "n": self.n,
        }


def weighted_mean(parts: Sequence[Credits], weights: Sequence[float]) -> Estimate:
    """sum_u w_u mean(part_u), where the parts are drawn apart from each other.

    Its standard error is sqrt(sum_u w_u**2 var_u / n_u); the interval is normal, cut to [0, 1].
    For one part, and where no part varies (all pairs right, say), in which case a normal interval
    would claim to be certain, it is Wilson's at the mean, for all pairs together.

    Args:
        parts: what the pairs of each UID count; none is empty.
        weights: one a part, summing to 1.
    """
    n = sum(len(part) for part in parts)
    # Weights that sum to 1 do so up to rounding: a mean of ones must not pass 1.
    score = min(1.0, sum(w * float(part.mean()) for w, part in zip(weights, parts, strict=True)))
    variance = sum(
        w**2 * float(part.var()) / len(part) for w, part in zip(weights, parts, strict=True)
    )
    stderr = math.sqrt(variance)
    if len(parts) == 1 or stderr == 0:
        return Estimate(score, stderr, wilson(score, n), n)
    return Estimate(score, stderr, (max(0.0, score - Z * stderr), min(1.0, score + Z * stderr)), n)


def wilson(score: float, n: int) -> tuple[float, float]:
    """Wilson's score interval for a share of n trials.

    A tie's half credit enters the share as it is, without rounding. Such a trial varies less than
    the formula takes it to, so the interval is then a little too wide, never too narrow.

    Source: Wilson 1927, without continuity correction.
    """
    shrink = 1 + Z**2 / n
    centre = (score + Z**2 / (2 * n)) / shrink
    half = Z / shrink * math.sqrt(score * (1 - score) / n + Z**2 / (4 * n**2))
    return min(score, max(0.0, centre - half)), max(score, min(1.0, centre + half))
