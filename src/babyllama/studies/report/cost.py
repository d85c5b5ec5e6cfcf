"""What a study took: each model once, however many trials share it."""

from collections.abc import Sequence

from babyllama.console import format_count, format_duration
from babyllama.report.section import Section
from babyllama.report.table import Table
from babyllama.studies.outcomes import Outcome
from babyllama.studies.report.findings import Findings, folder_of

_KINDS = {"teacher": "teachers", "student": "students", "twin": "twins"}


def cost(findings: Findings) -> Section | None:
    """FLOPs and time of trainings; None before the first."""
    rows, made = [], dict[str, list[Outcome]]()
    seen = set()
    for each in findings.outcomes:
        folder = folder_of(each)
        if folder is not None and folder not in seen:
            seen.add(folder)
            made.setdefault(_KINDS[each.role], []).append(each)
    if not made:
        return None
    rows = [_row(kind, own) for kind, own in made.items()]
    rows.append(_row("together", [each for own in made.values() for each in own]))
    trained = [each for each in findings.outcomes if folder_of(each)]
    note = (
        "Trainings only: stored signals and evaluations are not counted. If nothing were shared it "
        f"would have been {len(trained)} trainings, {format_count(sum(e.flops for e in trained))} "
        f"FLOPs and {format_duration(sum(e.seconds for e in trained))}."
    )
    head = ("what", "trained", "FLOPs", "time")
    return Section("Cost", tables=(Table("Cost", head, tuple(rows), note),))


def _row(kind: str, own: Sequence[Outcome]) -> tuple[str, ...]:
    return (
        kind,
        f"{len(own)}",
        format_count(sum(each.flops for each in own)),
        format_duration(sum(each.seconds for each in own)),
    )
