"""The student against its twin on every UID, with intervals: a forest plot by phenomenon."""

from collections.abc import Sequence
from itertools import groupby

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from babyllama.report.figures import STYLES, WIDTH, drawing, svg_of
from babyllama.report.scored_run import ScoredRun
from babyllama.runs.run import student_and_twin
from babyllama.scores.comparisons import Pairing, UidDifference
from babyllama.scores.differences import Difference

MOST_ROWS = 120  # UIDs of a picture that a reader can follow
_ROW = 0.155  # inches


def forest_figure(scored: ScoredRun) -> str | None:
    """The main student against its twin: see `forest`."""
    label = "student minus twin, percentage points"
    return forest(against_twin(scored), headline=scored.main_benchmark, label=label)


def forest(pairing: Pairing | None, *, headline: str, label: str) -> str | None:
    """Differences by UID, in bands of groups; the difference of the score itself is on top.

    None without paired decisions, and of more UIDs than a picture can hold.

    Args:
        headline: names the score. label: of the axis.
    """
    if pairing is None or not 1 < len(pairing.uids) <= MOST_ROWS:
        return None
    rows = by_group(pairing.uids)
    with drawing():
        height = 1.0 + _ROW * (len(rows) + 1)
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        axes = figure.subplots()
        _bands(axes, rows)
        found = [each.tested.difference for each in rows]
        _mark(axes, range(len(rows)), found, marker="o", colour=STYLES[0][0])
        names = [each.uid.replace("_", " ") for each in rows]
        if pairing.difference:
            _mark(axes, [len(rows) + 0.4], [pairing.difference], marker="D", colour=STYLES[2][0])
            names.append(headline)
        axes.axvline(0, color="#555555", linewidth=1)
        places = [*range(len(rows)), *([len(rows) + 0.4] if pairing.difference else [])]
        axes.set_yticks(places, names, fontsize=7.5)
        axes.set_ylim(-0.7, len(rows) + 1.1)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(label)
        return svg_of(figure)


def against_twin(scored: ScoredRun) -> Pairing | None:
    """The main student paired with its twin on the main benchmark."""
    student, twin = student_and_twin(scored.run)
    return scored.pair(student, twin, scored.main_benchmark) if student and twin else None


def by_group(uids: Sequence[UidDifference]) -> list[UidDifference]:
    """From bottom to top: groups by their mean difference, and UIDs by theirs within a group."""
    groups: dict[str, list[UidDifference]] = {}
    for each in uids:
        groups.setdefault(each.group, []).append(each)
    means = {name: sum(map(_value, own)) / len(own) for name, own in groups.items()}
    return sorted(uids, key=lambda each: (means[each.group], each.group, _value(each), each.uid))


def _value(each: UidDifference) -> float:
    return each.tested.difference.value


def _mark(
    axes: Axes, places: Sequence[float], found: Sequence[Difference], *, marker: str, colour: str
) -> None:
    """Differences with their intervals; filled where the interval leaves out zero."""
    lows, highs = zip(*(each.interval for each in found), strict=True)
    axes.hlines(places, lows, highs, colors=colour, linewidth=1.1, capstyle="projecting")
    for is_shown, face in ((True, colour), (False, "white")):
        own = [
            (each.value, y)
            for each, y in zip(found, places, strict=True)
            if each.excludes_zero == is_shown
        ]
        if own:
            x, y = zip(*own, strict=True)
            axes.plot(x, y, marker, color=colour, markersize=4.5, markerfacecolor=face)


def _bands(axes: Axes, rows: Sequence[UidDifference]) -> None:
    """A grey band behind every other group, and each group's name at the right."""
    start = 0
    for number, (group, own) in enumerate(groupby(rows, key=lambda each: each.group)):
        count = len([*own])
        if number % 2 == 0:
            axes.axhspan(start - 0.5, start + count - 0.5, color="#888888", alpha=0.12, linewidth=0)
        if count > 1:
            axes.annotate(
                group.replace("_", " "), (1.02, start + count / 2 - 0.5), fontsize=7.5,
                xycoords=("axes fraction", "data"), va="center", color="#555555",
            )  # fmt: skip
        start += count
