"""A page's first sentences: whether the teachers helped, by how much, and how sure that is.

The student against its twin comes first, on the main benchmark and on unseen text; then one seed,
which the intervals do not cover; then the best teacher and the ensemble. Differences are the
student's value minus the other's throughout.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from babyllama.report.claims import is_worse, student_comparisons, twin_title
from babyllama.report.scored_run import ScoredRun
from babyllama.report.unseen_text import Nats, against, cross_entropy, nats, signed_nats
from babyllama.report.wording import bounds_of, joined, signed_difference
from babyllama.runs.run import Model, main_student, twin_of
from babyllama.scores.chance import is_at_chance
from babyllama.scores.results import BenchmarkResult

Verdict = Literal["better", "worse", "undecided", "chance", "unpaired", "no interval", "unscored"]

_UNSEEN, _PER_TOKEN = "unseen text", "nats per token"
_ANSWERS: dict[Verdict, str] = {
    "better": "is better than",
    "worse": "is worse than",
    "undecided": "is not detectably better or worse than",
}


@dataclass(frozen=True)
class Measured:
    """The student against another model on one measure, in words.

    Attributes:
        measure: `grammar`, `unseen text`.
        values: `59.5% against 59.9%`; of a student whose twin is not scored, its own.
        difference: `-0.3, 95% -1.8 to 1.1`; "" if there is none.
        unit: of the difference, where the values do not stand beside it.
        guessing: `50.0%`, where both are no better.
    """

    measure: str
    verdict: Verdict
    values: str
    difference: str = ""
    unit: str = ""
    guessing: str = ""


def opening(scored: ScoredRun) -> tuple[str, str]:
    """The answer, and what is said of the teachers; of an unfinished run, how far it is."""
    student = main_student(scored.run)
    if student is None or not _is_scored(scored, student):
        return _without_student(scored), ""
    end = "One seed." if scored.run.benchmarks else "One seed; no benchmark is scored."
    found = [(title, [*_measures(scored, student, other)])
             for other, title in _teachers(scored, student)]  # fmt: skip
    others = [_on_other(title, measured) for title, measured in found if measured]
    return f"{_on_twin(scored, student)} {end}", " ".join(others)


def _is_scored(scored: ScoredRun, student: Model) -> bool:
    """Whether a student has the measure that its run is about."""
    if scored.run.benchmarks:
        return scored.result(student, scored.main_benchmark) is not None
    return student.name in scored.results and student.dev_loss is not None


# --- the student and its twin -----------------------------------------------------------------


def _on_twin(scored: ScoredRun, student: Model) -> str:
    """Whether the student is better than its twin, with both values on both measures."""
    twin = twin_of(scored.run, student.name)
    found = [*_measures(scored, student, twin)] if twin else []
    if twin is None or not found:
        own = joined([*_own(scored, student)], "and")
        why = "its twin is not scored yet" if twin else "it has no twin"
        return f"The student {own}; {why}, so nothing shows what its teachers add."
    result = scored.result(student, scored.main_benchmark)
    if result and not scored.result(twin, scored.main_benchmark):
        found.insert(0, Measured(_title(scored), "unscored", _value(result)))
    alone = len(scored.run.recipe.distilled) <= 1
    who = "the model" if alone else f"the student {student.name}"
    changed = twin_title(scored.run, twin)
    than = "without" if changed == "its twin" else changed
    head = next((verdict for verdict in _ANSWERS if any(f.verdict == verdict for f in found)), None)
    if head is None:
        tails = "; ".join(map(_tail, found))
        return f"Whether the teachers help is open: {tails}."
    alike = [each for each in found if each.verdict == head]
    others = [each for each in found if each.verdict != head]
    start = f"With teachers {who} {_ANSWERS[head]} {than}"
    if others:
        (one,) = alike
        first = f"{start} on {one.measure}: {one.values} (difference {one.difference})"
    else:
        values = [f"{each.values} on {each.measure} (difference {each.difference})"
                  for each in alike]  # fmt: skip
        first = f"{start}: {', '.join(values)}"
    return "; ".join([first, *map(_tail, others)]) + "."


def _tail(each: Measured) -> str:
    """The clause on a measure whose verdict differs from the answer's."""
    of_difference = f" (difference {each.difference})" if each.difference else ""
    match each.verdict:
        case "better" | "worse":
            return f"it is {each.verdict} on {each.measure}: {each.values}{of_difference}"
        case "undecided":
            return f"no difference is detectable on {each.measure}: {each.values}{of_difference}"
        case "chance":
            return (
                f"nothing can be concluded from {each.measure}: {each.values}, where guessing "
                f"scores {each.guessing}{of_difference}"
            )
        case "unpaired":
            return f"the items of {each.measure} cannot be paired: {each.values}"
        case "unscored":
            return f"its twin is not scored on {each.measure}, where the student has {each.values}"
        case "no interval":
            return f"{each.values} on {each.measure}, without an interval{of_difference}"


def _own(scored: ScoredRun, student: Model) -> Iterator[str]:
    """What a student without a twin scores."""
    result = scored.result(student, scored.main_benchmark)
    if result and is_at_chance(result):
        yield f"is no better than guessing on {_title(scored)}, {_value(result)}"
    elif result:
        value, bracket, interval = _value(result).partition(" (")
        yield f"scores {value} on {_title(scored)}{bracket}{interval}"
    found = cross_entropy(scored, student)
    if found:
        interval = f" (95% {nats(*found.interval)})" if found.interval else ""
        yield f"has {found.value:.3f} {_PER_TOKEN} on {_UNSEEN}{interval}"


