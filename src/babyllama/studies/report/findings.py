"""What a study gave, as all sections of its report read it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import mean

from babyllama.report.figures import inline
from babyllama.report.section import Shown
from babyllama.runs.layout import Layout
from babyllama.studies.cells import Cell
from babyllama.studies.comparing import Pair, Side
from babyllama.studies.history import Entry
from babyllama.studies.outcomes import Missing, Outcome
from babyllama.studies.report.decided import (
    Decided,
    Found,
    Untested,
    by_side,
    decide_all,
    digits_of,
    measures_of,
    unit_of,
)
from babyllama.studies.study import ABOVE_ENTROPY, DEV_LOSS, StudyRecipe


@dataclass(frozen=True)
class Findings:
    """What a study gave.

    Attributes:
        mains: the main student of each cell.
        history: what the study said whenever it changed.
        unnamed: finished trials in its folder that are none of the study's.
    """

    study: StudyRecipe
    cells: tuple[Cell, ...]
    mains: Mapping[str, str]
    pairs: tuple[Pair, ...]
    outcomes: tuple[Outcome, ...]
    missing: tuple[Missing, ...]
    history: tuple[Entry, ...]
    unnamed: tuple[str, ...]
    out: Path

    @cached_property
    def found(self) -> Found:
        """Outcomes by cell and model, then by seed."""
        return by_side(self.outcomes)

    @property
    def measures(self) -> list[str]:
        """What comparisons are about."""
        return measures_of(self.study, self.outcomes)

    @cached_property
    def decisions(self) -> tuple[list[Decided], list[Untested]]:
        """The declared comparisons with their verdicts, and those that could not be tested."""
        return decide_all(self.study, self.pairs, self.outcomes)

    def main(self, cell: Cell) -> Side:
        """The main student of a cell."""
        return Side(cell.name, self.mains[cell.name])

    def values(self, side: Side, measure: str) -> dict[int, float]:
        """By seed, of the trials that are finished."""
        own = self.found.get(side, {})
        return {seed: o.values[measure] for seed, o in own.items() if measure in o.values}

    def levels(self, each: Decided) -> str:
        """The two values that a comparison is about, means over the seeds that both sides have.

        On unseen text: nats per word above the corpus's entropy, if it is known and no other
        comparison is on unseen text; else nats per token.
        """
        measure = each.measure
        is_alone = sum(other.measure == DEV_LOSS for other in self.decisions[0]) == 1
        if (
            measure == DEV_LOSS
            and is_alone
            and any(ABOVE_ENTROPY in o.values for o in self.outcomes)
        ):
            measure = ABOVE_ENTROPY
        ours, theirs = (self.values(side, measure) for side in (each.pair.ours, each.pair.theirs))
        seeds = [seed for seed in ours if seed in theirs]
        digits = digits_of(measure, self.outcomes)
        means = [mean([own[seed] for seed in seeds]) for own in (ours, theirs)]
        text = " against ".join(f"{value:.{digits}f}" for value in means)
        per = {DEV_LOSS: " per token", ABOVE_ENTROPY: " per word above the corpus's entropy"}
        return f"{text}{unit_of(measure, self.outcomes) or ' percent'}{per.get(measure, '')}"

    def axis_label(self, measure: str) -> str:
        """`blimp, percent`."""
        return f"{measure}, {unit_of(measure, self.outcomes).strip() or 'percent'}"


def folder_of(outcome: Outcome) -> Path | None:
    """Where in the store the model is; None of an ensemble and of random weights.

    Trials that share a model have links to one folder.
    """
    layout = Layout(outcome.trial)
    if outcome.role == "teacher":
        return layout.teacher(outcome.model).resolve()
    if outcome.role in ("student", "twin"):
        return layout.student(outcome.model).resolve()
    return None


def shown(name: str, svg: str, label: str, caption: str) -> Shown:
    """A figure for the page."""
    return Shown(f"{name}.svg", svg, inline(svg, label, ids=name), label, caption)
