"""What a comparison of a study shows, by the rule that was written down before the data.

A study declares each comparison's question, the smallest difference that counts, and the correction
for the number of comparisons. `babyllama.report.verdicts` puts the verdicts into words.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from babyllama.scores.differences import LEVEL, Correction, adjusted
from babyllama.scores.paired_seeds import SeedsDifference
from babyllama.scores.power import POWER, Needed, seeds_needed
from babyllama.scores.results import Interval

Question = Literal["better", "equivalent", "no worse"]
Word = Literal["better", "worse", "equivalent", "no worse", "undecided"]


@dataclass(frozen=True)
class Asked:
    """A declared comparison.

    Attributes:
        difference: ours minus theirs, in the measure's unit.
        question: is ours better (two-sided), are both equivalent, or is ours no worse?
        smallest: the smallest difference that counts, in the same unit; the last two questions
            need one.
    """

    difference: SeedsDifference
    question: Question = "better"
    smallest: float | None = None
    higher_is_better: bool = True

    def __post_init__(self) -> None:
        if self.smallest is not None and self.smallest <= 0:
            raise ValueError(f"the smallest difference that counts is above 0, not {self.smallest}")
        if self.smallest is None and self.question != "better":
            raise ValueError(f"{self.question!r} needs the smallest difference that counts")

    @property
    def gain(self) -> SeedsDifference:
        """The difference, positive where ours is better."""
        return self.difference if self.higher_is_better else self.difference.times(-1)


@dataclass(frozen=True)
class Verdict:
    """What a declared comparison shows.

    Attributes:
        p, adjusted_p: of the question that was asked, before and after the correction.
        needed: what would show it; only where it is undecided and not where nothing was declared
            and nothing observed.
    """

    asked: Asked
    word: Word
    p: float
    adjusted_p: float
    needed: Needed | None

    @property
    def interval(self) -> Interval:
        """The interval that belongs to the verdict: 90% for the two that need a margin."""
        level = 2 * LEVEL if self.is_of_margin else LEVEL
        return self.asked.difference.interval_at(level)

    @property
    def is_of_margin(self) -> bool:
        """Whether the verdict rests on one-sided tests against the smallest difference."""
        return self.word in ("equivalent", "no worse")

    @property
    def is_too_small(self) -> bool:
        """Whether a difference is shown, and shown to be smaller than what counts."""
        return (
            self.word in ("better", "worse")
            and self.asked.smallest is not None
            and _p_equivalent(self.asked) < LEVEL
        )


def verdicts(asked: Sequence[Asked], correction: Correction) -> list[Verdict]:
    """A verdict on each declared comparison, corrected for their number.

    `better` and `worse`: the two-sided test of no difference. `equivalent`: two one-sided tests
    (TOST), which is the 90% interval inside plus and minus the smallest difference. `no worse`: the
    one-sided test against a loss of the smallest difference. A comparison that does not show what
    was asked gets the verdict of what it does show: a difference or, if it was asked for one,
    equivalence. The tests of each kind are corrected over all comparisons by themselves, so that
    the level of 5% holds for each kind.

    Source: Schuirmann 1987 for TOST; Morikawa and Yoshida 1995 for asking whether it is better
    after it is no worse, without a further correction.
    """
    differs = adjusted([each.gain.p for each in asked], correction)
    equivalent = _adjusted_where_declared(asked, _p_equivalent, correction)
    no_worse = _adjusted_where_declared(asked, _p_no_worse, correction)
    return [
        _verdict(each, *p_values, comparisons=len(asked))
        for each, *p_values in zip(asked, differs, equivalent, no_worse, strict=True)
    ]


def _adjusted_where_declared(
    asked: Sequence[Asked], test: Callable[[Asked], float], correction: Correction
) -> list[float]:
    """1 where no smallest difference is declared: such a comparison cannot show it."""
    declared = [i for i, each in enumerate(asked) if each.smallest is not None]
    found = dict(
        zip(declared, adjusted([test(asked[i]) for i in declared], correction), strict=True)
    )
    return [found.get(i, 1.0) for i in range(len(asked))]


def _verdict(
    asked: Asked, differs: float, equivalent: float, no_worse: float, *, comparisons: int
) -> Verdict:
    word = _word(asked, differs, equivalent, no_worse)
    p, adjusted_p = {
        "better": (asked.gain.p, differs),
        "equivalent": (_p_equivalent(asked), equivalent),
        "no worse": (_p_no_worse(asked), no_worse),
    }[asked.question]
    needed = _needed(asked, comparisons) if word == "undecided" else None
    return Verdict(asked, word, p, adjusted_p, needed)


def _word(asked: Asked, differs: float, equivalent: float, no_worse: float) -> Word:
    difference: Word | None = None
    if differs < LEVEL:
        difference = "better" if asked.gain.value > 0 else "worse"
    is_equivalent, is_no_worse = equivalent < LEVEL, no_worse < LEVEL
    if asked.question == "equivalent" and is_equivalent:
        return "equivalent"
    if asked.question == "no worse" and is_no_worse:
        return "better" if difference == "better" else "no worse"
    if difference is None and is_equivalent:
        return "equivalent"
    return difference or "undecided"


def _p_equivalent(asked: Asked) -> float:
    """The larger p of two one-sided tests; 1 where no smallest difference is declared."""
    if asked.smallest is None:
        return 1.0
    return max(asked.gain.p_not_above(-asked.smallest), asked.gain.p_not_below(asked.smallest))


def _p_no_worse(asked: Asked) -> float:
    return 1.0 if asked.smallest is None else asked.gain.p_not_above(-asked.smallest)


def _needed(asked: Asked, comparisons: int) -> Needed | None:
    """What would show the smallest difference, or the observed one where none is declared.

    For the two questions with a margin the true difference is taken to be 0. Equivalence needs both
    of TOST's tests, so each may fail in 10% of studies. The level is divided by the number of
    comparisons, as the first step of Holm's correction does.
    """
    size = asked.smallest or abs(asked.gain.value)
    if size == 0:
        return None
    level = LEVEL / comparisons * (1 if asked.question == "better" else 2)
    power = 1 - (1 - POWER) / 2 if asked.question == "equivalent" else POWER
    return seeds_needed(asked.gain, size, level=level, power=power)
