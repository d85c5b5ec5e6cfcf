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
        for y, each in enumerate(rows):
            _mark(axes, y, each.tested.difference, is_headline=False)
        names = [each.uid.replace("_", " ") for each in rows]
        if pairing.difference:
            _mark(axes, len(rows) + 0.4, pairing.difference, is_headline=True)
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


def _mark(axes: Axes, y: float, found: Difference, *, is_headline: bool) -> None:
    """Filled where the interval leaves out zero."""
    low, high = found.interval
    colour = STYLES[2][0] if is_headline else STYLES[0][0]
    axes.plot([low, high], [y, y], "-", color=colour, linewidth=1.1)
    axes.plot(
        found.value, y, "D" if is_headline else "o", color=colour, markersize=4.5,
        markerfacecolor=colour if found.excludes_zero else "white",
    )  # fmt: skip


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
