"""The cost of a student as a picture: what it needs, part by part, beside its twin."""

from collections.abc import Mapping
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

from babyllama.report.figures import STYLES, WIDTH, drawing, svg_of
from babyllama.report.stage_tables import Cost, costs_of
from babyllama.runs.run import Run

# Colour and hatch of each part, which differ in greyscale, too.
_LOOKS = {
    "teachers": (STYLES[3][0], "///"),
    "signal": ("#888888", "..."),
    "sampled text": ("#888888", "xx"),
    "student": (STYLES[0][0], ""),
    "twin": (STYLES[1][0], ""),
}
_FLOPS = ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1.0, ""))
_UNITS = ((3600.0, "hours"), (60.0, "minutes"), (1.0, "seconds"))


def cost_figure(run: Run) -> str | None:
    """Wall time and FLOPs of everything that the main student needs, and of its twin.

    None before the student is trained.
    """
    costs = costs_of(run)
    if costs is None:
        return None
    bars = {"student": costs.parts} | ({"twin": {"twin": costs.twin}} if costs.twin else {})
    total = max(sum(cost.seconds for cost in parts.values()) for parts in bars.values())
    scale, unit = next((each for each in _UNITS if total >= 2 * each[0]), _UNITS[-1])
    with drawing():
        # With room between the axes, or the last number of one meets the first of the next.
        layout = ConstrainedLayoutEngine(wspace=0.1)
        figure = Figure(figsize=(WIDTH, 1.75), layout=layout)
        time, flops = figure.subplots(1, 2, sharey=True)
        _stack(time, bars, of="seconds", scale=scale)
        most = max(sum(cost.flops for cost in parts.values()) for parts in bars.values())
        size, letter = next((each for each in _FLOPS if most >= each[0]), _FLOPS[-1])
        _stack(flops, bars, of="flops", scale=size)
        time.set_xlabel(unit)
        flops.set_xlabel(f"{letter}FLOP")
        handles, labels = time.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(handles))
        return svg_of(figure)


def _stack(
    axes: Axes,
    bars: Mapping[str, Mapping[str, Cost]],
    *,
    of: Literal["seconds", "flops"],
    scale: float,
) -> None:
    """One bar for each model, with its parts behind each other."""
    for row, parts in enumerate(bars.values()):
        start = 0.0
        for name, cost in parts.items():
            width = (cost.seconds if of == "seconds" else cost.flops) / scale
            colour, hatch = _LOOKS[name]
            axes.barh(
                row, width, left=start, height=0.6, color="white" if hatch else colour,
                edgecolor=colour, hatch=hatch, linewidth=0.8, label=name,
            )  # fmt: skip
            start += width
    axes.set_yticks(range(len(bars)), list(bars))
    axes.set_ylim(len(bars) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_locator(MaxNLocator(4))
