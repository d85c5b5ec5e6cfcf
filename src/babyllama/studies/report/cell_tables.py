"""What each cell scores, as tables, heat maps and curves; what is missing is shown as missing."""

from collections.abc import Iterator, Sequence

from babyllama.report.section import Section, Shown
from babyllama.report.table import Table
from babyllama.runs.run import Curve, read_run
from babyllama.studies.comparing import Side
from babyllama.studies.outcomes import Outcome
from babyllama.studies.report import figures
from babyllama.studies.report.decided import digits_of
from babyllama.studies.report.findings import Findings, shown
from babyllama.studies.report.grids import Axis, at, axes_of
from babyllama.studies.study import ABOVE_ENTROPY

_NOTE = "Mean over seeds with Student's 95% interval over seeds"
_MOST_CELLS = 3  # that a row names


def every_model(findings: Findings) -> Section:
    """All models of a study of one cell, and how the dev loss of its students developed."""
    (cell,) = findings.cells
    main = findings.main(cell)
    sides = dict.fromkeys([main, *findings.found])
    rows = tuple(_row(findings, side, side.model) for side in sides)
    table = Table("Models", ("model", "seeds", *_measures(findings)), rows, f"{_NOTE}.")
    curves = tuple(_learning_curves(findings, main))
    return Section("Every model", tables=(table,), figures=curves)


def every_cell(findings: Findings) -> Section:
    """Every cell's main student, missing seeds included."""
    mains = [findings.main(cell) for cell in findings.cells]
    rows = tuple(_row(findings, side, side.cell) for side in mains)
    note = f"{_NOTE}, of the cell's main student."
    return Section(
        "Every cell",
        tables=(Table("Cells", ("cell", "seeds", *_measures(findings)), rows, note),),
        figures=tuple(_figures_of_cells(findings)),
    )


def other_models(findings: Findings) -> Section | None:
    """All models but the main students; a model that several cells share has one row."""
    shared: dict[tuple[object, ...], list[Side]] = {}
    for side in findings.found:
        if side.model != findings.mains[side.cell]:
            seed, first = min(findings.found[side].items())  # other seeds may be missing in a cell
            shared.setdefault((side.model, seed, *first.values.items()), []).append(side)
    if not shared:
        return None
    head = ("model", "cells", "seeds", *_measures(findings))
    rows = []
    for sides in shared.values():
        fullest = max(sides, key=lambda side: len(findings.found[side]))
        rows.append(_row(findings, fullest, fullest.model, _cells(findings, sides)))
    note = "A model that several cells share is made once and has one row."
    return Section("Other models", tables=(Table("Models", head, tuple(rows), note, words=(0, 1)),))


def _measures(findings: Findings) -> list[str]:
    """What comparisons are about, and how far a model is above the entropy of the text."""
    found = findings.measures
    is_known = any(ABOVE_ENTROPY in each.values for each in findings.outcomes)
    return [*found, ABOVE_ENTROPY] if is_known and ABOVE_ENTROPY not in found else found


def _row(findings: Findings, side: Side, *names: str) -> tuple[str, ...]:
    values = (_mean(findings, side, measure) for measure in _measures(findings))
    return (*names, _seeds(findings, side), *values)


def _cells(findings: Findings, sides: Sequence[Side]) -> str:
    """`every cell`, or `a, b and 3 more`."""
    if len(sides) == len(findings.cells):
        return "every cell"
    names = [side.cell for side in sides]
    more = len(names) - _MOST_CELLS
    return ", ".join(names) if more <= 0 else f"{', '.join(names[:_MOST_CELLS])} and {more} more"


def _mean(findings: Findings, side: Side, measure: str) -> str:
    values = list(findings.values(side, measure).values())
    if not values:
        return "missing"
    mean, reach = figures.mean_and_reach(values)
    digits = digits_of(measure, findings.outcomes)
    if reach is None:
        return f"{mean:.{digits}f} (one seed)"
    return f"{mean:.{digits}f} ({mean - reach:.{digits}f} to {mean + reach:.{digits}f})"


def _figures_of_cells(findings: Findings) -> Iterator[Shown]:
    """Heat maps of a two-way grid, curves of a one-way grid of numbers."""
    axes = axes_of(findings.study)
    for number, measure in enumerate(findings.measures):
        label = findings.axis_label(measure)
        if len(axes) == 2:
            places = {
                at(axes, cell): list(found.values()) for cell in findings.cells
                if (found := findings.values(findings.main(cell), measure))
            }  # fmt: skip
            if places:
                svg = figures.heat_map(axes, places, label=label)
                caption = (
                    f"{measure}: mean and half the 95% interval over seeds. The darker, the higher."
                )
                yield shown(f"cells-{number}", svg, f"{measure} of each cell", caption)
        elif len(axes) == 1 and axes[0].numbers:
            by_model = _curves(findings, axes[0], measure)
            if by_model:
                svg = figures.scaling_curve(axes[0], by_model, label=label)
                caption = f"{measure} against {axes[0].name}: means with 95% bands over seeds."
                yield shown(f"cells-{number}", svg, f"{measure} of each cell", caption)


def _learning_curves(findings: Findings, main: Side) -> Iterator[Shown]:
    """The dev loss of the main student, and of the students that it is compared with."""
    compared = [pair.theirs for pair in findings.pairs if pair.ours == main]
    found: dict[str, list[Curve]] = {}
    for side in dict.fromkeys([main, *compared]):
        for outcome in findings.found.get(side, {}).values():
            if outcome.role in ("student", "twin"):
                found.setdefault(side.model, []).append(_curve_of(outcome))
    if found:
        svg = figures.learning_curves(found)
        caption = (
            "Dev cross-entropy after each epoch, a line for each seed. The ring marks the epoch "
            "that is kept. Where a curve turns up, the model has begun to overfit."
        )
        yield shown("curves", svg, "Dev loss after each epoch", caption)


def _curve_of(outcome: Outcome) -> Curve:
    (curve,) = (m.curve for m in read_run(outcome.trial).models if m.name == outcome.model)
    assert curve is not None, "a trained student has a log"
    return curve


def _curves(
    findings: Findings, axis: Axis, measure: str
) -> dict[str, list[tuple[float, list[float]]]]:
    """The main student, and every student that some comparison names."""
    named = {side.model for pair in findings.pairs for side in (pair.ours, pair.theirs)}
    models = dict.fromkeys([*findings.mains.values(), *sorted(named)])
    numbers = axis.numbers or ()
    found: dict[str, list[tuple[float, list[float]]]] = {}
    for model in models:
        for cell in findings.cells:
            own = list(findings.values(Side(cell.name, model), measure).values())
            if own:
                place = numbers[at([axis], cell)[0]]
                found.setdefault(model, []).append((place, own))
    return found


def _seeds(findings: Findings, side: Side) -> str:
    return f"{len(findings.found.get(side, {}))} of {len(findings.study.seed_list)}"
