"""What each kind of stored signal loses at each size, as a figure."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from babyllama.report.figures import STYLES, WIDTH, drawing, svg_of
from babyllama.runs.run import Run

_NOISE = {"kl": 1e-6, "gradient_angle": 1e-3}  # below, it is the error of float32
_LABEL_PLACES: dict[str, tuple[int, dict[str, Any]]] = {  # which point, and where beside it
    "hidden": (4, {"ha": "right", "va": "top"}),
    "topk": (-1, {"ha": "left", "va": "top"}),
    "sampled": (-1, {"ha": "left", "va": "bottom"}),
}
_SIZES = (8, 32, 128, 512, 2048)  # bytes that the axis names


def signal_frontier(run: Run) -> str | None:
    """KL and gradient angle against bytes per token: a column for each T, a line for each kind."""
    temperatures = frontier_temperatures(run)
    if not temperatures:
        return None
    with drawing():
        figure = Figure(figsize=(WIDTH, 5.0), layout="constrained")
        grid = figure.subplots(2, len(temperatures), sharex=True, sharey="row", squeeze=False)
        for row, (key, said) in enumerate(
            (("kl", "KL, nats per token"), ("gradient_angle", "angle, degrees"))
        ):
            for axes, temperature in zip(grid[row], temperatures, strict=True):
                _frontier_panel(axes, run, temperature, key)
            grid[row][0].set_ylabel(said)
        for axes, temperature in zip(grid[0], temperatures, strict=True):
            axes.set_title(f"T = {temperature}", loc="left")
        figure.supxlabel("bytes per token", fontsize=10)
        return svg_of(figure)


def frontier_temperatures(run: Run) -> list[str]:
    """Temperatures at which any form of the frontier was measured."""
    return list(dict.fromkeys(t for row in run.frontier for t in row["temperatures"]))


def _frontier_panel(axes: Axes, run: Run, temperature: str, key: str) -> None:
    """One line per kind with its name beside it; the run's own signal is ringed."""
    kinds = list(dict.fromkeys(row["kind"] for row in run.frontier))
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(
        _SIZES[0] / 1.5, 2.5 * max(_SIZES[-1], *(r["bytes_per_token"] for r in run.frontier))
    )
    axes.set_xticks(_SIZES, map(str, _SIZES))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    for kind, (colour, marker, line) in zip(kinds, STYLES, strict=False):
        points = [
            (int(row["bytes_per_token"]), float(value))
            for row in run.frontier
            if row["kind"] == kind
            and (value := row["temperatures"].get(temperature, {}).get(key) or 0) > _NOISE[key]
        ]
        if not points:
            continue
        x, y = zip(*sorted(points), strict=True)
        axes.plot(x, y, line, color=colour, marker=marker, markersize=4, linewidth=1.2)
        at, place = _LABEL_PLACES.get(kind, _LABEL_PLACES["topk"])
        at = min(at, len(x) - 1)
        beside = (5 if place["ha"] == "left" else -5, 3 if place["va"] == "bottom" else -3)
        axes.annotate(
            kind, (x[at], y[at]), beside, textcoords="offset points", color=colour, **place
        )
    stored = run.fidelity.get("temperatures", {}).get(temperature, {}).get(key) or 0
    if stored > _NOISE[key]:
        axes.plot(
            run.fidelity["bytes_per_token"], stored, "o",
            markersize=10, fillstyle="none", color="#000000", clip_on=False,
        )  # fmt: skip