# --- the student and those that taught it -----------------------------------------------------


def _teachers(scored: ScoredRun, student: Model) -> Iterator[tuple[Model, str]]:
    """The best teacher, by the benchmark or else by unseen text, and the ensemble."""
    run = scored.run
    named = [model for model in run.models if model.name in run.recipe.teachers_of(student.name)]
    best = scored.best_teacher(scored.main_benchmark, student.name)
    if not run.benchmarks:
        best = min(named, key=lambda each: each.dev_loss or math.inf, default=None)
    if best:
        kind = "its teacher" if len(named) == 1 else "the best teacher"
        yield best, f"{kind}, {best.name}"
    yield from ((model, "the ensemble") for model in run.models if model.role == "ensemble")


def _on_other(title: str, found: Sequence[Measured]) -> str:
    """`Against the ensemble the student is worse on grammar (-1.2 points, 95% -2.0 to -0.3).`"""
    comma = "," * ("," in title)
    parts: list[str] = []
    before = ""
    for each in found:
        value, rest, interval = each.difference.partition(",")
        words = _in_a_word(each)
        start = f"{words} " if words != before else ""
        bracket = f" ({value} {each.unit}{rest}{interval})" if value else ""
        parts.append(f"{start}on {each.measure}{bracket}")
        before = words
    return f"Against {title}{comma} the student is {joined(parts, 'and')}."


def _in_a_word(each: Measured) -> str:
    """`better`, `not detectably different`."""
    if each.verdict == "no interval":
        return "lower" if each.difference.startswith("-") else "higher"
    named: dict[Verdict, str] = {
        "undecided": "not detectably different",
        "chance": "at chance, like it,",
        "unpaired": "not comparable",
    }
    return named.get(each.verdict, each.verdict)


# --- one measure ------------------------------------------------------------------------------


def _measures(scored: ScoredRun, student: Model, other: Model) -> Iterator[Measured]:
    """The student against another model, on the main benchmark and on unseen text."""
    ours, theirs = (scored.result(model, scored.main_benchmark) for model in (student, other))
    if ours and theirs:
        yield _on_benchmark(scored, student, other, (ours, theirs))
    found = against(scored, student, other)
    if found:
        yield _on_unseen(student, other, found)


def _on_benchmark(
    scored: ScoredRun,
    student: Model,
    other: Model,
    results: tuple[BenchmarkResult, BenchmarkResult],
) -> Measured:
    ours, theirs = results
    unit = "points" if ours.unit == "percent" else ours.unit
    mine = _number(ours) + ", at chance," * is_at_chance(ours)
    values = f"{mine} against {_number(theirs)}" + f" {ours.unit}" * (ours.unit != "percent")
    found = next(
        each
        for each in student_comparisons(scored, scored.main_benchmark, student)
        if each.other.name == other.name
    )
    if found.difference is None:
        return Measured(_title(scored), "unpaired", values)
    difference = signed_difference(found.difference)
    if found.shows_nothing:
        both = values.replace(", at chance,", "")
        return Measured(_title(scored), "chance", both, difference, unit, _guessing(ours))
    verdict: Verdict = "undecided"
    if found.difference.excludes_zero:
        worse = is_worse(found.difference, higher_is_better=ours.higher_is_better)
        verdict = "worse" if worse else "better"
    return Measured(_title(scored), verdict, values, difference, unit)


def _on_unseen(student: Model, other: Model, found: Nats) -> Measured:
    values = f"{student.dev_loss:.3f} against {other.dev_loss:.3f} {_PER_TOKEN}"
    verdict: Verdict = "no interval" if found.interval is None else "undecided"
    if found.excludes_zero:
        verdict = "better" if found.value < 0 else "worse"
    return Measured(_UNSEEN, verdict, values, signed_nats(found), _PER_TOKEN)


def _title(scored: ScoredRun) -> str:
    return scored.title(scored.main_benchmark)


def _number(result: BenchmarkResult) -> str:
    return f"{result.score:.1f}" + "%" * (result.unit == "percent")


def _value(result: BenchmarkResult) -> str:
    """`59.5% (95% 58.2 to 60.9)`; of a student at chance also what guessing scores."""
    unit = "" if result.unit == "percent" else f" {result.unit}"
    chance = f"; guessing {_guessing(result)}" if is_at_chance(result) else ""
    return f"{_number(result)}{unit} (95% {bounds_of(result)}{chance})"


def _guessing(result: BenchmarkResult) -> str:
    return f"{result.chance:.1f}" + "%" * (result.unit == "percent")


# --- a run that is not finished ---------------------------------------------------------------


def _without_student(scored: ScoredRun) -> str:
    run, best = scored.run, scored.best_teacher(scored.main_benchmark)
    result = scored.result(best, scored.main_benchmark) if best else None
    if best and result:
        verb = "is no better than guessing on" if is_at_chance(result) else "does best on"
        return (
            f"The student is not scored; of its teachers, {best.name} {verb} {_title(scored)}: "
            f"{_value(result)}. One seed."
        )
    losses = [
        (m.facts["dev_cross_entropy"], m.name) for m in run.models if "dev_cross_entropy" in m.facts
    ]
    if losses:
        lowest, name = min(losses)
        return (
            f"No model is scored yet; of {len(losses)} trained, {name} has the lowest loss on "
            f"{_UNSEEN}, {lowest:.3f} {_PER_TOKEN}."
        )
    return f"No model is trained yet; complete so far: {', '.join(run.stages)}."
