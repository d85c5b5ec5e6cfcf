"""Whether a score says more than guessing does: its 95% interval holds chance, or not."""

from babyllama.scores.results import BenchmarkResult


def is_at_chance(result: BenchmarkResult, *, mean: float | None = None) -> bool:
    """Whether the interval of a score holds chance; False if either is unknown.

    Args:
        mean: the mean over seeds, if `result` is one seed's: its interval is moved to this mean.
    """
    if result.chance is None or result.interval is None:
        return False
    shift = 0.0 if mean is None else mean - result.score
    low, high = (edge + shift for edge in result.interval)
    return low <= result.chance <= high


def shows_nothing(one: BenchmarkResult, other: BenchmarkResult) -> bool:
    """Whether the better of two scores is at chance, so that being better means nothing."""
    is_one_better = (one.score > other.score) == one.higher_is_better
    return is_at_chance(one if is_one_better or one.score == other.score else other)
