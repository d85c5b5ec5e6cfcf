"""Verdicts of a study in plain sentences."""

import math
from dataclasses import dataclass

from babyllama.report.wording import times
from babyllama.scores.power import MOST_SEEDS, Needed
from babyllama.scores.results import Interval
from babyllama.scores.verdicts import Verdict


@dataclass(frozen=True)
class Names:
    """What a sentence calls the two conditions and the measure.

    Attributes:
        unit: with nothing for percent: ` nats`.
    """

    ours: str
    theirs: str
    measure: str
    unit: str = ""


def sentence(verdict: Verdict, names: Names) -> str:
    """What a comparison shows, with its interval and its number of seeds."""
    made = {
        "better": _of_difference,
        "worse": _of_difference,
        "equivalent": _of_equivalence,
        "no worse": _of_no_loss,
        "undecided": _of_nothing,
    }
    return made[verdict.word](verdict, names)


def digits_for(reach: float) -> int:
    """Decimals with which half an interval's width has about two digits: from 1 to 3."""
    return min(3, max(1, 1 - math.floor(math.log10(reach)))) if reach > 0 else 1


def _of_difference(verdict: Verdict, names: Names) -> str:
    """`A is better than B on blimp: 1.9 above (95% interval 0.4 to 3.4, 3 seeds).`"""
    found = verdict.asked.difference
    where = "above" if found.value > 0 else "below"
    low, high = verdict.interval
    size = (low, high) if found.value > 0 else (-high, -low)
    text = (
        f"{names.ours} is {verdict.word} than {names.theirs} on {names.measure}: "
        f"{_number(abs(found.value), verdict)}{names.unit} {where} "
        f"(95% interval {_bounds(size, verdict)}, {found.seeds} seeds)."
    )
    if verdict.is_too_small:
        text += f" That is less than the {_margin(verdict)}{names.unit} declared to count."
    return text


def _of_equivalence(verdict: Verdict, names: Names) -> str:
    found = verdict.asked.difference
    return (
        f"{names.ours} and {names.theirs} are equivalent on {names.measure}: they differ by "
        f"{_bounds(verdict.interval, verdict)}{names.unit} (90% interval, {found.seeds} seeds), "
        f"less than the {_margin(verdict)}{names.unit} declared to count."
    )


def _of_no_loss(verdict: Verdict, names: Names) -> str:
    found = verdict.asked.difference
    return (
        f"{names.ours} is no worse than {names.theirs} on {names.measure}: the difference is "
        f"{_signed(found.value, verdict)}{names.unit} (90% interval "
        f"{_bounds(verdict.interval, verdict)}, {found.seeds} seeds), and a loss counts from "
        f"{_margin(verdict)}{names.unit}."
    )


def _of_nothing(verdict: Verdict, names: Names) -> str:
    """`A and B cannot be told apart on blimp with 3 seeds (...); about 12 would do.`"""
    found = verdict.asked.difference
    start = {
        "better": f"{names.ours} and {names.theirs} cannot be told apart on {names.measure}",
        "equivalent": f"{names.ours} and {names.theirs} are not shown to be equivalent on "
        f"{names.measure}, nor to differ,",
        "no worse": f"{names.ours} is not shown to be worse than {names.theirs} on "
        f"{names.measure}, nor to be no worse,",
    }[verdict.asked.question]
    return (
        f"{start} with {found.seeds} seeds (difference {_signed(found.value, verdict)}"
        f"{names.unit}, 95% interval {_bounds(verdict.interval, verdict)}"
        f"{_after_correction(verdict)}){_what_would_do(verdict, names)}."
    )


def _after_correction(verdict: Verdict) -> str:
    """Why a difference is not shown although its interval leaves out zero."""
    low, high = verdict.interval
    if low <= 0 <= high:
        return ""
    return " before the correction for the number of comparisons, which it does not survive"


def _what_would_do(verdict: Verdict, names: Names) -> str:
    if verdict.needed is None:
        return ""
    needed, asked = verdict.needed, verdict.asked
    what = "declared to count" if asked.smallest else "observed"
    size = f"{_margin(verdict) if asked.smallest else _number(needed.size, verdict)}{names.unit}"
    aim = f"to show the {size} {what}"
    if asked.question != "better":
        aim = f"if they do not differ (margin {size})"
    if needed.items <= 1:
        return f"; {_amount(needed)} would do {aim}"
    return (
        f"; more seeds alone would not do {aim}: at least {times(needed.items)} times as many "
        "items are needed"
    )


def _amount(needed: Needed) -> str:
    return f"more than {MOST_SEEDS} seeds" if needed.seeds is None else f"about {needed.seeds}"


def _number(value: float, verdict: Verdict) -> str:
    digits = digits_for(verdict.asked.difference.reach())
    return f"{round(value, digits) + 0.0:.{digits}f}"  # no "-0.0"


def _signed(value: float, verdict: Verdict) -> str:
    text = _number(value, verdict)
    return text if text.startswith("-") else f"+{text}"


def _bounds(interval: Interval, verdict: Verdict) -> str:
    return " to ".join(_number(edge, verdict) for edge in interval)


def _margin(verdict: Verdict) -> str:
    """The declared difference as it was written."""
    return f"{verdict.asked.smallest:g}"
