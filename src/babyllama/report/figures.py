"""The figures, as SVG text that is the same for the same run.

Every model has its own marker and line as well as its colour, for greyscale print.
Letters stay letters: a reader may select them, and the page's font draws them.
"""

import html
import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from babyllama.console import format_count
from babyllama.report.scored_run import CurvePoint, ScoredRun
from babyllama.report.signatures import smoothed, smoothing
from babyllama.runs.run import Curve, Model, Run, main_student, student_and_twin, twin_of
from babyllama.scores.results import Score

WIDTH = 5.0  # inches: 360 points, so that a phone shows letters of 10 points nearly full size
STYLES = (  # colours of Okabe and Ito, which differ in lightness too
    ("#0072B2", "o", "-"),
    ("#D55E00", "s", "--"),
    ("#000000", "^", "-."),
    ("#009E73", "D", ":"),
)
# What a page, which may be dark, calls the colours.
_ON_PAGE = {
    "#ffffff": "var(--paper)",
    "#000000": "currentColor",
    "#dddddd": "var(--grid)",
    "#555555": "var(--soft)",
    "#0072b2": "var(--blue)",
    "#d55e00": "var(--orange)",
    "#009e73": "var(--green)",
}
_SETTINGS = {
    "svg.fonttype": "none",
    "svg.hashsalt": "babyllama",
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "axes.edgecolor": "#777777",
    "legend.frameon": False,
    "legend.fontsize": 9.5,
}


def loss_curves(run: Run) -> str | None:
    """One panel per model: smoothed training loss, dev loss by epoch, the best epoch ringed."""
    drawn = [model for model in run.models if _has_steps(model)]
    if not drawn:
        return None
    rows = (len(drawn) + 1) // 2
    with drawing():
        figure = Figure(figsize=(WIDTH, 0.5 + 1.75 * rows), layout="constrained")
        grid = list(figure.subplots(rows, 2, sharey=True, squeeze=False).flat)
        for axes, model in zip(grid, drawn, strict=False):
            _loss_panel(axes, model)
        for axes in grid[len(drawn) :]:
            axes.set_visible(False)
        _limit_loss(grid[0], drawn)
        handles, labels = grid[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3)
        figure.supylabel("nats per token", fontsize=10)
        return svg_of(figure)


def overfitting(run: Run) -> str | None:
    """Dev loss after each epoch, of the student and its twin."""
    student, twin = student_and_twin(run)
    drawn = [m for m in (student, twin) if m and m.curve is not None and len(m.curve.dev_epochs)]
    if not drawn:
        return None
    with drawing():
        figure = Figure(figsize=(WIDTH, 2.9), layout="constrained")
        axes = figure.subplots()
        for model, (colour, marker, line) in zip(drawn, STYLES, strict=False):
            assert model.curve is not None
            x, y = model.curve.dev_epochs, model.curve.dev_cross_entropy
            axes.plot(
                x, y, line, color=colour, marker=marker, markersize=4.5, label=label_of(model)
            )
        curves = [model.curve for model in drawn if model.curve]
        for curve in curves:
            ring_best(axes, curve)
        _limit_dev(axes, curves)
        axes.set_xlabel("epoch")
        axes.set_ylabel("unseen text, nats per token")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        words_above(axes, curves)
        axes.legend()
        return svg_of(figure)


def kl_curves(run: Run) -> str | None:
    """The KL from the teachers on training text, of every distilled student."""
    drawn = [m for m in run.models if m.name in run.recipe.distilled and m.curve]
    drawn = [m for m in drawn if m.curve and m.curve.kl is not None and len(m.curve.kl)]
    if not drawn:
        return None
    with drawing():
        figure = Figure(figsize=(WIDTH, 2.6), layout="constrained")
        axes = figure.subplots()
        for model, (colour, _, line) in zip(drawn, STYLES, strict=False):
            curve = model.curve
            assert curve is not None
            assert curve.kl is not None
            y = smoothed(curve.kl, lines=smoothing(len(curve.kl)))
            axes.plot(curve.epochs, y, line, color=colour, linewidth=1.3, label=label_of(model))
        axes.set_ylim(bottom=0)
        axes.set_xlabel("epoch")
        words_above(axes, [model.curve for model in drawn if model.curve])
        axes.set_ylabel("KL, nats per token")
        axes.legend()
        return svg_of(figure)


