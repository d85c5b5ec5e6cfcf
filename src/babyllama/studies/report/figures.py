"""The figures of a study: heat map, curves, forest plot. All are readable in greyscale."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float64
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from babyllama.report.figures import STYLES, WIDTH, drawing, svg_of
from babyllama.report.verdicts import digits_for
from babyllama.runs.run import Curve
from babyllama.scores.certainty import t_interval
from babyllama.studies.comparing import Pair
from babyllama.studies.report.decided import Decided
from babyllama.studies.report.grids import Axis

_MARKERS = {"better": "o", "worse": "s", "equivalent": "D", "no worse": "^", "undecided": "o"}
_MOST_TICKS = 5  # of a forest plot: labels such as -0.175 do not meet
_DARK = 0.62  # the shade from which letters are white
Values = Sequence[float]  # of seeds


def mean_and_reach(values: Values) -> tuple[float, float | None]:
    """The mean over seeds and half the width of Student's 95% interval; None with one seed."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, None
    if np.ptp(values) == 0:
        return mean, 0.0
    return mean, t_interval(np.array(values))[1] - mean


def heat_map(axes: Sequence[Axis], values: Mapping[tuple[int, ...], Values], *, label: str) -> str:
    """A two-way grid: each cell's mean over seeds with its interval; the darker, the higher.

    Args:
        values: by the cell's place in the grid; the others are shown as missing.
    """
    rows, columns = (len(axis.levels) for axis in axes)
    means = np.full((rows, columns), np.nan)
    for place, own in values.items():
        means[place] = np.mean(own)
    with drawing():
        figure = Figure(figsize=(WIDTH, 0.9 + 0.55 * rows), layout="constrained")
        drawn = figure.subplots()
        drawn.grid(visible=False)
        low, high = _range(means)
        drawn.pcolormesh(means, cmap="Greys", vmin=low, vmax=high)
        drawn.invert_yaxis()
        for row in range(rows):
            for column in range(columns):
                is_dark = (means[row, column] - low) / (high - low) > _DARK
                _write(drawn, (row, column), values.get((row, column)), is_dark=is_dark)
        for which, axis in ((drawn.yaxis, axes[0]), (drawn.xaxis, axes[1])):
            which.set_ticks(
                [i + 0.5 for i in range(len(axis.levels))], [f"{level}" for level in axis.levels]
            )
            which.set_label_text(axis.name)
        drawn.tick_params(length=0)
        drawn.set_title(label, loc="left")
        return svg_of(figure)


def scaling_curve(
    axis: Axis, by_model: Mapping[str, Sequence[tuple[float, Values]]], *, label: str
) -> str:
    """A measure against one setting: means over seeds with 95% bands, and each seed as a dot."""
    with drawing():
        figure = Figure(figsize=(WIDTH, 3.1), layout="constrained")
        drawn = figure.subplots()
        for (name, points), (colour, marker, line) in zip(by_model.items(), STYLES, strict=False):
            own = sorted(points)
            x = [at for at, _ in own]
            found = [mean_and_reach(values) for _, values in own]
            means = np.array([mean for mean, _ in found])
            reach = np.array([each or 0.0 for _, each in found])
            drawn.fill_between(x, means - reach, means + reach, color=colour, alpha=0.12, lw=0)
            drawn.plot(x, means, line, color=colour, marker=marker, markersize=5, label=name)
            for at, values in own:
                drawn.plot([at] * len(values), values, ".", color=colour, markersize=2.5)
        if axis.scale == "log":
            drawn.set_xscale("log")
        drawn.set_xticks(axis.numbers or (), [f"{level}" for level in axis.levels])
        drawn.xaxis.set_minor_locator(NullLocator())
        drawn.set_xlabel(axis.name)
        drawn.set_ylabel(label)
        drawn.legend()
        return svg_of(figure)


def sizes(points: Mapping[str, tuple[int, Values]], *, label: str) -> str:
    """A measure against bytes per token: a dot for each seed, the mean with its 95% interval.

    Args:
        points: by cell, the bytes and the values of its seeds.
    """
    colour = STYLES[0][0]
    with drawing():
        figure = Figure(figsize=(WIDTH, 3.1), layout="constrained")
        drawn = figure.subplots()
        for name, (size, values) in points.items():
            mean, reach = mean_and_reach(values)
            drawn.errorbar(
                size, mean, yerr=reach or 0.0, fmt="o", color=colour, markersize=5, capsize=3
            )
            drawn.plot([size] * len(values), values, ".", color=colour, markersize=2.5)
            drawn.annotate(name, (size, mean), (6, 5), textcoords="offset points", fontsize=8.5)
        drawn.set_xscale("log", base=2)
        bytes_stored = [size for size, _ in points.values()]
        powers = range(int(np.log2(min(bytes_stored))), int(np.log2(max(bytes_stored))) + 2)
        drawn.set_xticks([2**power for power in powers], [f"{2**power:,}" for power in powers])
        drawn.xaxis.set_minor_locator(NullLocator())
        drawn.margins(x=0.15, y=0.12)
        drawn.set_xlabel("bytes per token")
        drawn.set_ylabel(label)
        return svg_of(figure)


