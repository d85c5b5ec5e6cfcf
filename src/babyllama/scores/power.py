"""How many seeds would show a difference, from the variances that were observed."""

import math
from dataclasses import dataclass

from scipy.special import nctdtr, ndtr, ndtri, stdtrit

from babyllama.scores.differences import LEVEL
from babyllama.scores.paired_seeds import SeedsDifference

POWER = 0.8
MOST_SEEDS = 1000


@dataclass(frozen=True)
class Needed:
    """What four of five studies would need to show a difference of `size`.

    Attributes:
        seeds: with the items as they are; None if no number up to `MOST_SEEDS` would do.
        items: how many times as many items it takes at least, with any number of seeds; 1.0 where
            the items are enough.
    """

    size: float
    seeds: int | None
    items: float


def seeds_needed(
    found: SeedsDifference, size: float, *, level: float = LEVEL, power: float = POWER
) -> Needed:
    """The seeds needed to show a true difference of `size`, two-sided.

    The variance over seeds shrinks with their number, that over items does not. The power is that
    of a t test whose squared standard error has the degrees of freedom of both parts. The observed
    variances are taken for the true ones: with two or three seeds the answer may be wrong by a
    factor of several.

    Args:
        size: the difference to show; its sign does not matter.
        level: of the test; divide it by the number of comparisons to allow for a correction.

    Raises:
        ValueError: a size of zero, which no study can show.
    """
    if size == 0:
        raise ValueError("no number of seeds shows a difference of zero")
    quantiles = float(ndtri(1 - level / 2) + ndtri(power))
    items = max(1.0, quantiles**2 * found.of_items / size**2)
    if items > 1 or _power(found, abs(size), MOST_SEEDS, level) < power:
        return Needed(abs(size), None, items)
    low, high = 1, MOST_SEEDS  # `low` is too few, `high` enough: power grows with the seeds
    while high - low > 1:
        middle = (low + high) // 2
        if _power(found, abs(size), middle, level) < power:
            low = middle
        else:
            high = middle
    return Needed(abs(size), high, items)


def _power(found: SeedsDifference, size: float, seeds: int, level: float) -> float:
    """The chance that a test with so many seeds shows a true difference of `size`."""
    of_seeds = found.of_seeds * found.seeds / seeds
    variance = of_seeds + found.of_items
    if variance == 0:
        return 1.0
    share = of_seeds / variance
    degrees = (seeds - 1) / share**2 if share > 0 else math.inf
    effect = size / math.sqrt(variance)
    if degrees > 1e6:
        return float(ndtr(effect - ndtri(1 - level / 2)))
    critical = float(stdtrit(degrees, 1 - level / 2))
    return 1 - float(nctdtr(degrees, effect, critical))
