"""How certain the difference between two models, or two recipes with seeds, is.

Ours minus theirs; shares between -1 and 1 for decisions, a statistic's own unit for replicates.
Models that answered the same items are compared item by item, so that an item's difficulty cancels.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64
from scipy.special import bdtr, stdtr, stdtrit

from babyllama.scores.certainty import (
    Estimate,
    Z,
    bootstrap_interval,
    stratified_error,
    t_interval,
)
from babyllama.scores.decisions import Credits
from babyllama.scores.results import Interval

Correction = Literal["holm", "bh"]
Seeds = Float64[np.ndarray, "_ _"]  # what each seed's answer (rows) to each item counts
LEVEL = 0.05
_POWER = 0.8


@dataclass(frozen=True)
class Difference:
    """Ours minus theirs, with its uncertainty.

    Attributes:
        stderr: its standard error over other items, and over other seeds if there are several.
        interval: 95%, over the same.
        interval_clustered: 95%, over other UIDs as well; None with fewer than two.
        p: two-sided, of `test`, before any correction.
        degrees: of freedom of the quantiles; infinite without seeds.
        won, lost: items that only ours, only theirs got right; None where items are not paired or
            are answered by several seeds.
    """

    value: float
    stderr: float
    interval: Interval
    p: float
    test: str
    interval_clustered: Interval | None = None
    degrees: float = math.inf
    won: int | None = None
    lost: int | None = None

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.interval[0] > 0 or self.interval[1] < 0

    @property
    def smallest(self) -> float:
        """The smallest true difference that would be shown in four of five such comparisons.

        (q_0.975 + q_0.8) s.e.: at a level of 5% before any correction, for as much disagreement
        as was observed between the two.

        Source: Connor 1987, Sample size for testing differences in proportions for the paired-
        sample design, without its second-order term; Card et al. 2020, With Little Power Comes
        Great Responsibility.
        """
        quantiles = stdtrit(self.degrees, 1 - LEVEL / 2) + stdtrit(self.degrees, _POWER)
        return float(quantiles) * self.stderr


def adjusted(p_values: Sequence[float], correction: Correction) -> list[float]:
    """p values corrected for their number: compare each with 0.05.

    `holm`: the chance that any difference is claimed where there is none stays below 5%, however
    the tests depend on each other. `bh`: of all claims, 5% are expected to be false.

    Source: Holm 1979; Benjamini and Hochberg 1995.
    """
    if not p_values:
        return []
    if correction == "bh":
        from scipy.stats import false_discovery_control  # slow to import, and rarely needed

        found: list[float] = false_discovery_control(p_values, method="bh").tolist()
    else:
        found = _holm(np.array(p_values, dtype=np.float64)).tolist()
    return found


def _holm(p_values: Float64[np.ndarray, " tests"]) -> Float64[np.ndarray, " tests"]:
    """The smallest of m p values times m, the next times m - 1, and so on.

    None is smaller than one before it, and none is above 1.
    """
    order = np.argsort(p_values)
    factors = np.arange(len(p_values), 0, -1)
    found = np.empty_like(p_values)
    found[order] = np.minimum(1.0, np.maximum.accumulate(p_values[order] * factors))
    return found


# --- two models -------------------------------------------------------------------------------


def paired_difference(
    ours: Sequence[Credits], theirs: Sequence[Credits], weights: Sequence[float]
) -> Difference:
    """The difference of two weighted means over the same items.

    The interval is normal with the stratified error of the items' differences. For one part, and
    if no part varies, it is the adjusted Wald interval of paired shares: as if two more pairs had
    been asked, one won and one lost, so that the interval has a width even if the models agree on
    all items. p is the exact McNemar test if all items have equal weights; else its weighted form,
    in which either model is equally likely to win each discordant pair.

    Args:
        ours, theirs: what the pairs of each UID count, in the same order; none is empty.
        weights: one per UID, summing to 1.

    Source: McNemar 1947; Bonett and Price 2012, Adjusted Wald confidence interval for a difference
    of binomial proportions based on paired data.
    """
    parts = [a - b for a, b in zip(ours, theirs, strict=True)]
    every = np.concatenate(parts)
    value = sum(w * float(part.mean()) for w, part in zip(weights, parts, strict=True))
    stderr = stratified_error(parts, weights)
    centre = value
    if len(parts) == 1 or stderr == 0:
        more = len(every) + 2
        centre = value * len(every) / more
        spread = (float((every**2).sum()) + 2) / more - (float(every.sum()) / more) ** 2
        stderr = math.sqrt(spread / more)
    p, test = _flipped(parts, weights)
    return Difference(
        value=value,
        stderr=stderr,
        interval=_cut(min(value, centre - Z * stderr), max(value, centre + Z * stderr)),
        p=p,
        test=test,
        interval_clustered=_over_uids([float(part.mean()) for part in parts]),
        won=int((every > 0).sum()),
        lost=int((every < 0).sum()),
    )


def difference_of_replicates(
    ours: tuple[float, Sequence[float]], theirs: tuple[float, Sequence[float]]
) -> Difference:
    """The difference of two scores that are not means, from replicates on the same resamples.

    Args:
        ours, theirs: the score on the data, and on each resample, in one unit.

    Source: Berg-Kirkpatrick et al. 2012 for the paired bootstrap; p is normal with its standard
    error, since 1000 resamples cannot resolve the small p values that a correction asks for.
    """
    value = ours[0] - theirs[0]
    replicates = np.subtract(ours[1], theirs[1])
    stderr = float(replicates.std(ddof=1))
    interval = bootstrap_interval(replicates.tolist(), value)
    return Difference(value, stderr, interval, _p(value, stderr), "paired bootstrap")


def unpaired_difference(ours: Estimate, theirs: Estimate) -> Difference:
    """The difference of two scores of which only scores and errors are known.

    The difficulty of the items does not cancel, so the interval is wider than necessary if the
    models answered the same items.
    """
    value = ours.score - theirs.score
    stderr = math.hypot(_error(ours), _error(theirs))
    interval = (value - Z * stderr, value + Z * stderr)
    return Difference(value, stderr, interval, _p(value, stderr), "unpaired z")


def _flipped(parts: Sequence[Credits], weights: Sequence[float]) -> tuple[float, str]:
    """p of McNemar's test, and its name: signs of discordant pairs are a fair coin's."""
    shares = [w / len(part) for w, part in zip(weights, parts, strict=True)]
    if max(shares) - min(shares) < 1e-9 * max(shares):
        every = np.concatenate(list(parts))
        won, lost = int((every > 0).sum()), int((every < 0).sum())
        return min(1.0, 2 * float(bdtr(min(won, lost), won + lost, 0.5))), "exact McNemar"
    value = sum(share * float(part.sum()) for share, part in zip(shares, parts, strict=True))
    squares = (share**2 * float((p**2).sum()) for share, p in zip(shares, parts, strict=True))
    return _p(value, math.sqrt(sum(squares))), "weighted McNemar"


def _over_uids(means: Sequence[float]) -> Interval | None:
    if len(means) < 2:
        return None
    values = np.array(means)
    # If all UIDs differ by the same amount, they give no estimate for others.
    return _cut(*t_interval(values)) if np.ptp(values) > 1e-12 else None


def _error(estimate: Estimate) -> float:
    """Of a score of 0 or 100% the standard error is 0, its interval is not."""
    return estimate.stderr or (estimate.interval[1] - estimate.interval[0]) / 2 / Z


def _p(value: float, stderr: float, degrees: float = math.inf) -> float:
    if stderr == 0:
        return 1.0 if value == 0 else 0.0
    return float(2 * stdtr(degrees, -abs(value) / stderr))


def _cut(low: float, high: float) -> Interval:
    return max(-1.0, low), min(1.0, high)


# --- recipes with several seeds ---------------------------------------------------------------


@dataclass(frozen=True)
class _Variance:
    """Variance of a difference that comes from one source, with its degrees of freedom."""

    variance: float
    degrees: float


def recipes_difference(
    ours: Sequence[Seeds], theirs: Sequence[Seeds], weights: Sequence[float]
) -> Difference:
    """The difference of two recipes that were trained with several seeds and answered one set.

    Generalises over seeds and items at once: another seed of either recipe, other items of the
    same UIDs; `interval_clustered` over other UIDs too. Seeds and items are crossed random effects
    of a balanced design, for which the variance has a closed form: that between seeds' scores,
    plus that of the items' differences averaged over seeds, less the residual that both contain.
    Few seeds have few degrees of freedom (Satterthwaite), hence t quantiles. A recipe with a single
    seed is assumed to vary between seeds as much as the other. The two recipes' seeds are not
    paired.

    Args:
        ours, theirs: for each UID what each seed's answer to each item counts; two seeds or more
            in at least one recipe.
        weights: one per UID, summing to 1.

    Source: Brennan 2001, Generalizability Theory, on crossed designs; Satterthwaite 1946.
    """
    both = [(a.mean(axis=0), b.mean(axis=0)) for a, b in zip(ours, theirs, strict=True)]
    shared = stratified_error([a - b for a, b in both], weights) ** 2
    residuals = (_residual(a, b) / a.shape[1] for a, b in zip(ours, theirs, strict=True))
    counted_twice = sum(w**2 * residual for w, residual in zip(weights, residuals, strict=True))
    uids = [np.stack([part.mean(axis=1) for part in side], axis=1) for side in (ours, theirs)]
    scores = [side @ np.array(weights) for side in uids]
    found = _from_seeds(scores[0], scores[1], _Variance(max(0.0, shared - counted_twice), math.inf))
    return Difference(
        found.value,
        found.stderr,
        _cut(*found.interval),
        found.p,
        found.test,
        _seeds_and_uids(uids[0], uids[1], scores) if len(ours) > 1 else None,
        found.degrees,
    )


def recipes_difference_of_replicates(
    ours: tuple[Float64[np.ndarray, " _"], Float64[np.ndarray, "_ resamples"]],
    theirs: tuple[Float64[np.ndarray, " _"], Float64[np.ndarray, "_ resamples"]],
) -> Difference:
    """As `recipes_difference`, for scores that are not means: seeds' scores, and their replicates.

    The variance over resamples of the seeds' mean difference is the items' part. If there is only
    one row of replicates, of the mean of several seeds, the residual cannot be separated from it
    and counts twice: the interval is a little too wide.
    """
    differences = ours[1].mean(axis=0) - theirs[1].mean(axis=0)
    items = float(differences.var(ddof=1))
    if all(len(scores) == len(rows) for scores, rows in (ours, theirs)):
        items = max(0.0, items - _residual(ours[1], theirs[1]))
    return _from_seeds(ours[0], theirs[0], _Variance(items, math.inf))


def recipes_difference_of_scores(
    ours: Float64[np.ndarray, " seeds"], theirs: Float64[np.ndarray, " seeds_"]
) -> Difference:
    """The difference of two recipes of which only the seeds' scores are known: Welch's t.

    Generalises over seeds, with the items as they are.
    """
    return _from_seeds(ours, theirs, _Variance(0.0, math.inf))


def _from_seeds(
    ours: Float64[np.ndarray, " seeds"], theirs: Float64[np.ndarray, " seeds_"], items: _Variance
) -> Difference:
    value = float(ours.mean() - theirs.mean())
    sources = [*_between_seeds(ours, theirs), items]
    variance = sum(source.variance for source in sources)
    # Satterthwaite's degrees of freedom of a sum of variances.
    parts = sum(source.variance**2 / source.degrees for source in sources)
    degrees = variance**2 / parts if parts > 0 else math.inf
    stderr = math.sqrt(variance)
    reach = float(stdtrit(degrees, 1 - LEVEL / 2)) * stderr
    interval = (value - reach, value + reach)
    p = _p(value, stderr, degrees)
    return Difference(value, stderr, interval, p, "t over seeds", degrees=degrees)


def _between_seeds(
    ours: Float64[np.ndarray, " seeds"], theirs: Float64[np.ndarray, " seeds_"]
) -> list[_Variance]:
    sides = [side for side in (ours, theirs) if len(side) > 1]
    if len(sides) == 2:
        return [_Variance(float(side.var(ddof=1)) / len(side), len(side) - 1) for side in sides]
    (known,) = sides
    return [_Variance(float(known.var(ddof=1)) * (1 + 1 / len(known)), len(known) - 1)]


def _seeds_and_uids(
    ours: Float64[np.ndarray, "seeds uids"],
    theirs: Float64[np.ndarray, "seeds_ uids"],
    scores: Sequence[Float64[np.ndarray, " _"]],
) -> Interval:
    """95% interval of the mean over UIDs, with seeds and UIDs drawn: UIDs in the place of items.

    The UIDs have equal weights, so the interval is moved to the weighted difference.
    """
    count = ours.shape[1]
    differences = ours.mean(axis=0) - theirs.mean(axis=0)
    uids = float(differences.var(ddof=1)) / count - _residual(ours, theirs) / count
    found = _from_seeds(scores[0], scores[1], _Variance(max(0.0, uids), count - 1))
    return _cut(*found.interval)


def _residual(
    ours: Float64[np.ndarray, "seeds cells"], theirs: Float64[np.ndarray, "seeds_ cells"]
) -> float:
    """Variance of the difference of two cells' means over seeds, from their interaction only.

    The residual mean square of each two-way table, over its number of seeds.
    """
    squares = [_mean_square(table) for table in (ours, theirs) if len(table) > 1]
    own = squares * 2 if len(squares) == 1 else squares  # a single seed borrows the other's
    return float(own[0] / len(ours) + own[1] / len(theirs))


def _mean_square(table: Float64[np.ndarray, "seeds cells"]) -> float:
    seeds, cells = table.shape
    if cells == 1:
        return 0.0
    by_seed, by_cell = table.mean(axis=1, keepdims=True), table.mean(axis=0, keepdims=True)
    rest = table - by_seed - by_cell + table.mean()
    return float((rest**2).sum()) / float((seeds - 1) * (cells - 1))
