"""The student compared with its twin, its teachers and their ensemble.

The 95% intervals cover another sample of items, not another training seed. `babyllama.scores` does
the arithmetic.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from babyllama.recipe import DistilledStudent
from babyllama.report.scored_run import ScoredRun
from babyllama.report.wording import AT_CHANCE, bounds, joined, judged
from babyllama.runs.run import Model, Run, main_student, twin_of, twins_of
from babyllama.scores.averages import rules_weights
from babyllama.scores.certainty import weighted_mean
from babyllama.scores.chance import shows_nothing
from babyllama.scores.decisions import Credits, Predictions, by_uid
from babyllama.scores.differences import Difference
from babyllama.scores.results import Score


@dataclass(frozen=True)
class StudentComparison:
    """The student against another model on one benchmark.

    Attributes:
        title: what a sentence calls the other: `its twin`, `the best teacher, llama`.
        difference: student minus other; None when they cannot be paired.
        shows_nothing: whether the better of the two is at chance.
    """

    benchmark: str
    other: Model
    title: str
    difference: Difference | None
    higher_is_better: bool
    shows_nothing: bool = False

    @property
    def description(self) -> str:
        """The difference in words."""
        if self.difference is None:
            return "not comparable: the items differ or were not saved"
        if self.shows_nothing:
            return f"{AT_CHANCE} ({bounds(self.difference.interval)})"
        return judged(self.difference, higher_is_better=self.higher_is_better)

    @property
    def is_worse(self) -> bool:
        """Whether the student is detectably worse."""
        worse = is_worse(self.difference, higher_is_better=self.higher_is_better)
        return worse and not self.shows_nothing


def is_worse(difference: Difference | None, *, higher_is_better: bool) -> bool:
    """Whether ours is detectably worse than theirs."""
    if difference is None or not difference.excludes_zero:
        return False
    return (difference.value < 0) == higher_is_better


def student_comparisons(
    scored: ScoredRun, benchmark: str, student: Model | None = None
) -> list[StudentComparison]:
    """A student against its twin, teachers, their ensemble, other twins and earlier students.

    Each pair of students is compared once: with the one that is earlier in the recipe. Models
    without a score on this benchmark are left out.

    Args:
        student: a distilled one; the main student by default.
    """
    student = student or main_student(scored.run)
    if student is None:
        return []
    found = []
    for other, title in _others(scored, student, benchmark):
        pairing = scored.pair(student, other, benchmark)
        result, theirs = (scored.result(model, benchmark) for model in (student, other))
        if pairing and result and theirs:
            nothing = shows_nothing(result, theirs)
            found.append(
                StudentComparison(
                    benchmark, other, title, pairing.difference, result.higher_is_better, nothing
                )
            )
    return found


def _others(scored: ScoredRun, student: Model, benchmark: str) -> Iterator[tuple[Model, str]]:
    models = scored.run.models
    twin = twin_of(scored.run, student.name)
    best = scored.best_teacher(benchmark, student.name)
    named = scored.run.recipe.teachers_of(student.name)
    teachers = [model for model in models if model.name in named]
    if twin:
        yield twin, twin_title(scored.run, twin)
    if best:
        alone = len(teachers) == 1
        yield best, f"its teacher, {best.name}" if alone else f"the best teacher, {best.name}"
    yield from ((model, "the ensemble") for model in models if model.role == "ensemble")
    yield from ((model, f"teacher {model.name}") for model in teachers if model is not best)
    others = [each for each in twins_of(scored.run, student.name) if each is not twin]
    yield from ((each, f"control {each.name}") for each in others)
    students = [model for model in models if model.role == "student"]
    earlier = students[: students.index(student)]
    yield from ((each, f"student {each.name}") for each in earlier)


def twin_title(run: Run, twin: Model) -> str:
    """`its twin`; of a changed one also what differs: `its twin with epochs 6 instead of 12`."""
    changes = run.recipe.changes(twin.name)
    return f"its twin with {joined(changes, 'and')}" if changes else "its twin"


def by_novelty(
    predictions: Predictions, *, average: str = "", groups: Mapping[str, str] | None = None
) -> tuple[Score, Score] | None:
    """Scores on pairs of words seen in that construction, and on pairs with a withheld word.

    In percent.

    Args:
        average: of the rules, as `averages` reads it.
        groups: the group of each UID.
    """
    novel = predictions.novel
    if novel is None or novel.all() or not novel.any():
        return None
    uids = np.array(predictions.uids)
    seen, withheld = (
        averaged(
            tuple(uids[chosen].tolist()), predictions.correct[chosen], average=average,
            groups=groups or {},
        )
        for chosen in (~novel, novel)
    )  # fmt: skip
    return seen, withheld


def averaged(
    uids: tuple[str, ...], correct: Credits, *, average: str, groups: Mapping[str, str]
) -> Score:
    """The mean of decisions in percent, averaged as the rules say.

    Args:
        uids: the set each item belongs to; at least one item.
        correct: of each item: 1, 0, or a tie's part.
        groups: the group of each UID; one without is its own.
    """
    parts = by_uid(uids, correct)
    sizes = {uid: len(part) for uid, part in parts.items()}
    weights = rules_weights(average, sizes, {uid: groups.get(uid, uid) for uid in parts})
    return weighted_mean([*parts.values()], [weights[uid] for uid in parts]).in_percent()


def cross_entropy_share(student: DistilledStudent) -> float:
    """Cross-entropy's share of the loss's weights, from 0 to 1; not its share of the gradient."""
    text = student.alpha
    teachers = (1 - student.alpha) * student.temperature**2
    if student.reduction == "window_sum":
        teachers *= student.training.window
    return text / (text + teachers)
