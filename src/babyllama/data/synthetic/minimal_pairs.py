"""Minimal pairs: a sentence of the grammar, and the same sentence with one word that breaks a rule.

The grammar notes where a rule applies and which word would break it (`Speaker.violations`), so a
pair is a sentence and one of its violations. Pairs are balanced: for each pair with `is` right and
`are` wrong there is one with `are` right and `is` wrong. A model that knows only word frequencies,
or always prefers one form, is right half of the time. Where a noun stands between the words that
must agree (an attractor), it has their number in half of the pairs and the other in the rest: a
model that agrees with the nearest noun is right half of the time, too.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from babyllama.data.synthetic import actions, asking, states
from babyllama.data.synthetic.agreement import MATCHING
from babyllama.data.synthetic.clauses import Clause
from babyllama.data.synthetic.lexicon import Tense
from babyllama.data.synthetic.places import PLACES
from babyllama.data.synthetic.sampling import Dice
from babyllama.data.synthetic.scenes import Scene
from babyllama.data.synthetic.speaker import NothingToChoose, Speaker, render

PAIRS_PER_UID = 200
NOVEL_SHARE = 2  # one pair in two has a word that the corpus never uses in this construction
_TRIES_PER_PAIR = 400


@dataclass(frozen=True)
class Phenomenon:
    """One kind of mistake, and the sentences that allow it.

    Args:
        term: BLiMP's `linguistics_term`, a group of phenomena.
        field: BLiMP's `field`.
        sources: the clauses whose sentences have such a violation.
        construction: the one from which a sixth of the words is held out (`lexicon.is_held_out`).
        tenses: those in which the mistake is possible.
        has_attractor: a noun stands between the words that must agree.
    """

    term: str
    field: str
    sources: tuple[Clause, ...]
    construction: str
    tenses: tuple[Tense, ...] = ("present", "past")
    has_attractor: bool = False


@dataclass(frozen=True)
class Pair:
    """Two sentences that differ in one token: `right` in the good one, `wrong` in the bad one."""

    good: str
    bad: str
    right: str
    wrong: str


def minimal_pairs(uid: str, *, seed: int, corpus: Collection[str]) -> list[dict[str, str | bool]]:
    """About `PAIRS_PER_UID` pairs with BLiMP's keys, and `novel`.

    Args:
        uid: a key of `PHENOMENA`.
        seed: the same seed and corpus give the same pairs.
        corpus: lines that are not used as a sentence of a pair.
    """
    phenomenon = PHENOMENA[uid]
    return [
        {
            "sentence_good": pair.good,
            "sentence_bad": pair.bad,
            "field": phenomenon.field,
            "linguistics_term": phenomenon.term,
            "UID": uid,
            "pairID": str(number),
            "novel": is_novel,
        }
        for number, (pair, is_novel) in enumerate(_drawn(uid, phenomenon, seed, set(corpus)))
    ]


def _drawn(
    uid: str, phenomenon: Phenomenon, seed: int, seen: set[str]
) -> Iterator[tuple[Pair, bool]]:
    """The pairs of a UID, and whether they have a novel word."""
    violations = (uid, uid + MATCHING) if phenomenon.has_attractor else (uid,)
    novel_pairs = PAIRS_PER_UID // NOVEL_SHARE
    for is_novel, wanted in ((False, PAIRS_PER_UID - novel_pairs), (True, novel_pairs)):
        for violation in violations:
            dice = Dice(seed, "pairs", violation, "novel" if is_novel else "familiar")
            share = wanted // len(violations)
            for pair in _balanced(violation, phenomenon, dice, seen, share, is_novel):
                yield pair, is_novel


def _balanced(
    violation: str, phenomenon: Phenomenon, dice: Dice, seen: set[str], wanted: int, is_novel: bool
) -> list[Pair]:
    """Draw pairs; accept a pair together with one that swaps the same words the other way."""
    accepted: list[Pair] = []
    waiting: dict[tuple[str, str], list[Pair]] = {}
    for _ in range(wanted * _TRIES_PER_PAIR):
        if len(accepted) >= wanted:
            break
        for pair in _candidates(violation, phenomenon, dice, is_novel):
            if pair.good in seen or pair.bad in seen:
                continue
            seen |= {pair.good, pair.bad}
            opposites = waiting.get((pair.wrong, pair.right))
            if opposites:
                accepted += [opposites.pop(0), pair]
            else:
                waiting.setdefault((pair.right, pair.wrong), []).append(pair)
    return accepted


def _candidates(
    violation: str, phenomenon: Phenomenon, dice: Dice, is_novel: bool
) -> Iterator[Pair]:
    """The pairs from one sentence at a random place, mostly one or none."""
    speaker = Speaker(dice.decide, novel=phenomenon.construction if is_novel else None)
    scene = Scene(_PLACES[dice.below(len(_PLACES))])
    source = phenomenon.sources[dice.below(len(phenomenon.sources))]
    tense = phenomenon.tenses[dice.below(len(phenomenon.tenses))]
    try:
        mark = source(speaker, scene, tense)
    except NothingToChoose:
        return
    if speaker.is_novel != is_novel:
        return
    good = [*speaker.tokens, mark]
    for noted in speaker.violations:
        if noted.uid == violation:
            bad = list(good)
            bad[noted.position] = noted.wrong
            yield Pair(render(good), render(bad), good[noted.position], noted.wrong)


_PLACES = tuple(PLACES.values())
_PRESENT: tuple[Tense, ...] = ("present",)
_PAST: tuple[Tense, ...] = ("past",)
_ATTRACTOR = Phenomenon(
    "subject_verb_agreement",
    "syntax",
    (states.modified_state,),
    "modified_subject",
    has_attractor=True,
)
_DETERMINER = (
    "determiner_noun_agreement",
    "morphology",
    (asking.demonstrative, asking.look_at),
    "demonstrative",
    _PRESENT,
)
# In the past, where the form of the verb does not show the number.
_REFLEXIVE = ("anaphor_agreement", "morphology", (actions.reflexive,), "reflexive", _PAST)

PHENOMENA = {
    "copula_agreement": Phenomenon(
        "subject_verb_agreement", "morphology", (states.state, states.condition), "plain_state"
    ),
    "verb_agreement": Phenomenon(
        "subject_verb_agreement",
        "morphology",
        (actions.alone_action, actions.thing_action, actions.social_action),
        "agent",
        _PRESENT,
    ),
    "question_agreement": Phenomenon(
        "subject_verb_agreement",
        "morphology",
        (asking.what_question, asking.where_question),
        "question",
        _PRESENT,
    ),
    "attractor_prepositional": _ATTRACTOR,
    "attractor_subject_relative": _ATTRACTOR,
    "attractor_object_relative": _ATTRACTOR,
    "determiner_noun": Phenomenon(*_DETERMINER),
    "determiner_noun_irregular": Phenomenon(*_DETERMINER),
    "reflexive_gender": Phenomenon(*_REFLEXIVE),
    "reflexive_number": Phenomenon(*_REFLEXIVE),
    "reflexive_attractor": Phenomenon(*_REFLEXIVE, has_attractor=True),
    "npi_any": Phenomenon(
        "npi_licensing", "semantics", (states.some_or_any, states.wanting_any), "any"
    ),
    "npi_yet": Phenomenon("npi_licensing", "semantics", (actions.perfect,), "yet"),
    "npi_licensor": Phenomenon("npi_licensing", "semantics", (actions.ever,), "ever"),
    "irregular_participle": Phenomenon(
        "irregular_forms",
        "morphology",
        (actions.thing_action, actions.perfect),
        "agent",
        _PAST,
    ),
    "irregular_plural_agreement": Phenomenon(
        "irregular_forms", "morphology", (states.state, states.condition), "plain_state"
    ),
    "transitivity": Phenomenon(
        "argument_structure",
        "syntax",
        (actions.alone_action, actions.thing_action, actions.social_action),
        "agent",
    ),
    "causativity": Phenomenon(
        "argument_structure", "syntax", (actions.causing, actions.happening), "agent"
    ),
    "double_object": Phenomenon(
        "argument_structure", "syntax", (actions.giving, actions.placing), "transferred"
    ),
    "clause_complement": Phenomenon(
        "argument_structure", "syntax", (asking.belief, actions.social_action), "agent"
    ),
    "wh_vs_that": Phenomenon("filler_gap_dependency", "syntax", (asking.knowledge,), "embedded"),
    "wh_animacy": Phenomenon(
        "filler_gap_dependency", "syntax", (asking.what_question,), "question"
    ),
    "relative_gap": Phenomenon(
        "filler_gap_dependency", "syntax", (states.modified_state,), "modified_subject"
    ),
    "every_all": Phenomenon("quantifiers", "semantics", (states.quantified,), "quantified"),
    "many_much": Phenomenon("quantifiers", "semantics", (states.too_much,), "too_much"),
}
