"""Figures with several runs in them: a colour and a line for each run, a mark for each role."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from babyllama.report.answer import Answer, Place, answer_of, reach
from babyllama.report.comparable import shared_benchmark, why_no_items, why_no_tokens
from babyllama.report.figures import STYLES, WIDTH, drawing, ring_best, svg_of, words_above
from babyllama.report.labelled import Labelled
from babyllama.runs.run import Role

_MARKS: dict[Role, str] = {"student": "o", "twin": "s", "teacher": "^", "ensemble": "D"}


def places_figure(runs: Sequence[Labelled]) -> str | None:
    """Models on both measures, with an arrow to each from the first run's.

    Of the runs that measure the same as the first one; None if no other does.
    """
    benchmark = shared_benchmark(runs)
    alike = [
        each
        for each in runs
        if each is runs[0]
        or not (why_no_items(each, runs[0], benchmark) or why_no_tokens(each, runs[0]))
    ]
    found = [(each, answer) for each in alike if (answer := answer_of(each.scored))]
    found = found[: len(STYLES)]
    if len(found) < 2 or {answer.benchmark for _, answer in found} != {benchmark}:
        return None
    first = found[0][1]
    unit = runs[0].scored.unit(first.benchmark) or "percent"
    with drawing():
        figure = Figure(figsize=(WIDTH, 3.6), layout="constrained")
        axes = figure.subplots()
        for (each, answer), (colour, _, _) in zip(found, STYLES, strict=False):
            for role, place in _by_role(each, answer).items():
                _dot(axes, place, colour, is_filled=answer is first)
                start = _by_role(found[0][0], first).get(role)
                if start and answer is not first:
                    _line(axes, start, place)
        axes.set_xlabel("unseen text, nats per token (lower is better)")
        axes.set_ylabel(f"{runs[0].scored.title(first.benchmark)}, {unit}")
        labels = [each.label for each, _ in found]
        figure.legend(handles=_keys(labels), loc="outside lower center", ncols=2)
        return svg_of(figure)


def dev_curves(runs: Sequence[Labelled]) -> str | None:
    """A panel for students and one for twins: loss after each epoch, a line for each run.

    Of the runs whose unseen text has the first one's tokens; None if no other has.
    """
    runs = [each for each in runs if each is runs[0] or not why_no_tokens(each, runs[0])]
    if len(runs) < 2:
        return None
    roles = [role for role in ("student", "twin") if any(_curves(runs, role))]
    if not roles:
        return None
    with drawing():
        figure = Figure(figsize=(WIDTH, 3.0), layout="constrained")
        panels = figure.subplots(1, len(roles), sharey=True, squeeze=False)[0]
        for axes, role in zip(panels, roles, strict=True):
            for each, (colour, marker, line) in zip(runs, STYLES, strict=False):
                model = each.by_role.get(role)
                if model is None or model.curve is None or not len(model.curve.dev_epochs):
                    continue
                curve = model.curve
                axes.plot(curve.dev_epochs, curve.dev_cross_entropy, line, color=colour,
                          marker=marker, markersize=3.5, label=each.label)  # fmt: skip
                ring_best(axes, curve)
            axes.set_title(role, loc="left")
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            models = [each.by_role.get(role) for each in runs[: len(STYLES)]]
            words_above(axes, [model.curve for model in models if model and model.curve], ticks=3)
        panels[0].set_ylabel("unseen text, nats per token")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2)
        return svg_of(figure)


def _curves(runs: Sequence[Labelled], role: str) -> list[bool]:
    models = [each.by_role.get(role) for each in runs]
    return [bool(m and m.curve and len(m.curve.dev_epochs)) for m in models]


def _by_role(each: Labelled, answer: Answer) -> dict[str, Place]:
    """The places of the models that runs are compared in."""
    places = {place.model.name: place for place in answer.places}
    return {role: places[m.name] for role, m in each.by_role.items() if m.name in places}


def _dot(axes: Axes, place: Place, colour: str, *, is_filled: bool) -> None:
    axes.errorbar(
        [place.nats.value], [place.score], xerr=reach(place.nats.value, place.nats.interval),
        yerr=reach(place.score, place.interval), fmt=_MARKS[place.model.role], color=colour,
        markersize=6 if is_filled else 9, elinewidth=1, zorder=3,
        markerfacecolor=colour if is_filled else "none",  # a model of both runs shows both marks
    )  # fmt: skip


def _line(axes: Axes, start: Place, end: Place) -> None:
    axes.annotate(
        "", (end.nats.value, end.score), (start.nats.value, start.score),
        arrowprops={"arrowstyle": "->", "color": "#888888", "linewidth": 0.9, "shrinkB": 4},
    )  # fmt: skip


def _keys(labels: Sequence[str]) -> list[Line2D]:
    """A legend of runs by colour and roles by mark."""
    runs = [
        Line2D([], [], color=colour, marker="o", linestyle="", label=label,
               markerfacecolor=colour if number == 0 else "none")
        for number, (label, (colour, _, _)) in enumerate(zip(labels, STYLES, strict=False))
    ]  # fmt: skip
    roles = [
        Line2D([], [], color="#888888", marker=mark, linestyle="", label=role)
        for role, mark in _MARKS.items()
    ]
    return [*runs, *roles]
