"""Where a two-way grid is best, and how well that is known."""

from collections.abc import Iterator, Sequence

from babyllama.report.section import Section
from babyllama.report.verdicts import digits_for
from babyllama.studies.cells import Cell
from babyllama.studies.report.decided import is_higher_better, unit_of
from babyllama.studies.report.findings import Findings
from babyllama.studies.report.grids import Axis, axes_of, surface_of


def best_setting(findings: Findings) -> Section | None:
    """For each measure, by its response surface; None where the cells are no such grid."""
    axes = axes_of(findings.study)
    if len(axes) != 2 or any(axis.numbers is None for axis in axes):
        return None
    text = [line for m in findings.measures for line in _about_surface(findings, axes, m)]
    if len(findings.study.seed_list) == 2:
        text.append(
            "With two seeds the intervals of the best setting are too narrow: of nominal 95% "
            "intervals 90% hold the truth."
        )
    return Section("The best setting", tuple(text)) if text else None


def _about_surface(findings: Findings, axes: Sequence[Axis], measure: str) -> Iterator[str]:
    """Where the polynomial has its optimum, and whether that differs from the named cell."""
    scores = {c.name: findings.values(findings.main(c), measure) for c in findings.cells}
    is_higher = is_higher_better(measure, findings.outcomes)
    seeds = findings.study.seed_list
    surface = surface_of(axes, findings.cells, scores, seeds, higher_is_better=is_higher)
    if isinstance(surface, str):
        yield f"{measure}: no surface is fitted: {surface}."
        return
    best, unit = surface.optimum, unit_of(measure, findings.outcomes)
    left_out = len(findings.cells) - len(surface.cells)
    if left_out:
        yield f"{measure}: cells that lack a seed and are left out of the surface: {left_out}."
    where = [
        f"{axis.name} {_formed(value)} (95% interval {_formed(low)} to {_formed(high)})"
        for axis, value, (low, high) in zip(
            axes, (best.x, best.y), (best.x_interval, best.y_interval), strict=True
        )
    ]
    yield (
        f"{measure} is best at {' and '.join(where)}, by a second-order polynomial that explains "
        f"{100 * surface.explained:.0f}% of the variance of the cells' means"
        + ("; the best setting may lie outside the grid." if best.at_edge > 0.5 else ".")
    )
    for cell in _baselines(findings):
        x, y = (float(str(cell.changes[axis.path])) for axis in axes)
        gain = surface.gain_over((x, y))
        digits = digits_for(gain.threshold)
        shows = "is better" if gain.is_shown else "is not shown to be better"
        yield (
            f"By the surface the best setting {shows} than {cell.name}: by "
            f"{gain.value:.{digits}f}{unit}, where noise alone gives up to "
            f"{gain.threshold:.{digits}f} in 95 of 100 studies."
        )


def _formed(value: float) -> str:
    """`0.48`, `107,000`: three digits, without an exponent where people write none."""
    digits = f"{value:.3g}"
    return f"{float(digits):,.0f}" if 1000 <= abs(value) < 1e9 else digits


def _baselines(findings: Findings) -> list[Cell]:
    """The cells that the comparisons compare others with."""
    named = {each.theirs for each in findings.study.compare}
    return [cell for cell in findings.cells if cell.name in named]
