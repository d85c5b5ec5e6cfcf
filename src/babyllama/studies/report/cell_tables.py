"""What each cell scores, as tables, heat maps and curves; what is missing is shown as missing."""

from collections.abc import Iterator

from babyllama.report.page import Section, Shown
from babyllama.report.table import Table
from babyllama.studies.comparing import Side
from babyllama.studies.report import figures
from babyllama.studies.report.decided import digits_of
from babyllama.studies.report.findings import Findings, shown
from babyllama.studies.report.grids import Axis, at, axes_of


def every_cell(findings: Findings) -> Section:
    """Every cell's main student, missing seeds included."""
    head = ("cell", "seeds", *findings.measures)
    rows = tuple(
        (cell.name, _seeds(findings, side), *(_mean(findings, side, m) for m in findings.measures))
        for cell in findings.cells
        for side in (Side(cell.name, findings.mains[cell.name]),)
    )
    note = "Mean over seeds with Student's 95% interval over seeds, of the cell's main student."
    return Section(
        "Every cell",
        tables=(Table("Cells", head, rows, note),),
        figures=tuple(_figures_of_cells(findings)),
    )


def other_models(findings: Findings) -> Section | None:
    """All models, where a study compares more than the main students."""
    sides = [side for side in findings.found if side.model != findings.mains[side.cell]]
    if not sides:
        return None
    head = ("model", "cell", "seeds", *findings.measures)
    rows = tuple(
        (
            side.model,
            side.cell,
            _seeds(findings, side),
            *(_mean(findings, side, m) for m in findings.measures),
        )
        for side in sides
    )
    note = "What trials share is made once and shown in each cell."
    return Section("Other models", tables=(Table("Models", head, rows, note, words=(0, 1)),))


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
