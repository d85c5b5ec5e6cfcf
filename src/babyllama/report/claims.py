"""What a run lets us say: differences between models paired over items, and sentences of them.

All scores and differences are in percent, all intervals at 95%. They say how far another draw of
items would move a number, not how far another training seed would. `babyllama.scores.certainty` and
`babyllama.scores.differences` do the arithmetic.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float64

from babyllama.recipe import DistilledStudent
from babyllama.runs.run import Items, Model, Run, main_student, read_items, twin_of
from babyllama.scores import differences
from babyllama.scores.certainty import weighted_mean


@dataclass(frozen=True)
class Estimate:
    """A score or a difference of scores in percent, with its 95% interval."""

    value: float
    low: float
    high: float

    @property
    def is_shown(self) -> bool:
        """Whether its interval leaves out zero, so that a difference is more than chance."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Comparison:
    """The student against another model on one benchmark.

    Attributes:
        title: what a sentence calls the other: `its twin`, `the best teacher, llama`.
        difference: student minus other; None when their items cannot be paired.
    """

    benchmark: str
    other: Model
    title: str
    difference: Estimate | None


# --- arithmetic -------------------------------------------------------------------------------


def mean_of_uids(uids: tuple[str, ...], correct: Float64[np.ndarray, " items"]) -> Estimate:
    """Mean of the UIDs' means, in percent.

    Args:
        uids: the set each item belongs to; at least one item.
        correct: of each item: 1, 0, or a tie's part.
    """
    parts = _by_uid(uids, correct)
    found = weighted_mean([*parts.values()], _evenly(parts))
    return _in_percent(found.score, found.interval)


def paired_difference(ours: Items | None, theirs: Items | None) -> Estimate | None:
    """Ours minus theirs, item by item; None where the two did not answer the same items."""
    if ours is None or theirs is None or ours.keys != theirs.keys or not ours.keys:
        return None
    mine, other = (_by_uid(_uids(items), items.correct) for items in (ours, theirs))
    found = differences.paired_difference([*mine.values()], [*other.values()], _evenly(mine))
    return _in_percent(found.value, found.interval)


def differences_by_uid(ours: Items | None, theirs: Items | None) -> list[tuple[str, Estimate]]:
    """The paired difference within each UID, the largest gain first."""
    if ours is None or theirs is None or ours.keys != theirs.keys:
        return []
    mine, other = (_by_uid(_uids(items), items.correct) for items in (ours, theirs))
    within = {uid: differences.paired_difference([mine[uid]], [other[uid]], [1.0]) for uid in mine}
    found = [(uid, _in_percent(each.value, each.interval)) for uid, each in within.items()]
    return sorted(found, key=lambda pair: (-pair[1].value, pair[0]))


def by_novelty(items: Items) -> tuple[Estimate, Estimate] | None:
    """Scores on pairs of words seen in that construction, and on pairs with a withheld word."""
    if items.novel is None or items.novel.all() or not items.novel.any():
        return None
    parts = [
        mean_of_uids(
            tuple(uid for (uid, _), is_in in zip(items.keys, chosen, strict=True) if is_in),
            items.correct[chosen],
        )
        for chosen in (~items.novel, items.novel)
    ]
    return parts[0], parts[1]


def _uids(items: Items) -> tuple[str, ...]:
    return tuple(uid for uid, _ in items.keys)


def _by_uid(
    uids: tuple[str, ...], values: Float64[np.ndarray, " items"]
) -> dict[str, Float64[np.ndarray, " _"]]:
    names, index = np.unique(np.array(uids), return_inverse=True)
    return {str(name): values[index == number] for number, name in enumerate(names)}


def _evenly(parts: Mapping[str, object]) -> list[float]:
    return [1 / len(parts)] * len(parts)


def _in_percent(value: float, interval: tuple[float, float]) -> Estimate:
    return Estimate(100 * value, 100 * interval[0], 100 * interval[1])


def cross_entropy_share(student: DistilledStudent) -> float:
    """Cross-entropy's part of the loss's weights, between 0 and 1: of weights, not of gradients."""
    text = student.alpha
    teachers = (1 - student.alpha) * student.temperature**2
    if student.reduction == "window_sum":
        teachers *= student.training.window
    return text / (text + teachers)


# --- comparisons ------------------------------------------------------------------------------


def items_of(run: Run) -> Callable[[str, str], Items | None]:
    """Reads (model, benchmark) once: a benchmark's answers are a file of tens of megabytes."""
    return lru_cache(maxsize=None)(lambda model, benchmark: read_items(run, model, benchmark))


def score(model: Model, benchmark: str) -> Estimate | None:
    """A model's score as its evaluation gives it, in the benchmark's unit."""
    found = model.benchmarks.get(benchmark)
    return found and Estimate(found["score"], *found["interval"])


def unit_of(run: Run, benchmark: str) -> str:
    """What a benchmark's scores are in: "" where that is percent."""
    units = (m.benchmarks[benchmark].get("unit") for m in run.models if benchmark in m.benchmarks)
    unit = next((each for each in units if each), "percent")
    return "" if unit == "percent" else str(unit)


def group_score(model: Model, benchmark: str, group: str) -> Estimate | None:
    """A model's score on one group of a benchmark."""
    found = model.benchmarks.get(benchmark, {}).get("groups", {}).get(group)
    return found and Estimate(found["score"], *found["interval"])