def scores_by_group(scored: ScoredRun, benchmark: str) -> str | None:
    """One row per group, one mark per model with its 95% interval, and the score of chance."""
    drawn = [(model, result.groups) for model in models_shown(scored, benchmark)
             if (result := scored.result(model, benchmark)) and result.groups]  # fmt: skip
    if not drawn:
        return None
    groups = drawn[0][1]
    names = sorted(groups, key=lambda name: (-groups[name].score, name))[::-1]
    row = 0.13 * len(drawn) + 0.17
    with drawing():
        figure = Figure(figsize=(WIDTH, 0.95 + row * len(names)), layout="constrained")
        axes = figure.subplots()
        for place, (model, own) in enumerate(drawn):
            offset = 0.62 * ((len(drawn) - 1) / 2 - place) / max(len(drawn) - 1, 1)
            rows = [(y, own[name]) for y, name in enumerate(names) if name in own]
            _dots(axes, label_of(model), rows, offset, place)
        chance = scored.chance(benchmark)
        if chance is not None:
            axes.axvline(chance, color="#555555", linewidth=1, linestyle=(0, (1, 2)))
        axes.set_yticks(range(len(names)), [name.replace("_", " ") for name in names])
        axes.set_ylim(-0.6, len(names) - 0.4)
        axes.set_xlabel("score in percent" + (", dotted: guessing" if chance is not None else ""))
        axes.tick_params(axis="y", length=0)
        figure.legend(loc="outside upper center", ncols=2)
        return svg_of(figure)


def learning_curves(scored: ScoredRun) -> str | None:
    """One panel per benchmark: score against words seen with 95% intervals, one line per model."""
    names = list(dict.fromkeys(p.benchmark for points in scored.points.values() for p in points))
    drawn = _curved_models(scored)
    if not names:
        return None
    rows = (len(names) + 1) // 2
    columns = min(2, len(names))
    with drawing():
        figure = Figure(figsize=(WIDTH, 0.7 + 2.1 * rows), layout="constrained")
        grid = list(figure.subplots(rows, columns, squeeze=False).flat)
        for axes, name in zip(grid, names, strict=False):
            for model, style in zip(drawn, STYLES, strict=False):
                own = [point for point in scored.points[model.name] if point.benchmark == name]
                _curve_of(axes, label_of(model), own, style)
            unit = scored.unit(name)
            axes.set_title(f"{name}, {unit}" if unit else name, loc="left")
            axes.set_xlabel("words seen")
        for axes in grid[len(names) :]:
            axes.set_visible(False)
        handles, labels = grid[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2)
        return svg_of(figure)


def models_shown(scored: ScoredRun, benchmark: str) -> list[Model]:
    """The models that a figure has room for: student, twin, best teacher, ensemble."""
    run = scored.run
    student = main_student(run)
    ensemble = [model for model in run.models if model.role == "ensemble"]
    wanted = [
        student,
        twin_of(run, student.name) if student else None,
        scored.best_teacher(benchmark),
        *ensemble,
    ]
    return [model for model in wanted if model and scored.result(model, benchmark)]


def inline(svg: str, label: str, *, ids: str) -> str:
    """A figure as part of a page: the page's colours, no XML header, a name for screen readers.

    Args:
        ids: the prefix of the figure's ids, which tells the figures of a page apart.
    """
    body = re.sub(r'(\sid="|url\(#|href="#)', rf"\g<1>{ids}-", svg[svg.index("<svg") :])
    head, _, rest = body.replace("xlink:href", "href").partition(">")
    head = re.sub(r'\s(xmlns(:\w+)?|width|height|version)="[^"]*"', "", head)
    rest = re.sub("#[0-9a-f]{6}", lambda colour: _ON_PAGE.get(colour[0], colour[0]), rest)
    return f'{head} role="img" aria-label="{html.escape(label)}">{rest}'


def _loss_panel(axes: Axes, model: Model) -> None:
    curve = model.curve
    assert curve is not None
    window = smoothing(len(curve.cross_entropy))
    y = smoothed(curve.cross_entropy, lines=window)
    axes.plot(curve.epochs, y, color="#8a8a8a", linewidth=1.2, label="train, smoothed")
    axes.plot(
        curve.dev_epochs,
        curve.dev_cross_entropy,
        "--",
        color=STYLES[0][0],
        marker="o",
        markersize=3.5,
        linewidth=1,
        label="unseen text",
    )
    ring_best(axes, curve)
    axes.set_title(label_of(model), loc="left")
    words = curve.words_per_epoch
    axes.set_xlabel(f"epoch of {format_count(words)} words" if words else "epoch")
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _curved_models(scored: ScoredRun) -> list[Model]:
    """Those with points: main student and its twin first, then teachers; as many as styles."""
    run = scored.run
    student = main_student(run)
    first = [student, twin_of(run, student.name) if student else None]
    ordered = [m for m in first if m] + [m for m in run.models if m not in first]
    return [model for model in ordered if scored.points.get(model.name)][: len(STYLES)]


