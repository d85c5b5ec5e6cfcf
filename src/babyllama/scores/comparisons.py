"""Two entrants on one benchmark: paired where they answered the same items, and tested.

This is the one place where two models are paired, for `compare` and for reports. Differences are
the other's score minus the baseline's, in the benchmark's unit and under the average of the scores.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from babyllama.errors import InputError
from babyllama.scores.averages import averages
from babyllama.scores.certainty import Estimate, Z
from babyllama.scores.chance import is_at_chance
from babyllama.scores.decisions import Parts
from babyllama.scores.differences import (
    LEVEL,
    Correction,
    Difference,
    adjusted,
    difference_of_replicates,
    paired_difference,
    recipes_difference,
    recipes_difference_of_replicates,
    recipes_difference_of_scores,
    unpaired_difference,
)
from babyllama.scores.entrants import Answers, Entrant
from babyllama.scores.remarks import with_part
from babyllama.scores.results import Interval

_CLOSE = 1e-6  # in percent: files hold scores to more digits than that
_DETAILS = ("context", "leading_space", "ties", "average", "dtype", "selection")


@dataclass(frozen=True)
class Tested:
    """A difference and its p value, corrected for all differences that were tested together."""

    difference: Difference
    adjusted_p: float = 1.0

    @property
    def is_shown(self) -> bool:
        """Whether the corrected test finds it, and its interval leaves out zero."""
        return self.adjusted_p < LEVEL and self.difference.excludes_zero


@dataclass(frozen=True)
class UidDifference:
    """The difference within one UID, in percent.

    Attributes:
        scores: theirs and ours, or the baseline's and the model's.
    """

    uid: str
    group: str
    scores: tuple[float, float]
    tested: Tested


@dataclass(frozen=True)
class Pairing:
    """Ours minus theirs over the items that both answered.

    Attributes:
        difference: under the average of the scores; None where items are not paired.
        uids: the same by UID, where decisions are paired and there is more than one UID.
        why_unpaired: empty where items are paired.
    """

    difference: Difference | None
    uids: tuple[UidDifference, ...] = ()
    why_unpaired: str = ""


@dataclass(frozen=True)
class Comparison:
    """One benchmark, a model or recipe against the baseline.

    Attributes:
        answers: the baseline's and the model's.
        uids, why_unpaired: as in `Pairing`.
        notes: in what else the two files differ.
    """

    baseline: str
    model: str
    benchmark: str
    answers: tuple[Answers, Answers]
    tested: Tested
    uids: tuple[UidDifference, ...]
    why_unpaired: str
    notes: tuple[str, ...]

    @property
    def is_at_chance(self) -> tuple[bool, bool]:
        """Whether the intervals of the baseline and of the model hold chance."""
        theirs, ours = (is_at_chance(each.result, mean=each.score) for each in self.answers)
        return theirs, ours

    @property
    def shows_nothing(self) -> bool:
        """Whether the better of the two is at chance: nothing can be concluded."""
        theirs, ours = self.answers
        is_ours_better = (ours.score > theirs.score) == ours.result.higher_is_better
        return self.is_at_chance[is_ours_better]

    @property
    def title(self) -> str:
        """The benchmark, with the part of it that was scored."""
        return with_part(self.benchmark, self.answers[1].result)

    @property
    def seeds(self) -> tuple[int, int]:
        """The number of seeds of the baseline and of the model."""
        return len(self.answers[0].scores), len(self.answers[1].scores)


def compared(entrants: Sequence[Entrant], *, correction: Correction) -> list[Comparison]:
    """Compare the first with each of the others, on every benchmark both have.

    p values of all benchmarks and models are corrected together; those of all UIDs are, too.

    Raises:
        InputError: no benchmark in common with the first, or other rules.
    """
    baseline = entrants[0]
    found = [each for other in entrants[1:] for each in _compared(baseline, other)]
    headlines = _corrected([each.tested for each in found], correction)
    of_uids = iter(_corrected([uid.tested for each in found for uid in each.uids], correction))
    return [
        replace(
            each,
            tested=tested,
            uids=tuple(replace(uid, tested=next(of_uids)) for uid in each.uids),
        )
        for each, tested in zip(found, headlines, strict=True)
    ]


def _corrected(tested: Sequence[Tested], correction: Correction) -> list[Tested]:
    p_values = adjusted([each.difference.p for each in tested], correction)
    return [Tested(each.difference, p) for each, p in zip(tested, p_values, strict=True)]


def _compared(baseline: Entrant, other: Entrant) -> Iterator[Comparison]:
    shared = [name for name in baseline.answers if name in other.answers]
    if not shared:
        raise InputError(
            f"{baseline.name} and {other.name} share no benchmark",
            why=f"{baseline.name} has {_listed(baseline)}, {other.name} has {_listed(other)}.",
            mend="Evaluate both on the same benchmarks.",
        )
    names = [each.rules.get("name") for each in (baseline, other)]
    if names[0] != names[1]:
        raise InputError(
            f"{baseline.name} is scored by the rules {names[0]}, {other.name} by {names[1]}",
            why="The same model gets different scores under different rules.",
            mend="Evaluate both with the same --rules.",
        )
    notes = tuple(_different_details(baseline, other))
    for benchmark in shared:
        theirs, ours = baseline.answers[benchmark], other.answers[benchmark]
        if theirs.result.unit != ours.result.unit:
            raise InputError(
                f"{benchmark} is in {theirs.result.unit} for {baseline.name}, "
                f"in {ours.result.unit} for {other.name}",
                mend="Evaluate both with one version of babyllama.",
            )
        pairing = pair(ours, theirs)
        difference = pairing.difference or _unpaired(ours, theirs)
        yield Comparison(
            baseline.name, other.name, benchmark, (theirs, ours), Tested(difference),
            pairing.uids, pairing.why_unpaired, notes,
        )  # fmt: skip


def _listed(entrant: Entrant) -> str:
    return ", ".join(entrant.answers) or "none"


def _different_details(baseline: Entrant, other: Entrant) -> Iterator[str]:
    for name in _DETAILS:
        values = [each.rules.get(name) for each in (baseline, other)]
        if values[0] != values[1]:
            yield f"{name} is {values[0]} for {baseline.name}, {values[1]} for {other.name}"


# --- one benchmark ----------------------------------------------------------------------------


def pair(ours: Answers, theirs: Answers) -> Pairing:
    """Ours minus theirs, item by item or resample by resample."""
    if ours.items is None or theirs.items is None:
        return Pairing(None, why_unpaired="not every file has a digest of its items")
    if ours.items != theirs.items:
        return Pairing(None, why_unpaired="the items are not the same")
    if ours.parts and theirs.parts:
        weights = headline_weights(ours, theirs)
        if weights is None:
            why = "the score is not a mean of the decisions that the files hold"
            return Pairing(None, why_unpaired=why)
        difference = _in_percent(_of_parts(ours.parts, theirs.parts, weights))
        return Pairing(difference, tuple(_by_uid(ours, theirs)))
    if ours.replicates is not None and theirs.replicates is not None:
        return Pairing(_of_replicates(ours, theirs))
    return Pairing(None, why_unpaired="the files hold neither decisions nor replicates")


def _unpaired(ours: Answers, theirs: Answers) -> Difference:
    if max(len(ours.scores), len(theirs.scores)) > 1:
        return recipes_difference_of_scores(ours.scores, theirs.scores)
    return unpaired_difference(_estimate(ours), _estimate(theirs))


def _of_replicates(ours: Answers, theirs: Answers) -> Difference:
    assert ours.replicates is not None
    assert theirs.replicates is not None
    if max(len(ours.scores), len(theirs.scores)) > 1:
        return recipes_difference_of_replicates(
            (ours.scores, ours.replicates), (theirs.scores, theirs.replicates)
        )
    return difference_of_replicates(
        (ours.score, ours.replicates[0].tolist()), (theirs.score, theirs.replicates[0].tolist())
    )


def _of_parts(
    ours: Sequence[Parts], theirs: Sequence[Parts], weights: Mapping[str, float]
) -> Difference:
    """In shares; over items only for one seed each, else over seeds as well."""
    columns = [*weights.values()]
    if len(ours) == len(theirs) == 1:
        mine, other = ([side[0][uid] for uid in weights] for side in (ours, theirs))
        return paired_difference(mine, other, columns)
    mine, other = (
        [np.stack([seed[uid] for seed in side]) for uid in weights] for side in (ours, theirs)
    )
    return recipes_difference(mine, other, columns)


def _by_uid(ours: Answers, theirs: Answers) -> Iterator[UidDifference]:
    assert ours.parts
    assert theirs.parts
    if len(ours.parts[0]) < 2:
        return
    for uid in ours.parts[0]:
        found = _of_parts(ours.parts, theirs.parts, {uid: 1.0})
        means = [
            100 * float(np.mean([seed[uid].mean() for seed in each.parts or ()]))
            for each in (theirs, ours)
        ]
        yield UidDifference(
            uid, _group(ours, uid), (means[0], means[1]), Tested(_in_percent(found))
        )


def headline_weights(ours: Answers, theirs: Answers) -> dict[str, float] | None:
    """The weight of each UID in the headline score, found as the average that gives both scores.

    The average of the rules is tried first, then those that single benchmarks use. None if none of
    them gives the scores in both files.
    """
    assert ours.parts
    assert theirs.parts
    sizes = {uid: len(part) for uid, part in ours.parts[0].items()}
    for each in (*ours.parts, *theirs.parts):
        if {uid: len(part) for uid, part in each.items()} != sizes:
            return None
    groups = {uid: _group(ours, uid) for uid in sizes}
    return next(
        (
            weights
            for weights in averages(ours.average, sizes, groups)
            if _gives(weights, ours) and _gives(weights, theirs)
        ),
        None,
    )


def _group(answers: Answers, uid: str) -> str:
    subtask = answers.result.subtasks.get(uid)
    return (subtask and subtask.group) or uid


def _gives(weights: Mapping[str, float], answers: Answers) -> bool:
    means = [
        sum(weights[uid] * float(part.mean()) for uid, part in seed.items())
        for seed in answers.parts or ()
    ]
    return bool(np.allclose(100 * np.array(means), answers.scores, rtol=0, atol=_CLOSE))


def _estimate(answers: Answers) -> Estimate:
    result = answers.result
    if result.interval is None:
        raise InputError(
            f"a score of {answers.score:.1f} has no interval",
            why="A difference cannot be tested without intervals, seeds or items.",
            mend="Evaluate this model again with babyllama evaluate.",
        )
    low, high = result.interval
    stderr = result.stderr or (high - low) / 2 / Z
    return Estimate(answers.score, stderr, (low, high), result.n or 0)


def _in_percent(found: Difference) -> Difference:
    return replace(
        found,
        value=100 * found.value,
        stderr=100 * found.stderr,
        interval=_hundredfold(found.interval),
        interval_clustered=found.interval_clustered and _hundredfold(found.interval_clustered),
    )


def _hundredfold(interval: Interval) -> Interval:
    return 100 * interval[0], 100 * interval[1]
