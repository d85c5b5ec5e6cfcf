"""Words that must agree with a phrase. Each notes its wrong forms as violations."""

from dataclasses import dataclass
from typing import Literal

from babyllama.data.synthetic.lexicon import PLURAL, SINGULAR, Noun, Number, Tense, Verb
from babyllama.data.synthetic.scenes import Gender, Person
from babyllama.data.synthetic.speaker import Speaker

Modifier = Literal["plain", "prepositional", "subject_relative", "object_relative"]

MATCHING = "_matching"  # ends the name of a violation after an attractor of the same number


@dataclass(frozen=True)
class Phrase:
    """The features of a phrase that a verb, a reflexive or a pronoun must agree with.

    Args:
        head: the noun; None for a name.
        person: the named person; None for a noun.
        modifier: what follows the head.
        attractor: the number of the noun nearest to the verb, if that is not the head.
    """

    number: Number
    head: Noun | None = None
    gender: Gender | None = None
    modifier: Modifier = "plain"
    attractor: Number | None = None
    person: Person | None = None

    def across(self, uid: str) -> str:
        """The name of a violation after an attractor.

        Returns:
            `uid` if the attractor has the other number, so that agreement with the nearest noun
            makes the mistake; `uid` and `MATCHING` if it has the same number.
        """
        return uid if self.attractor != self.number else uid + MATCHING


def opposite(number: Number) -> Number:
    return SINGULAR if number == PLURAL else PLURAL


def be(tense: Tense, number: Number) -> str:
    if tense == "present":
        return "are" if number == PLURAL else "is"
    return "were" if number == PLURAL else "was"


def have(tense: Tense, number: Number) -> str:
    if tense == "past":
        return "had"
    return "have" if number == PLURAL else "has"


def say_be(g: Speaker, subject: Phrase, tense: Tense, uid: str) -> None:
    """Say `is`, `are`, `was` or `were`.

    Args:
        uid: the phenomenon that the wrong form violates after a plain subject.
    """
    g.say(
        be(tense, subject.number),
        agreement_violations(subject, be(tense, opposite(subject.number)), uid),
    )


def say_do(g: Speaker, tense: Tense, number: Number, uid: str = "") -> None:
    right, wrong = ("do", "does") if number == PLURAL else ("does", "do")
    if tense == "past":
        g.say("did")
    else:
        g.say(right, {uid: wrong} if uid else {})


def say_verb(
    g: Speaker,
    verb: Verb,
    tense: Tense,
    number: Number,
    *,
    agreement: str = "",
    more: dict[str, str] | None = None,
) -> None:
    """Say the finite form and note the words that would be wrong in its place.

    Args:
        agreement: the phenomenon that the opposite number violates, if any. In the past, which
            does not show number, the participle is noted as wrong.
        more: other wrong words by phenomenon.
    """
    wrong = dict(more or {})
    right = verb.form(tense, number)
    if tense == "present":
        if agreement:
            wrong[agreement] = verb.form(tense, opposite(number))
    elif verb.participle not in (right, verb.base):
        wrong["irregular_participle"] = verb.participle
    g.say(right, wrong)


def participle_violation(verb: Verb) -> dict[str, str]:
    return {} if verb.participle == verb.past else {"irregular_participle": verb.past}


def agreement_violations(subject: Phrase, wrong: str, uid: str) -> dict[str, str]:
    """The phenomena that a verb of the wrong number violates after this subject."""
    if subject.modifier == "plain":
        irregular = subject.head is not None and subject.head.is_irregular
        return {uid: wrong} | ({"irregular_plural_agreement": wrong} if irregular else {})
    return {subject.across(f"attractor_{subject.modifier}"): wrong}
