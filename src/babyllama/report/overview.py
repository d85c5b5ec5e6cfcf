"""Several runs beside each other, each student against its own twin: one row per run."""

from collections.abc import Sequence

from babyllama.report.claims import student_comparisons
from babyllama.report.labelled import Labelled
from babyllama.report.scored_run import ScoredRun
from babyllama.report.table import Table
from babyllama.report.wording import NONE
from babyllama.runs.run import Model, student_and_twin
from babyllama.scores.chance import is_at_chance


def overview(runs: Sequence[Labelled]) -> Table:
    """Each run's student and twin on its main benchmark, and their difference."""
    head = ("run", "seed", "benchmark", "student", "twin", "student against twin (95%)")
    note = (
        "Each interval is over the items of its own run; runs that differ in more than their seed "
        "answer different questions."
    )
    rows = tuple(_row(each) for each in runs)
    return Table("Each student against its own twin", head, rows, note, (0, 2, 5))


def _row(each: Labelled) -> tuple[str, ...]:
    scored = each.scored
    run, benchmark = scored.run, scored.main_benchmark
    student, twin = student_and_twin(run)
    difference = next(
        (found.description for found in student_comparisons(scored, benchmark)
         if found.other is twin and found.difference), NONE,
    )  # fmt: skip
    return (
        each.label,
        str(run.recipe.seed),
        benchmark or NONE,
        _score(scored, student),
        _score(scored, twin),
        difference,
    )


def _score(scored: ScoredRun, model: Model | None) -> str:
    result = scored.result(model, scored.main_benchmark) if model else None
    return f"{result.score:.1f}{', at chance' * is_at_chance(result)}" if result else NONE