def _curve_of(
    axes: Axes, label: str, points: Sequence[CurvePoint], style: tuple[str, str, str]
) -> None:
    own = sorted(
        (point.words, point.result.score, *(point.result.interval or [point.result.score] * 2))
        for point in points
        if point.words
    )
    if not own:
        return
    words, scores, low, high = (list(column) for column in zip(*own, strict=True))
    colour, marker, line = style
    axes.fill_between(words, low, high, color=colour, alpha=0.12, linewidth=0)
    axes.plot(words, scores, line, color=colour, marker=marker, markersize=4, label=label)
    if max(words) >= 10 * min(words):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))  # powers of ten alone may be one
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _at: format_count(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _limit_loss(axes: Axes, drawn: list[Model]) -> None:
    """Cut off the first steps: they would compress the rest into the bottom of the plot."""
    dev = [float(y) for m in drawn if m.curve for y in m.curve.dev_cross_entropy]
    if dev:
        curves = [m.curve.cross_entropy for m in drawn if m.curve]
        ends = [float(y[-max(1, len(y) // 20) :].mean()) for y in curves]
        low, high = min(dev + ends), max(dev + ends)
        room = 0.25 * (high - low) + 0.05
        axes.set_ylim(low - room / 2, high + room)


def _limit_dev(axes: Axes, curves: Sequence[Curve]) -> None:
    """Cut off the first quarter of the epochs where the rest would be squeezed otherwise."""
    kept = [curve.dev_cross_entropy[len(curve.dev_epochs) // 4 :] for curve in curves]
    low = min(float(each.min()) for each in kept)
    high = max(float(each.max()) for each in kept)
    if high > low:
        axes.set_ylim(low - 0.08 * (high - low), high + 0.08 * (high - low))


def words_above(axes: Axes, curves: Sequence[Curve], *, ticks: int = 5) -> None:
    """Name the words seen above an axis of epochs, if a pass is as long for all curves."""
    passes = [curve.words_per_epoch for curve in curves]
    words = passes[0] if passes else None
    if words is None or any(each is None or abs(each - words) > 0.02 * words for each in passes):
        return
    above = axes.secondary_xaxis(
        "top",
        functions=(
            lambda epochs: np.asarray(epochs) * words,
            lambda seen: np.asarray(seen) / words,
        ),
    )
    above.xaxis.set_major_formatter(FuncFormatter(lambda value, _at: format_count(value)))
    above.xaxis.set_major_locator(MaxNLocator(ticks))
    above.set_xlabel("words seen")


def ring_best(axes: Axes, curve: Curve) -> None:
    """Ring the epoch with the lowest dev loss."""
    if not len(curve.dev_epochs):
        return
    best = int(curve.dev_cross_entropy.argmin())
    is_named = "best epoch" in axes.get_legend_handles_labels()[1]
    axes.plot(
        curve.dev_epochs[best],
        curve.dev_cross_entropy[best],
        "o",
        markersize=10,
        fillstyle="none",
        color="#000000",
        clip_on=False,
        label=None if is_named else "best epoch",
    )


def _dots(
    axes: Axes, label: str, rows: Sequence[tuple[int, Score]], offset: float, place: int
) -> None:
    colour, marker, _ = STYLES[place]
    scores = [score.score for _, score in rows]
    edges = [score.interval or (score.score, score.score) for _, score in rows]
    axes.errorbar(
        scores,
        [y + offset for y, _ in rows],
        xerr=[
            [max(0.0, score - low) for score, (low, _) in zip(scores, edges, strict=True)],
            [max(0.0, high - score) for score, (_, high) in zip(scores, edges, strict=True)],
        ],
        fmt=marker,
        color=colour,
        markersize=4,
        markerfacecolor=colour if place % 2 == 0 else "white",
        elinewidth=1,
        label=label,
    )


def label_of(model: Model) -> str:
    """A model's name and role; a thin space before `_`, with which a legend omits a label."""
    role = "" if model.name == model.role else f" ({model.role})"
    return ("\u2009" if model.name.startswith("_") else "") + model.name + role


def _has_steps(model: Model) -> bool:
    return model.curve is not None and len(model.curve.cross_entropy) > 0


@contextmanager
def drawing() -> Iterator[None]:
    """The look of all figures."""
    with mpl.rc_context(_SETTINGS), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # the page's font has it
        yield


def svg_of(figure: Figure) -> str:
    """SVG without dates, so that the same run gives the same bytes."""
    file = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    # Not `savefig`, which draws a figure twice if its layout depends on its contents.
    FigureCanvasSVG(figure).print_svg(file, metadata=nothing)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"
