"""Noun phrases: who or what a clause is about, and what its verb has to agree with.

Every function says its words at once and returns what a later word must know of them. The choices
that the words of a phrase show are made right before they are said, never earlier.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from babyllama.corpus.synthetic.lexicon import (
    ANIMAL_INTRANSITIVE,
    ANIMATE_KINDS,
    INTRANSITIVE,
    LOOKS,
    PERSON_KINDS,
    PLURAL,
    SIZES,
    SINGULAR,
    SOCIAL,
    TRANSITIVE,
    Noun,
    Number,
    Tense,
    Verb,
    both_ways,
    named,
)
from babyllama.corpus.synthetic.scenes import Gender, Person, Scene
from babyllama.corpus.synthetic.speaker import Speaker

Build = Literal["plain", "prepositional", "subject_relative", "object_relative"]


@dataclass(frozen=True)
class Phrase:
    """What a verb, a reflexive or a pronoun has to know of the phrase it refers to.

    Args:
        head: None for a name.
        person: None for a noun.
        attractor: the number of the noun nearest to the verb, where that is not the head.
    """

    number: Number
    head: Noun | None = None
    gender: Gender | None = None
    build: Build = "plain"
    attractor: Number | None = None
    person: Person | None = None

    @property
    def misleads(self) -> bool:
        return self.attractor is not None and self.attractor != self.number


def other(number: Number) -> Number:
    return SINGULAR if number == PLURAL else PLURAL


def choose_number(g: Speaker) -> Number:
    return PLURAL if g.chance(2, 5) else SINGULAR


def name(
    g: Speaker, scene: Scene, construction: str = "", *, besides: Phrase | None = None
) -> Phrase:
    """`Anna`, but not the one that `besides` names."""
    without = [besides.person] if besides and besides.person else []
    person = scene.person(g, without, construction)
    g.say(person.name)
    return Phrase(SINGULAR, gender=person.gender, person=person)


def the(
    g: Speaker, scene: Scene, options: Sequence[Noun], construction: str = "", *, number: Number | None = None
) -> Phrase:
    """`the dog`, `the small mice`: one of the nouns, in either number unless told."""
    if construction:
        options = g.familiar(options, construction, lambda one: one.singular)
    g.say("the")
    if g.chance(1, 6):
        adjective = g.rank(LOOKS if options[0].kind in ANIMATE_KINDS else SIZES, str)
        g.say(adjective)
    number = choose_number(g) if number is None else number
    head = scene.pick(g, options)
    g.say(head.form(number))
    gender: Gender | None = "male" if head.kind == "male" else "female" if head.kind == "female" else None
    return Phrase(number, head, gender)


def being(g: Speaker, scene: Scene, construction: str = "") -> Phrase:
    """Somebody or an animal: a name, or a noun that the place knows."""
    if g.chance(2, 5):
        return name(g, scene, construction)
    return the(g, scene, scene.place.beings, construction)


def someone(g: Speaker, scene: Scene, construction: str = "") -> Phrase:
    """Somebody, not an animal."""
    if g.chance(3, 5):
        return name(g, scene, construction)
    return the(g, scene, scene.of_kinds(PERSON_KINDS), construction)


def modified_being(g: Speaker, scene: Scene, tense: Tense) -> Phrase:
    """`the dogs near the cat`, `the girl who helps the boys`, `the cats that the dog chases`."""
    head = the(g, scene, scene.place.beings, "modified_subject")
    assert head.head is not None
    build = g.choose(_BUILDS)
    if build == "prepositional":
        g.say(g.rank(_BESIDE, str))
        nearest = the(g, scene, scene.place.beings).number
    elif build == "subject_relative":
        g.say("who" if head.head.kind in PERSON_KINDS else "that")
        nearest = _subject_relative(g, scene, tense, head)
    else:
        g.say("that")
        nearest = _object_relative(g, scene, tense, SOCIAL)
    return Phrase(head.number, head.head, head.gender, build, nearest)


def modified_thing(g: Speaker, scene: Scene, tense: Tense) -> Phrase:
    """`the cups near the plate`, `the ball that the boys want`."""
    head = the(g, scene, scene.place.things, "modified_subject")
    assert head.head is not None
    build: Build = "prepositional" if g.chance(1, 2) else "object_relative"
    if build == "prepositional":
        g.say(g.rank(_BESIDE, str))
        nearest = the(g, scene, scene.place.things).number
    else:
        g.say("that")
        verbs = [verb for verb, kinds in TRANSITIVE.items() if head.head.kind in kinds]
        nearest = _object_relative(g, scene, tense, verbs or _ANY_THING)
    return Phrase(head.number, head.head, None, build, nearest)


def _subject_relative(g: Speaker, scene: Scene, tense: Tense, head: Phrase) -> Number:
    """What follows `who`: a verb that agrees with the head, and mostly an object."""
    if g.chance(2, 3):
        verb = g.rank(SOCIAL, lambda verb: verb.form(tense, head.number))
        say_verb(g, verb, tense, head.number, agreement="relative_verb_agreement")
        return the(g, scene, scene.place.beings).number
    assert head.head is not None
    verb = g.rank(alone(head), lambda verb: verb.form(tense, head.number))
    wrong = _gap_partner(verb, tense, head.number)
    say_verb(g, verb, tense, head.number, agreement="relative_verb_agreement", more=wrong)
    return head.number


def _object_relative(g: Speaker, scene: Scene, tense: Tense, verbs: Sequence[Verb]) -> Number:
    """What follows `that`: somebody, and a verb without its object."""
    subject = someone(g, scene)
    verb = g.rank(verbs, lambda verb: verb.form(tense, subject.number))
    say_verb(g, verb, tense, subject.number, more=_gap_partner(verb, tense, subject.number))
    return subject.number


def alone(subject: Phrase) -> Sequence[Verb]:
    """The intransitive verbs of a subject: an animal's own, or everybody's."""
    if subject.head is not None and subject.head.kind == "animal":
        return ANIMAL_INTRANSITIVE[subject.head.singular]
    return INTRANSITIVE


def say_verb(
    g: Speaker,
    verb: Verb,
    tense: Tense,
    number: Number,
    *,
    agreement: str = "",
    more: dict[str, str] | None = None,
) -> None:
    """Say the finite form, noting the words that would be wrong instead of it.

    Args:
        agreement: the phenomenon that the other number would violate, if any. In the past it
            is the form that shows: the participle, or the base after a singular.
        more: other wrong words, by phenomenon.
    """
    wrong = dict(more or {})
    right = verb.form(tense, number)
    if tense == "present":
        if agreement:
            wrong[agreement] = verb.form(tense, other(number))
    elif verb.participle not in (right, verb.base):
        wrong["irregular_participle"] = verb.participle
    if tense == "past" and right != verb.base and number == SINGULAR:
        wrong["base_form"] = verb.base
    g.say(right, wrong)


def say_be(g: Speaker, subject: Phrase, tense: Tense, uid: str) -> None:
    """Say `is`, `are`, `was` or `were`.

    Args:
        uid: the phenomenon that the wrong one violates after a plain subject.
    """
    g.say(be(tense, subject.number), agreement_spots(subject, be(tense, other(subject.number)), uid))


def agreement_spots(subject: Phrase, wrong: str, uid: str) -> dict[str, str]:
    """Which phenomenon a verb of the wrong number violates after this subject."""
    if subject.build == "plain":
        irregular = subject.head is not None and subject.head.is_irregular
        return {uid: wrong} | ({"irregular_plural_agreement": wrong} if irregular else {})
    return {f"attractor_{subject.build}": wrong} if subject.misleads else {}


def be(tense: Tense, number: Number) -> str:
    if tense == "present":
        return "are" if number == PLURAL else "is"
    return "were" if number == PLURAL else "was"


def _gap_partner(verb: Verb, tense: Tense, number: Number) -> dict[str, str]:
    partner = TRANSITIVITY.get(verb)
    return {} if partner is None else {"relative_gap": partner.form(tense, number)}


_BUILDS: dict[Build, int] = {"prepositional": 4, "subject_relative": 3, "object_relative": 3}
_BESIDE = ("near", "behind", "beside", "by", "with")
_ANY_THING = tuple(verb for verb in TRANSITIVE if verb.base in ("see", "like", "draw", "count"))

# Verbs that need an object beside verbs that cannot have one: each is wrong where its partner is
# right. Verbs that English uses both ways (eat, read, sing, run) have no partner.
_NEED_OBJECT = """find hug want chase lose thank take scare hold greet carry tease bring tickle need
    praise touch forgive wear admire fix trust"""
_HAVE_NONE = """sleep laugh cry wait smile sit rest yawn sneeze giggle snore crawl shiver weep tremble
    wander kneel stumble cough sigh faint limp"""
TRANSITIVITY = both_ways(
    named((*SOCIAL, *TRANSITIVE), _NEED_OBJECT), named(INTRANSITIVE, _HAVE_NONE)
)
