"""Several runs beside each other: a row a run."""

from collections.abc import Sequence

from babyllama.report.claims import items_of, paired_difference, score, spoken
from babyllama.report.tables import NONE, Table
from babyllama.runs.run import Model, Run, main_student, twin_of


def overview(runs: Sequence[Run]) -> Table:
    """Each run's student and twin on its main benchmark, and their difference."""
    head = ("run", "seed", "benchmark", "student", "twin", "student against twin (95%)")
    note = (
        "Each interval is over the items of its own run; runs that differ in more than their seed "
        "answer different questions."
    )
    return Table("Runs", head, tuple(_row(run) for run in runs), note, (0, 2, 5))


def _row(run: Run) -> tuple[str, ...]:
    benchmark = next(iter(run.benchmarks), "")
    student = main_student(run)
    twin = twin_of(run, student.name) if student else None
    difference = None
    if student and twin:
        items = items_of(run)
        difference = paired_difference(items(student.name, benchmark), items(twin.name, benchmark))
    return (
        run.recipe.name,
        str(run.recipe.seed),
        benchmark or NONE,
        _score(student, benchmark),
        _score(twin, benchmark),
        spoken(difference) if difference else NONE,
    )


def _score(model: Model | None, benchmark: str) -> str:
    found = score(model, benchmark) if model else None
    return f"{found.value:.1f}" if found else NONE