def best_teacher(run: Run, benchmark: str) -> Model | None:
    """The teacher with the best score; the first of equals."""
    scored = [m for m in run.models if m.role == "teacher" and benchmark in m.benchmarks]

    def goodness(model: Model) -> float:
        found = model.benchmarks[benchmark]
        return float(found["score"]) * (1 if found.get("higher_is_better", True) else -1)

    return max(scored, key=goodness, default=None)


def comparisons(
    run: Run,
    benchmark: str,
    items: Callable[[str, str], Items | None],
    student: Model | None = None,
) -> list[Comparison]:
    """A student against its twin, the best teacher, the ensemble, then the other teachers.

    Models without a score on this benchmark are left out.

    Args:
        student: a distilled one; the main student unless told otherwise.
    """
    student = student or main_student(run)
    if student is None or benchmark not in student.benchmarks:
        return []
    ours = items(student.name, benchmark)
    return [
        Comparison(benchmark, other, title, paired_difference(ours, items(other.name, benchmark)))
        for other, title in _others(run, student, benchmark)
        if benchmark in other.benchmarks
    ]


def _others(run: Run, student: Model, benchmark: str) -> Iterator[tuple[Model, str]]:
    twin, best = twin_of(run, student.name), best_teacher(run, benchmark)
    teachers = [model for model in run.models if model.role == "teacher"]
    if twin:
        yield twin, "its twin"
    if best:
        alone = len(teachers) == 1
        yield best, f"its teacher, {best.name}" if alone else f"the best teacher, {best.name}"
    yield from ((model, "the ensemble") for model in run.models if model.role == "ensemble")
    yield from ((model, f"teacher {model.name}") for model in teachers if model is not best)


# --- sentences --------------------------------------------------------------------------------


def first_sentence(run: Run, items: Callable[[str, str], Items | None]) -> str:
    """The answer: the student's score, and whether its twin, teacher and ensemble differ."""
    student = main_student(run)
    benchmark = next(iter(run.benchmarks), "")
    found = score(student, benchmark) if student else None
    if found is None or student is None:
        return _without_student(run, benchmark)
    who = "The student" if len(run.recipe.distilled) == 1 else f"The student {student.name}"
    unit = unit_of(run, benchmark)
    in_unit = f", {unit}," if unit else ""
    opening = (
        f"{who} scores {found.value:.1f}{in_unit} on {benchmark} (95% interval {found.low:.1f} to "
        f"{found.high:.1f}; one seed)"
    )
    compared = [
        (each.title, each.difference)
        for each in comparisons(run, benchmark, items)
        if not each.title.startswith("teacher ")
    ]
    shown = [_clause(title, d) for title, d in compared if d and d.is_shown]
    unknown = [title for title, d in compared if d is None]
    unpaired = f"; its items cannot be paired with those of {', '.join(unknown)}" * bool(unknown)
    return ", ".join([opening, *shown]) + _not_shown(compared) + unpaired + "."


def spoken(difference: Estimate) -> str:
    """A difference in words: `1.9 above (1.4 to 2.4)`, or that none can be shown."""
    if not difference.is_shown:
        return f"no difference can be shown ({_bounds(difference, 1)})"
    sign = 1 if difference.value > 0 else -1
    edges = sorted((sign * difference.low, sign * difference.high))
    size = Estimate(sign * difference.value, edges[0], edges[1])
    digits = 2 if size.low < 0.05 else 1  # so that an interval without zero never reads "0.0 to"
    word = "above" if sign > 0 else "below"
    return f"{size.value:.{digits}f} {word} ({_bounds(size, digits)})"


def _clause(title: str, difference: Estimate) -> str:
    size, _, interval = spoken(difference).partition(" (")
    return f"{size} {title} ({interval}"


def _not_shown(compared: list[tuple[str, Estimate | None]]) -> str:
    """The rest of the sentence: which differences cannot be shown, with their intervals."""
    held = [(title, d) for title, d in compared if d and not d.is_shown]
    if not held:
        return ""
    if len(held) == 1:
        title, difference = held[0]
        return f"; no difference can be shown from {title} ({_bounds(difference, 1)})"
    listed = [f"from {title} ({_bounds(difference, 1)})" for title, difference in held]
    return f"; no difference can be shown {', '.join(listed[:-1])} or {listed[-1]}"


def _bounds(estimate: Estimate, digits: int) -> str:
    low, high = (round(edge, digits) + 0.0 for edge in (estimate.low, estimate.high))  # no "-0.0"
    return f"{low:.{digits}f} to {high:.{digits}f}"


def _without_student(run: Run, benchmark: str) -> str:
    best = best_teacher(run, benchmark)
    if best is not None:
        found = best.benchmarks[benchmark]
        low, high = found["interval"]
        return (
            f"The student is not scored; the best teacher, {best.name}, scores "
            f"{found['score']:.1f} on {benchmark} (95% interval {low:.1f} to {high:.1f}; one seed)."
        )
    losses = [(m.facts["dev_cross_entropy"], m.name) for m in run.models if m.manifest]
    if losses:
        lowest, name = min(losses)
        return (
            f"No model is scored yet; of {len(losses)} trained, {name} has the lowest dev "
            f"cross-entropy, {lowest:.3f} nats a token."
        )
    return f"No model is trained yet; complete so far: {', '.join(run.stages)}."
