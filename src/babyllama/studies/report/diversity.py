"""How unlike the teachers of each cell are, and what their ensemble gains from it."""

from collections.abc import Mapping
from statistics import fmean

from babyllama.recipe.names import ENSEMBLE
from babyllama.report.section import Section
from babyllama.report.table import Table
from babyllama.scores.measures import AMBIGUITY, DISAGREEMENT, PAIRWISE_KL
from babyllama.studies.comparing import Side
from babyllama.studies.report.findings import Findings

_FORMATS = {DISAGREEMENT: "{:.1f}", PAIRWISE_KL: "{:.3f}", AMBIGUITY: "{:.3f}"}
_NOTE = (
    "On dev text, means over seeds. Disagreement: the percent of tokens at which two teachers have "
    "different top tokens; pairwise KL: between two teachers, in nats at T = 1, the mean of both "
    "directions; both are means over all pairs. Ambiguity: how many nats per token the ensemble is "
    "better than its teachers on average."
)


def diversity(findings: Findings) -> Section | None:
    """A row for each cell with an ensemble; None unless cells have different teachers."""
    by_cell = {cell.name: _measured(findings, cell.name) for cell in findings.cells}
    found = {cell: values for cell, values in by_cell.items() if values}
    if len({tuple(values.values()) for values in found.values()}) < 2:
        return None
    rows = [
        (cell, *(shown.format(values[name]) for name, shown in _FORMATS.items()))
        for cell, values in found.items()
    ]
    table = Table("Diversity of the teachers", ("cell", *_FORMATS), tuple(rows), _NOTE)
    return Section("How unlike the teachers are", tables=(table,))


def _measured(findings: Findings, cell: str) -> Mapping[str, float]:
    """The measures of a cell's ensemble, means over seeds; none without two teachers."""
    values = {name: findings.values(Side(cell, ENSEMBLE), name) for name in _FORMATS}
    return {name: fmean(own.values()) for name, own in values.items() if own}
