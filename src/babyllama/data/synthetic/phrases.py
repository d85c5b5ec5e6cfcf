"""Noun phrases: who or what a clause is about, and what its verb has to agree with.

Every function says its words at once and returns what a later word must know of them. The choices
that the words of a phrase show are made right before they are said, never earlier.
"""

from collections.abc import Callable, Sequence

from babyllama.data.synthetic.agreement import Build, Phrase, say_verb
from babyllama.data.synthetic.lexicon import (
    ANIMAL_INTRANSITIVE,
    ANIMAL_SOCIAL,
    ANIMATE_KINDS,
    INTRANSITIVE,
    LOOKS,
    PERSON_KINDS,
    PLURAL,
    SINGULAR,
    SIZES,
    SOCIAL,
    TRANSITIVE,
    Noun,
    Number,
    Tense,
    Verb,
)
from babyllama.data.synthetic.partners import TRANSITIVITY, partner
from babyllama.data.synthetic.scenes import Gender, Scene
from babyllama.data.synthetic.speaker import Speaker


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
    g: Speaker,
    scene: Scene,
    options: Sequence[Noun],
    construction: str = "",
    *,
    number: Number | None = None,
) -> Phrase:
    """`the dog`, `the small mice`: one of the nouns, in either number unless told."""
    if construction:
        options = g.familiar(options, construction, lambda one: one.singular)
    g.say("the")
    if g.chance(1, 3):
        adjective = g.rank(LOOKS if options[0].kind in ANIMATE_KINDS else SIZES, str)
        g.say(adjective)
    number = choose_number(g) if number is None else number
    head = scene.pick(g, options, lambda one: one.form(number))
    g.say(head.form(number))
    gender: Gender | None = (
        "male" if head.kind == "male" else "female" if head.kind == "female" else None
    )
    return Phrase(number, head, gender)


def being(g: Speaker, scene: Scene, construction: str = "") -> Phrase:
    """Somebody or an animal: a name, or a noun that the place knows."""
    if g.chance(2, 5):
        return name(g, scene)
    return the(g, scene, scene.place.beings, construction)


def someone(g: Speaker, scene: Scene, construction: str = "") -> Phrase:
    """Somebody, not an animal."""
    if g.chance(3, 5):
        return name(g, scene)
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


def social(subject: Phrase) -> Sequence[Verb]:
    """What a subject does to others."""
    is_animal = subject.head is not None and subject.head.kind == "animal"
    return ANIMAL_SOCIAL if is_animal else SOCIAL


def alone(subject: Phrase) -> Sequence[Verb]:
    """The intransitive verbs of a subject: an animal's own, or everybody's."""
    if subject.head is not None and subject.head.kind == "animal":
        return ANIMAL_INTRANSITIVE[subject.head.singular]
    return INTRANSITIVE


def an_object(g: Speaker, scene: Scene, options: Sequence[Noun]) -> None:
    """`the keys`, `a key`, `the milk`."""
    counted = [one for one in options if not one.is_mass]
    article = g.choose(_ARTICLES) if counted else "the"
    g.say(article)
    maybe(g, SIZES, 1, 3)
    if article == "a":
        g.say(scene.pick(g, counted, lambda one: one.singular).singular)
    else:
        bare(g, scene, options)


def bare(g: Speaker, scene: Scene, options: Sequence[Noun]) -> None:
    one = scene.pick(g, options)
    g.say(one.singular if one.is_mass else one.form(choose_number(g)))


def verb_here(
    g: Speaker, scene: Scene, said: Callable[[Verb], str], construction: str = ""
) -> tuple[Verb, Sequence[Noun]]:
    """A verb that has objects at this place, and those objects."""
    objects = {verb: scene.of_kinds(kinds) for verb, kinds in TRANSITIVE.items()}
    verbs = [verb for verb in TRANSITIVE if objects[verb]]
    if construction:
        verbs = g.familiar(verbs, construction, lambda verb: verb.base)
    verb = g.rank(verbs, said)
    return verb, objects[verb]


def maybe(g: Speaker, words: Sequence[str], times: int, of: int) -> None:
    if g.chance(times, of):
        g.say(g.rank(words, str))


def _subject_relative(g: Speaker, scene: Scene, tense: Tense, head: Phrase) -> Number:
    """What follows `who`: a verb that agrees with the head, and mostly an object."""
    if g.chance(2, 3):
        verb = g.rank(social(head), lambda verb: verb.form(tense, head.number))
        say_verb(g, verb, tense, head.number)
        return the(g, scene, scene.place.beings).number
    assert head.head is not None
    verb = g.rank(alone(head), lambda verb: verb.form(tense, head.number))
    wrong = partner(TRANSITIVITY, verb, "relative_gap", tense, head.number)
    say_verb(g, verb, tense, head.number, more=wrong)
    return head.number


def _object_relative(g: Speaker, scene: Scene, tense: Tense, verbs: Sequence[Verb]) -> Number:
    """What follows `that`: somebody, and a verb without its object."""
    subject = someone(g, scene)
    verb = g.rank(verbs, lambda verb: verb.form(tense, subject.number))
    say_verb(
        g,
        verb,
        tense,
        subject.number,
        more=partner(TRANSITIVITY, verb, "relative_gap", tense, subject.number),
    )
    return subject.number


_BUILDS: dict[Build, int] = {"prepositional": 4, "subject_relative": 3, "object_relative": 3}
_BESIDE = ("near", "behind", "beside", "by", "with")
_ANY_THING = tuple(verb for verb in TRANSITIVE if verb.base in ("see", "like", "draw", "count"))
_ARTICLES = {"the": 3, "a": 2}
