"""How certain a score is: its standard error and its 95% interval.

Scores here are shares between 0 and 1 unless stated otherwise; results are written in percent.
Every function states what its interval covers: items for `weighted_mean`, with the UIDs fixed;
UIDs as well for `clustered_interval`. The model's seed is fixed in both; `scores.differences`
varies it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from jaxtyping import Float64, Int64
from scipy.special import ndtr, ndtri, stdtrit

from babyllama.scores.decisions import Credits
from babyllama.scores.results import RESAMPLES, Score
from babyllama.scores.shares import shares_interval

Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Estimate:
    """A share of right decisions, between 0 and 1, with its standard error and 95% interval."""

    score: float
    stderr: float
    interval: tuple[float, float]
    n: int

    def in_percent(self) -> Score:
        """As result files hold it."""
        low, high = self.interval
        return Score(
            score=100 * self.score,
            stderr=100 * self.stderr,
            interval=(100 * low, 100 * high),
            n=self.n,
        )


def weighted_mean(parts: Sequence[Credits], weights: Sequence[float]) -> Estimate:
    """sum_u w_u mean(part_u), with the interval over items: other items of the same UIDs.

    Its standard error is sqrt(sum_u w_u**2 var_u / n_u). The interval is not the normal one, which
    is too narrow if some UIDs are all right or nearly so, but the score interval of `shares`; for
    one part that is Wilson's.

    Args:
        parts: what the pairs of each UID count, in [0, 1]; none is empty.
        weights: one per part, summing to 1.
    """
    n = sum(len(part) for part in parts)
    # Weights that sum to 1 do so up to rounding: a mean of ones must not pass 1.
    score = min(1.0, sum(w * float(part.mean()) for w, part in zip(weights, parts, strict=True)))
    stderr = stratified_error(parts, weights)
    if len(parts) == 1:
        return Estimate(score, stderr, wilson(score, n), n)
    sizes = np.array([len(part) for part in parts], dtype=np.float64)
    right = np.array([part.sum() for part in parts], dtype=np.float64)
    low, high = shares_interval(right, sizes, np.array(weights, dtype=np.float64), z=Z)
    return Estimate(score, stderr, (min(score, low), max(score, min(1.0, high))), n)


def stratified_error(parts: Sequence[Credits], weights: Sequence[float]) -> float:
    """Standard error of sum_u w_u mean(part_u) where items are drawn within each part.

    sqrt(sum_u w_u**2 var_u / n_u) with the unbiased variances (divided by n_u - 1). A part of one
    item has no variance of its own: it is given that of all items together.

    Source: Cochran 1977, Sampling Techniques, 5.3 (stratified sampling).
    """
    every = np.concatenate(list(parts))
    overall = float(every.var(ddof=1)) if len(every) > 1 else 0.0
    variances = (float(p.var(ddof=1)) if len(p) > 1 else overall for p in parts)
    terms = zip(weights, variances, parts, strict=True)
    return math.sqrt(sum(w**2 * variance / len(part) for w, variance, part in terms))


def clustered_interval(parts: Sequence[Credits]) -> tuple[float, float] | None:
    """95% interval of the mean over UIDs where the UIDs are drawn too: other UIDs of the same kind.

    A t interval over the UIDs' means, which vary both because UIDs differ and because each is a
    mean of few items, so that their plain variance holds both (the cluster-robust variance of a
    mean of equally weighted clusters, with its correction U / (U - 1)). Chosen over a bootstrap of
    UIDs because that is too narrow by sqrt((U - 1) / U) and more with few UIDs. Where the means do
    not vary it is Wilson's with one trial a UID: never too narrow.

    Args:
        parts: what the pairs of each UID count, in [0, 1]; none is empty.

    Returns:
        Shares, cut to [0, 1]; None for a single UID, which says nothing about other UIDs.

    Source: Miller 2024, Adding Error Bars to Evals, 2.2 (clustered standard errors); Cameron and
    Miller 2015 for few clusters and t.
    """
    if len(parts) < 2:
        return None
    means = np.array([part.mean() for part in parts])
    if np.ptp(means) < 1e-12:
        return wilson(float(means.mean()), len(means))
    low, high = t_interval(means)
    return max(0.0, low), min(1.0, high)


def t_interval(values: Float64[np.ndarray, " _"]) -> tuple[float, float]:
    """Student's 95% interval of the mean of at least two values that are not all the same."""
    mean, size = float(values.mean()), len(values)
    reach = float(stdtrit(size - 1, 0.975) * values.std(ddof=1)) / math.sqrt(size)
    return mean - reach, mean + reach


def wilson(score: float, n: int) -> tuple[float, float]:
    """Wilson's score interval for a share of n trials.

    A tie's half credit enters the share as it is, without rounding. With ties the variance is
    below the binomial one of the formula, so the interval is a little too wide, never too narrow.

    Source: Wilson 1927, without continuity correction.
    """
    pull = Z**2 / n  # towards one half: the centre is that of Z**2 more trials, half of them right
    centre = (score + pull / 2) / (1 + pull)
    reach = math.sqrt(score * (1 - score) * pull + pull**2 / 4) / (1 + pull)
    return min(score, max(0.0, centre - reach)), max(score, min(1.0, centre + reach))


# --- scores that are not means ------------------------------------------------------------------


def bootstrap_replicates(
    statistic: Callable[[Int64[np.ndarray, "resamples n"]], Float64[np.ndarray, " resamples"]],
    n: int,
    *,
    indices_at_once: int = 2**20,
) -> list[float]:
    """A statistic on 1000 resamples of n items, in the statistic's own unit.

    The resamples depend on n alone, so the replicates of two models on the same items are paired:
    resample b holds the same items for both, and their difference has the paired bootstrap's
    distribution.

    Args:
        statistic: given a row of item numbers, 0 to n - 1, for each of some resamples, its value
            on each of them.
        n: what is drawn, with replacement: items, or groups of items that belong together.
        indices_at_once: that are in memory; does not change the result.

    Source: Efron and Tibshirani 1993; Berg-Kirkpatrick et al. 2012 for the paired form.
    """
    generator = np.random.default_rng(0)
    rows = max(1, indices_at_once // n)
    found: list[float] = []
    for start in range(0, RESAMPLES, rows):
        # The generator's stream is the same however the rows are cut: tested.
        drawn = generator.integers(n, size=(min(rows, RESAMPLES - start), n))
        found += statistic(drawn).tolist()
    return found


def bootstrap_interval(replicates: Sequence[float], score: float) -> tuple[float, float]:
    """95% interval from a statistic's replicates: percentiles, corrected for bias.

    A statistic such as explained variance is larger on resamples than on the data; the percentiles
    are moved by the share of replicates below the score. This is BCa without its acceleration,
    which would need the items again.

    Args:
        replicates: of `bootstrap_replicates`, or differences of two models' replicates.
        score: the statistic, or the difference, on the data themselves; in the same unit.

    Source: Efron 1981, Nonparametric standard errors and confidence intervals (BC percentiles).
    """
    values = np.asarray(replicates, dtype=np.float64)
    below = float(np.mean(values < score) + np.mean(values == score) / 2)
    least = 0.5 / len(values)
    shift = ndtri(min(max(below, least), 1 - least))
    levels = ndtr([2 * shift - Z, 2 * shift + Z])
    low, high = np.quantile(values, levels)
    return float(low), float(high)
