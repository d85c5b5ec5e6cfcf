"""The student against its twin on every UID, with intervals: a forest plot by phenomenon."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from babyllama.report.figures import STYLES, WIDTH, drawing, svg_of
from babyllama.report.scored_run import ScoredRun
from babyllama.runs.run import student_and_twin
from babyllama.scores.comparisons import Pairing, UidDifference
from babyllama.scores.differences import Difference

MOST_ROWS = 120  # UIDs of a picture that a reader can follow
_ROW = 0.19  # inches, for letters as large as those of other figures


@dataclass(frozen=True)
class _Row:
    """A row of the picture: a UID, or the name of the group below it.

    Attributes:
        group: its number, from the bottom up.
    """

    y: float
    name: str
    group: int
    uid: UidDifference | None = None


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
    rows = _placed(by_group(pairing.uids))
    top = rows[-1].y + 1.2
    with drawing():
        figure = Figure(figsize=(WIDTH, 0.8 + _ROW * (top + 1)), layout="constrained")
        axes = figure.subplots()
        _bands(axes, rows)
        own = [row for row in rows if row.uid]
        found = [row.uid.tested.difference for row in own if row.uid]
        _mark(axes, [row.y for row in own], found, marker="o", colour=STYLES[0][0])
        names, places = [row.name for row in rows], [row.y for row in rows]
        if pairing.difference:
            _mark(axes, [top], [pairing.difference], marker="D", colour=STYLES[2][0])
            names, places = [*names, headline], [*places, top]
        axes.axvline(0, color="#555555", linewidth=1)
        axes.set_yticks(places, names)
        for tick, row in zip(axes.get_yticklabels(), rows, strict=False):
            if row.uid is None:
                tick.set_color("#555555")
                tick.set_fontweight("bold")
        axes.set_ylim(-0.7, top + 0.7)
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
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


def _placed(rows: Sequence[UidDifference]) -> list[_Row]:
    """Rows from the bottom up, each group of several below a row with its name."""
    placed: list[_Row] = []
    y = 0.0
    for number, (group, own) in enumerate(groupby(rows, key=lambda each: each.group)):
        uids = [*own]
        for each in uids:
            placed.append(_Row(y, each.uid.replace("_", " "), number, each))
            y += 1
        if len(uids) > 1:
            placed.append(_Row(y, group.replace("_", " "), number))
            y += 1
    return placed


def _bands(axes: Axes, rows: Sequence[_Row]) -> None:
    """A grey band behind every other group."""
    for number, own in groupby(rows, key=lambda row: row.group):
        places = [row.y for row in own]
        if number % 2 == 0:
            axes.axhspan(places[0] - 0.5, places[-1] + 0.5, color="#888888", alpha=0.12,
                         linewidth=0)  # fmt: skip
