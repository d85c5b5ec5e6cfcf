"""Differences and numbers in words, for reports and comparisons."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from babyllama.recipe import TrainingRecipe
from babyllama.scores.chance import is_at_chance
from babyllama.scores.differences import Difference
from babyllama.scores.results import BenchmarkResult, Interval, Score

NONE = "–"  # a table's cell without a value
NO_DIFFERENCE = "no detectable difference"
NOT_DIFFERENT = "not detectably different"
AT_CHANCE = "at chance: nothing can be concluded"


def describe(difference: Difference, *, higher_is_better: bool = True) -> str:
    """A difference in words: `1.9 above (1.4 to 2.4)`, `no detectable difference (-0.3 to 0.4)`."""
    if not difference.excludes_zero:
        return f"{NO_DIFFERENCE} ({bounds(difference.interval)})"
    better = "" if higher_is_better else "; lower is better"
    return f"{above_or_below(difference)} ({bounds(size(difference))}{better})"


def judged(difference: Difference, *, higher_is_better: bool = True) -> str:
    """A difference in a cell: `better, 1.9 (1.4 to 2.4)`; `not detectably different, 0.1 (...)`."""
    words = NOT_DIFFERENT
    if difference.excludes_zero:
        words = "better" if (difference.value > 0) == higher_is_better else "worse"
    value, _, interval = signed_difference(difference).partition(", 95% ")
    return f"{words}, {value} ({interval})"


def above_or_below(difference: Difference, unit: str = "") -> str:
    """`1.9 above`, `0.04 months below`."""
    low, _ = size(difference)
    digits = 2 if low < 0.05 else 1  # as many as the interval that follows
    return (
        f"{abs(difference.value):.{digits}f}{unit} {'above' if difference.value > 0 else 'below'}"
    )


def times(value: float) -> str:
    """`2.9`, `31`, `1,383`: how many times as much it takes, rounded up; 1.02 is not 1.0."""
    if value < 10:
        return f"{math.ceil(round(value * 10, 6)) / 10:.1f}"
    return f"{math.ceil(round(value, 6)):,}"


def size(difference: Difference) -> Interval:
    """The interval of the absolute difference."""
    low, high = difference.interval
    return (low, high) if difference.value > 0 else (-high, -low)


def bounds(interval: Interval) -> str:
    """`-0.4 to 1.2`, with a digit more where an interval without zero would read `0.0 to`."""
    nearest = min(abs(edge) for edge in interval)
    digits = 2 if interval[0] * interval[1] > 0 and nearest < 0.05 else 1
    low, high = (round(edge, digits) + 0.0 for edge in interval)  # no "-0.0"
    return f"{low:.{digits}f} to {high:.{digits}f}"


def signed_difference(difference: Difference) -> str:
    """`-0.3, 95% -1.8 to 1.1`, with the same number of digits throughout."""
    interval = bounds(difference.interval)
    digits = len(interval.partition(" ")[0].partition(".")[2])
    return f"{round(difference.value, digits) + 0.0:.{digits}f}, 95% {interval}"


def signed(value: float) -> str:
    """`+1.9`, `-0.3`; `0.0`, without a sign, if it rounds to that."""
    rounded = round(value, 1)
    return f"{rounded:+.1f}" if rounded else "0.0"


def with_interval(score: Score) -> str:
    """`73.2 (72.1 to 74.3)`."""
    return f"{score.score:.1f}" + (f" ({bounds_of(score)})" if score.interval else "")


def with_standing(result: BenchmarkResult) -> str:
    """`73.2 (72.1 to 74.3)`; `50.3 (48.9 to 51.7), at chance`."""
    return with_interval(result) + ", at chance" * is_at_chance(result)


def bounds_of(score: Score) -> str:
    """A score's interval; `–` without one."""
    return "{:.1f} to {:.1f}".format(*score.interval) if score.interval else NONE


def bounds_signed(interval: Interval) -> str:
    """`-0.4 to +1.2`, with a digit more where an interval without zero would read `0.0 to`."""
    return " to ".join(
        edge if edge.startswith("-") or not edge.strip("0.") else f"+{edge}"
        for edge in bounds(interval).split(" to ")
    )


def joined(parts: Sequence[str], word: str) -> str:
    """`a, b and c`; "" of nothing."""
    return f" {word} ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def order_in_words(training: TrainingRecipe, facts: Mapping[str, Any]) -> str:
    """The curriculum of a training, and how often it read a window; "" without one.

    Args:
        facts: of the model's manifest.
    """
    if training.order is None:
        return ""
    times = facts.get("times_read")
    if not times:
        return str(training.order)
    return (
        f"{training.order}; a window was read {times['min']} to {times['max']} times, "
        f"the median {times['median']:g}"
    )