def learning_curves(
    by_model: Mapping[str, Sequence[Curve]],
    *,
    of_epochs: str = "epochs",
    of_loss: str = "dev cross-entropy, nats per token",
) -> str:
    """The dev loss after each epoch, a line for each seed; a ring marks the lowest of each.

    The first, steep quarter of the epochs may be cut off.

    Args:
        of_epochs, of_loss: labels of the axes.
    """
    with drawing():
        figure = Figure(figsize=(WIDTH, 3.1), layout="constrained")
        drawn = figure.subplots()
        lowest, highest = [], []
        for (name, curves), (colour, _, line) in zip(by_model.items(), STYLES, strict=False):
            for number, curve in enumerate(curves):
                x, y = curve.dev_epochs, curve.dev_cross_entropy
                label = name if number == 0 else None
                drawn.plot(x, y, line, color=colour, linewidth=1.2, label=label)
                best = int(y.argmin())
                drawn.plot(x[best], y[best], "o", color=colour, markerfacecolor="white")
                lowest.append(y[best])
                highest.append(max(y[len(y) // 4 :]))
        low, high = min(lowest), max(highest)
        drawn.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
        drawn.set_xlabel(of_epochs)
        drawn.set_ylabel(of_loss)
        drawn.legend()
        return svg_of(figure)


def forest_plot(decided: Sequence[Decided], *, cells: int, label: str) -> str:
    """The differences on one measure with their 95% intervals, from top to bottom.

    The band about zero holds the differences that do not count. A filled mark is a difference that
    is shown.
    """
    smallest = decided[0].verdict.asked.smallest
    with drawing():
        figure = Figure(figsize=(WIDTH, 0.8 + 0.42 * len(decided)), layout="constrained")
        drawn = figure.subplots()
        drawn.axvline(0, color="#555555", linewidth=1)
        if smallest:
            drawn.axvspan(-smallest, smallest, color="#e4e4e4", linewidth=0, zorder=0)
        for row, each in enumerate(reversed(decided)):
            is_shown = each.verdict.word in ("better", "worse")
            drawn.errorbar(
                each.difference.value,
                row,
                xerr=each.difference.reach(),
                fmt=_MARKERS[each.verdict.word],
                color=STYLES[0][0],
                markerfacecolor=STYLES[0][0] if is_shown else "white",
                markersize=6,
                capsize=3,
                elinewidth=1.3,
            )
        labels = [_label(each.pair, cells) for each in reversed(decided)]
        drawn.set_yticks(range(len(labels)), labels)
        drawn.set_ylim(-0.6, len(labels) - 0.4)
        drawn.tick_params(axis="y", length=0, labelsize=8.5)
        drawn.xaxis.set_major_locator(MaxNLocator(_MOST_TICKS))
        drawn.set_xlabel(label)
        return svg_of(figure)


def _label(pair: Pair, cells: int) -> str:
    """What a row compares; the cell of both sides is named once."""
    if cells > 1 and pair.ours.cell == pair.theirs.cell:
        return f"{pair.ours.cell}\n{pair.ours.model} minus {pair.theirs.model}"
    ours, theirs = pair.called(cells)
    return f"{ours}\nminus {theirs}"


def _range(means: Float64[np.ndarray, "rows columns"]) -> tuple[float, float]:
    """Limits of the shades, wider than the values: letters stay readable on the darkest."""
    known = means[~np.isnan(means)]
    low, high = float(known.min()), float(known.max())
    room = (high - low) or 1.0
    return low - 0.1 * room, high + 0.5 * room


def _write(axes: Axes, place: tuple[int, int], values: Values | None, *, is_dark: bool) -> None:
    row, column = place
    if values is None:
        axes.text(
            column + 0.5,
            row + 0.5,
            "missing",
            ha="center",
            va="center",
            fontsize=8,
            color="#555555",
        )
        return
    mean, reach = mean_and_reach(values)
    digits = digits_for(reach or abs(mean) / 100)
    text = f"{mean:.{digits}f}"
    if reach is not None:
        text += f"\n±{reach:.{digits}f}"
    colour = "#fefefe" if is_dark else "#111111"  # on the cell, whatever colours the page has
    axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=8, color=colour)
