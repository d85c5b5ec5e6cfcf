"""The student compared with its twin, its teachers and their ensemble, and the first sentence.

The 95% intervals cover another sample of items, not another training seed. `babyllama.scores` does
the arithmetic.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from babyllama.recipe import DistilledStudent
from babyllama.report.scored_run import ScoredRun
from babyllama.report.unseen_text import against, cross_entropy, in_words
from babyllama.report.wording import (
    AT_CHANCE,
    NO_DIFFERENCE,
    bounds,
    bounds_of,
    compared_with,
    describe,
    joined,
)
from babyllama.runs.run import Model, Run, main_student, twin_of, twins_of
from babyllama.scores.averages import rules_weights
from babyllama.scores.certainty import weighted_mean
from babyllama.scores.chance import is_at_chance, shows_nothing
from babyllama.scores.decisions import Credits, Predictions, by_uid
from babyllama.scores.differences import Difference
from babyllama.scores.remarks import with_part
from babyllama.scores.results import BenchmarkResult, Score


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
    def listed(self) -> str:
        """The title among others, where its comma would make two of it."""
        return re.sub(r"^(the best teacher|its teacher), (.*)$", r"\1 (\2)", self.title)

    @property
    def description(self) -> str:
        """The difference in words."""
        if self.difference is None:
            return "not comparable: the items differ or were not saved"
        if self.shows_nothing:
            return f"{AT_CHANCE} ({bounds(self.difference.interval)})"
        return describe(self.difference, higher_is_better=self.higher_is_better)

    @property
    def is_worse(self) -> bool:
        """Whether the student is detectably worse."""
        worse = is_worse(self.difference, higher_is_better=self.higher_is_better)
        return worse and not self.shows_nothing

    @property
    def is_detected(self) -> bool:
        """Whether there is a difference to tell of."""
        found = self.difference
        return found is not None and found.excludes_zero and not self.shows_nothing


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


# --- the first sentence -----------------------------------------------------------------------


def first_sentence(scored: ScoredRun) -> str:
    """The answer: the student's score, and whether its twin, teacher and ensemble differ."""
    student, benchmark = main_student(scored.run), scored.main_benchmark
    result = scored.result(student, benchmark) if student else None
    if result is None or student is None:
        on_text = _on_unseen_text(scored, student) if student and not scored.run.benchmarks else ""
        return on_text or _without_student(scored, benchmark)
    alone = len(scored.run.recipe.distilled) == 1
    who = "The student" if alone else f"The student {student.name}"
    unit = scored.unit(benchmark)
    compared = [
        each
        for each in student_comparisons(scored, benchmark)
        if not each.title.startswith(("teacher ", "control ", "student "))
    ]
    parts = [
        _scores(who, result, f", {unit}," if unit else "", benchmark),
        *(_clause(each) for each in compared if each.is_detected),
    ]
    unpaired = [each.listed for each in compared if each.difference is None]
    cannot = f"; its items cannot be paired with those of {', '.join(unpaired)}" * bool(unpaired)
    return ", ".join(parts) + _undetectable(compared) + cannot + _nothing(result, compared) + "."


def _scores(who: str, result: BenchmarkResult, unit: str, benchmark: str) -> str:
    benchmark = with_part(benchmark, result)
    if is_at_chance(result):
        return (
            f"{who} is at chance on {benchmark}: nothing can be concluded from its score of "
            f"{result.score:.1f}{unit} (95% interval {bounds_of(result)}; chance is "
            f"{result.chance:.1f}; one seed)"
        )
    return (
        f"{who} scores {result.score:.1f}{unit} on {benchmark} "
        f"(95% interval {bounds_of(result)}; one seed)"
    )


def _nothing(result: BenchmarkResult, compared: Sequence[StudentComparison]) -> str:
    """The rest of the sentence if the student is at chance: which others are, too."""
    if not is_at_chance(result):
        return ""
    same = [each.listed for each in compared if each.difference and each.shows_nothing]
    verb = "is" if len(same) == 1 else "are"
    return f"; {joined(same, 'and')} {verb} no better" if same else ""


def _clause(each: StudentComparison) -> str:
    size, _, interval = each.description.partition(" (")
    return f"{size} {each.title} ({interval}"


def _undetectable(compared: Sequence[StudentComparison]) -> str:
    """The rest of the sentence: from which models no difference is detectable."""
    listed = [
        f"from {each.title} ({bounds(each.difference.interval)})"
        for each in compared
        if each.difference and not each.difference.excludes_zero and not each.shows_nothing
    ]
    return f"; {NO_DIFFERENCE} {joined(listed, 'or')}" if listed else ""


def unseen_sentence(scored: ScoredRun) -> str:
    """How well the student predicts unseen text, against its twin and the ensemble.

    "" where it is not known, and where the first sentence says it already.
    """
    student = main_student(scored.run)
    if student is None or scored.result(student, scored.main_benchmark) is None:
        return ""
    found = cross_entropy(scored, student)
    if found is None:
        return ""
    twin = twin_of(scored.run, student.name)
    others = [(twin, twin_title(scored.run, twin))] if twin else []
    others += [(each, "the ensemble") for each in scored.run.models if each.role == "ensemble"]
    parts = [
        compared_with(in_words(difference), title)
        for model, title in others
        if (difference := against(scored, student, model))
    ]
    compared = f", {joined(parts, 'and')}" if parts else ""
    interval = "" if found.interval is None else " (95% {:.3f} to {:.3f})".format(*found.interval)
    return (
        f"On unseen text its cross-entropy is {found.value:.3f} nats per token{interval}{compared}."
    )


def _on_unseen_text(scored: ScoredRun, student: Model) -> str:
    """The sentence of a run that was scored on dev text alone; "" if it was not."""
    if student.name not in scored.results or (loss := scored.dev_loss(student)) is None:
        return ""
    models, twin = scored.run.models, twin_of(scored.run, student.name)
    named = scored.run.recipe.teachers_of(student.name)
    teachers = [model for model in models if model.name in named]
    best = min(teachers, key=lambda model: scored.dev_loss(model) or math.inf, default=None)
    others = [(twin, twin_title(scored.run, twin))] if twin else []
    others += [(best, f"the best teacher {best.name}")] if best else []
    others += [(model, "the ensemble") for model in models if model.role == "ensemble"]
    parts = [
        f"{abs(loss - theirs):.3f} {'below' if loss < theirs else 'above'} {title}"
        for model, title in others
        if (theirs := scored.dev_loss(model)) is not None
    ]
    compared = f", {joined(parts, 'and')}" if parts else ""
    return (
        f"On unseen text the student has a cross-entropy of {loss:.3f} nats per token{compared} "
        "(one seed); no benchmark is scored."
    )


def _without_student(scored: ScoredRun, benchmark: str) -> str:
    run, best = scored.run, scored.best_teacher(benchmark)
    result = scored.result(best, benchmark) if best else None
    if best and result:
        best_scores = _scores(f"the best teacher, {best.name},", result, "", benchmark)
        return f"The student is not scored; {best_scores}."
    losses = [
        (m.facts["dev_cross_entropy"], m.name) for m in run.models if "dev_cross_entropy" in m.facts
    ]
    if losses:
        lowest, name = min(losses)
        return (
            f"No model is scored yet; of {len(losses)} trained, {name} has the lowest dev "
            f"cross-entropy, {lowest:.3f} nats per token."
        )
    return f"No model is trained yet; complete so far: {', '.join(run.stages)}."
