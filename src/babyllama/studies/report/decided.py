"""The declared comparisons, decided on what the trials gave."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from babyllama.scores import measures
from babyllama.scores.entrants import answers_of
from babyllama.scores.paired_answers import paired_answers
from babyllama.scores.paired_seeds import SeedsDifference, paired_seeds_difference_of_scores
from babyllama.scores.verdicts import Asked, Question, Verdict, verdicts
from babyllama.studies.comparing import Pair, Side
from babyllama.studies.outcomes import Outcome
from babyllama.studies.study import DEV_LOSS, StudyRecipe

_HIGHER_IS_BETTER = (measures.ACCURACY, measures.AGREEMENT, "copying")
_QUESTIONS: Mapping[str, Question] = {
    "difference": "better",
    "better": "better",
    "no_worse": "no worse",
    "equivalent": "equivalent",
}
Found = Mapping[Side, Mapping[int, Outcome]]  # by seed


@dataclass(frozen=True)
class Decided:
    """A pair on a measure, with its verdict.

    Attributes:
        notes: what a reader should know of this comparison.
    """

    pair: Pair
    measure: str
    verdict: Verdict
    notes: tuple[str, ...] = ()

    @property
    def difference(self) -> SeedsDifference:
        """Ours minus theirs."""
        return self.verdict.asked.difference


@dataclass(frozen=True)
class Untested:
    """A pair on a measure that could not be decided, and why."""

    pair: Pair
    measure: str
    why: str


def by_side(outcomes: Sequence[Outcome]) -> Found:
    """Outcomes by cell and model, then by seed."""
    found: dict[Side, dict[int, Outcome]] = {}
    for outcome in outcomes:
        found.setdefault(Side(outcome.cell, outcome.model), {})[outcome.seed] = outcome
    return found


def measures_of(study: StudyRecipe, outcomes: Sequence[Outcome]) -> list[str]:
    """What comparisons are about: as declared, or the dev loss and every benchmark."""
    if study.measure:
        return list(study.measure)
    benchmarks = dict.fromkeys(name for each in outcomes for name in each.result.benchmarks)
    has_dev = any(DEV_LOSS in each.values for each in outcomes)
    return [*([DEV_LOSS] if has_dev else []), *benchmarks]


def decide_all(
    study: StudyRecipe, pairs: Sequence[Pair], outcomes: Sequence[Outcome]
) -> tuple[list[Decided], list[Untested]]:
    """A verdict on each pair and measure, corrected for all of them together."""
    found = by_side(outcomes)
    ready: list[tuple[Pair, str, Asked, tuple[str, ...]]] = []
    untested: list[Untested] = []
    for measure in measures_of(study, outcomes):
        for pair in pairs:
            asked = _asked(study, pair, measure, found)
            if isinstance(asked, str):
                untested.append(Untested(pair, measure, asked))
            else:
                ready.append((pair, measure, *asked))
    judged = verdicts([asked for _, _, asked, _ in ready], study.decide.correction)
    return [
        Decided(pair, measure, verdict, notes)
        for (pair, measure, _, notes), verdict in zip(ready, judged, strict=True)
    ], untested


def is_higher_better(measure: str, outcomes: Sequence[Outcome]) -> bool:
    """As the benchmark says; of measures on dev text, whether more is better."""
    for outcome in outcomes:
        if measure in outcome.result.benchmarks:
            return outcome.result.benchmarks[measure].higher_is_better
    return measure.startswith(_HIGHER_IS_BETTER)


def unit_of(measure: str, outcomes: Sequence[Outcome]) -> str:
    """` nats`, ` months`; nothing for percent."""
    units = {o.result.benchmarks[measure].unit for o in outcomes if measure in o.result.benchmarks}
    unit = next(iter(units), measures.unit_of(measure))
    return "" if unit == "percent" else f" {unit}"


def digits_of(measure: str, outcomes: Sequence[Outcome]) -> int:
    """Decimals of a value: three of nats, else one."""
    return 3 if unit_of(measure, outcomes) == " nats" else 1


def _asked(
    study: StudyRecipe, pair: Pair, measure: str, found: Found
) -> tuple[Asked, tuple[str, ...]] | str:
    """What is asked of a pair, with notes; or why it cannot be tested."""
    ours, theirs = (
        {s: o for s, o in found.get(side, {}).items() if measure in o.values}
        for side in (pair.ours, pair.theirs)
    )
    seeds = [seed for seed in ours if seed in theirs]
    if len(seeds) < 2:
        has = "no seed has" if not seeds else f"only seed {seeds[0]} has"
        return f"{has} both, and an interval needs two seeds"
    mine, other = [ours[seed] for seed in seeds], [theirs[seed] for seed in seeds]
    unlike = _unlike(mine, other)
    if unlike and study.unlike == "refuse":
        return unlike
    notes = [unlike] if unlike else []
    if len(seeds) < len(study.seed_list):
        notes.append(f"{len(seeds)} of {len(study.seed_list)} seeds have both")
    difference, why = _difference(measure, mine, other)
    notes += [f"generalises over seeds, not over items, since {why}"] if why else []
    question, smallest = _QUESTIONS[pair.expect], study.decide.smallest.get(measure)
    if question != "better" and smallest is None:
        question = "better"
        notes.append(
            "tested for any difference: no smallest difference that counts is declared for it"
        )
    return Asked(difference, question, smallest, is_higher_better(measure, mine)), tuple(notes)


def _difference(
    measure: str, ours: Sequence[Outcome], theirs: Sequence[Outcome]
) -> tuple[SeedsDifference, str]:
    if all(measure in each.result.benchmarks for each in (*ours, *theirs)):
        mine, other = (
            [answers_of(o.result.benchmarks[measure], measure, o.result.rules) for o in side]
            for side in (ours, theirs)
        )
        return paired_answers(mine, other)
    values = (np.array([each.values[measure] for each in side]) for side in (ours, theirs))
    return paired_seeds_difference_of_scores(*values), ""


def _unlike(ours: Sequence[Outcome], theirs: Sequence[Outcome]) -> str:
    """How the two were made on unlike machines or by unlike versions; "" if alike."""
    made = [{each.made_with for each in side if each.made_with} for side in (ours, theirs)]
    every = sorted(made[0] | made[1])
    return f"made unlike: {'; '.join(every)}" if len(every) > 1 else ""


def notes_of(decided: Sequence[Decided]) -> Iterator[str]:
    """Each note once, with the comparisons that it is about."""
    about: dict[str, list[Decided]] = {}
    for each in decided:
        for note in each.notes:
            about.setdefault(note, []).append(each)
    for note, own in about.items():
        measured = ", ".join(dict.fromkeys(each.measure for each in own))
        count = len(own)
        yield f"{count} comparison{'s' * (count != 1)} on {measured}: {note}."
