"""Several runs beside each other: one row per run."""

from collections.abc import Sequence

from babyllama.report.claims import student_comparisons
from babyllama.report.scored_run import ScoredRun
from babyllama.report.table import Table
from babyllama.report.wording import NONE
from babyllama.runs.run import Model, main_student, twin_of
from babyllama.scores.chance import is_at_chance


def overview(runs: Sequence[ScoredRun]) -> Table:
    """Each run's student and twin on its main benchmark, and their difference."""
    head = ("run", "seed", "benchmark", "student", "twin", "student against twin (95%)")
    note = (
        "Each interval is over the items of its own run; runs that differ in more than their seed "
        "answer different questions."
    )
    return Table("Runs", head, tuple(_row(run) for run in runs), note, (0, 2, 5))


def _row(scored: ScoredRun) -> tuple[str, ...]:
    run, benchmark = scored.run, scored.main_benchmark
    student = main_student(run)
    twin = twin_of(run, student.name) if student else None
    difference = next(
        (each.description for each in student_comparisons(scored, benchmark)
         if each.other is twin and each.difference), NONE,
    )  # fmt: skip
    return (
        run.recipe.name,
        str(run.recipe.seed),
        benchmark or NONE,
        _score(scored, student),
        _score(scored, twin),
        difference,
    )


def _score(scored: ScoredRun, model: Model | None) -> str:
    result = scored.result(model, scored.main_benchmark) if model else None
    return f"{result.score:.1f}{', at chance' * is_at_chance(result)}" if result else NONE
