"""Single items: those that tell the student from its twin most, as a table to search."""

import numpy as np

from babyllama.report.scored_run import ScoredRun
from babyllama.report.section import Section
from babyllama.report.table import Table
from babyllama.report.wording import signed
from babyllama.runs.run import Model, student_and_twin
from babyllama.scores.decisions import Predictions

MOST_ITEMS = 300  # on a page, half of them gained and half lost where there are so many
_MARKS = {1.0: "right", 0.0: "wrong"}


def items_section(scored: ScoredRun) -> Section | None:
    """The items that the student decides and its twin does not, or the reverse."""
    run, benchmark = scored.run, scored.main_benchmark
    student, twin = student_and_twin(run)
    if student is None or twin is None:
        return None
    ours, theirs = (scored.predictions(model, benchmark) for model in (student, twin))
    if ours is None or theirs is None or ours.keys != theirs.keys:
        return None
    chosen = telling(ours, theirs)
    if not chosen:
        return None
    gained = int((ours.correct > theirs.correct).sum())
    lost = int((ours.correct < theirs.correct).sum())
    text = (
        f"The student decides {gained:,} items of {benchmark} rightly that its twin does not, and "
        f"its twin {lost:,} that the student does not. Here are {len(chosen)} of them, those on "
        "which the two differ most. The numbers say by how many nats a model finds the right text "
        "likelier than the wrong one.",
    )
    columns = {student.name: ours, twin.name: theirs}
    for other in _beside(scored):
        found = scored.predictions(other, benchmark)
        if found and found.keys == ours.keys:
            columns[other.name] = found
    rows = tuple(
        (*ours.texts[row], ours.keys[row][0], *(_decision(of, row) for of in columns.values()))
        for row in chosen
    )
    head = ("right text", "wrong text", "UID", *columns)
    searched = (
        f"Searches {len(chosen):,} of all {len(ours.keys):,} items: those on which student and "
        "twin differ most."
    )
    table = Table("Items", head, rows, words=(0, 1, 2), is_searchable=True, searched=searched)
    return Section("Items that tell student and twin apart", text, (table,))


def _beside(scored: ScoredRun) -> list[Model]:
    """The ensemble and the teachers of the main student, whose decisions stand beside the two."""
    student, _ = student_and_twin(scored.run)
    named = scored.run.recipe.teachers_of(student.name) if student else []
    models = scored.run.models
    together = [model for model in models if model.role == "ensemble"]
    return [*together, *(model for model in models if model.name in named)]


def telling(ours: Predictions, theirs: Predictions) -> list[int]:
    """Rows that one of two models decides and the other does not, and whose texts may be shown.

    Gains and losses alternate; within each, the largest difference of the margins comes first.
    """
    if ours.margins is None or theirs.margins is None:
        return []
    apart = ours.margins - theirs.margins
    has_text = np.array([all(texts) for texts in ours.texts], dtype=np.bool_)
    gained = np.flatnonzero((ours.correct > theirs.correct) & has_text)
    lost = np.flatnonzero((ours.correct < theirs.correct) & has_text)
    gained = gained[np.argsort(-apart[gained], kind="stable")]
    lost = lost[np.argsort(apart[lost], kind="stable")]
    half = MOST_ITEMS // 2
    most = max(half, MOST_ITEMS - len(lost)), max(half, MOST_ITEMS - len(gained))
    found = [*enumerate(gained[: most[0]].tolist()), *enumerate(lost[: most[1]].tolist())]
    return [row for _, row in sorted(found, key=lambda each: each[0])]


def _decision(of: Predictions, row: int) -> str:
    """`right, +2.1`."""
    decided = _MARKS.get(float(of.correct[row]), "tie")
    return decided if of.margins is None else f"{decided}, {signed(float(of.margins[row]))}"
