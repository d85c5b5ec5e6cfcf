"""Noun phrases: the subjects and objects of clauses, with the features for agreement.

Every function says its words and returns what later words need to know about them. A choice is made
right before the word that shows it, never earlier.
"""

from collections.abc import Callable, Sequence

from babyllama.data.synthetic.agreement import Modifier, Phrase, say_verb
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
from babyllama.data.synthetic.partners import TRANSITIVITY, partner_violation
from babyllama.data.synthetic.scenes import Gender, Scene
from babyllama.data.synthetic.speaker import Speaker


def choose_number(g: Speaker) -> Number:
    return PLURAL if g.chance(2, 5) else SINGULAR


def name(
    g: Speaker, scene: Scene, construction: str = "", *, besides: Phrase | None = None
) -> Phrase:
    """`Anna`, but not the person that `besides` names."""
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
    """`the dog`, `the small mice`: one of the nouns, in a random number unless given."""
    if construction:
        options = g.allowed_in(options, construction, lambda one: one.singular)
    g.say("the")
    if g.chance(1, 3):
        adjective = g.zipf(LOOKS if options[0].kind in ANIMATE_KINDS else SIZES, str)
        g.say(adjective)
    number = choose_number(g) if number is None else number
    head = scene.pick(g, options, lambda one: one.form(number))
    g.say(head.form(number))
    gender: Gender | None = (
        "male" if head.kind == "male" else "female" if head.kind == "female" else None
    )
    return Phrase(number, head, gender)


def being(g: Speaker, scene: Scene, construction: str = "") -> Phrase:
    """A person or an animal: a name, or a noun of the place."""
    if g.chance(2, 5):
        return name(g, scene)
    return the(g, scene, scene.place.beings, construction)


def someone(g: Speaker, scene: Scene, construction: str = "") -> Phrase:
    """A person: a name, or a noun of the place."""
    if g.chance(3, 5):
        return name(g, scene)
    return the(g, scene, scene.of_kinds(PERSON_KINDS), construction)


def modified_being(g: Speaker, scene: Scene, tense: Tense) -> Phrase:
    """`the dogs near the cat`, `the girl who helps the boys`, `the cats that the dog chases`."""
    head = the(g, scene, scene.place.beings, "modified_subject")
    assert head.head is not None
    modifier = g.choose(_MODIFIERS)
    if modifier == "prepositional":
        g.say(g.zipf(_BESIDE, str))
        nearest = the(g, scene, scene.place.beings).number
    elif modifier == "subject_relative":
        g.say("who" if head.head.kind in PERSON_KINDS else "that")
        nearest = _subject_relative(g, scene, tense, head)
    else:
        g.say("that")
        nearest = _object_relative(g, scene, tense, SOCIAL)
    return Phrase(head.number, head.head, head.gender, modifier, nearest)


def modified_thing(g: Speaker, scene: Scene, tense: Tense) -> Phrase:
    """`the cups near the plate`, `the ball that the boys want`."""
    head = the(g, scene, scene.place.things, "modified_subject")
    assert head.head is not None
    modifier: Modifier = "prepositional" if g.chance(1, 2) else "object_relative"
    if modifier == "prepositional":
        g.say(g.zipf(_BESIDE, str))
        nearest = the(g, scene, scene.place.things).number
    else:
        g.say("that")
        verbs = [verb for verb, kinds in TRANSITIVE.items() if head.head.kind in kinds]
        nearest = _object_relative(g, scene, tense, verbs or _ANY_THING)
    return Phrase(head.number, head.head, None, modifier, nearest)


def social_verbs(subject: Phrase) -> Sequence[Verb]:
    """The verbs that a subject can have with an animate object."""
    is_animal = subject.head is not None and subject.head.kind == "animal"
    return ANIMAL_SOCIAL if is_animal else SOCIAL


def intransitive_verbs(subject: Phrase) -> Sequence[Verb]:
    """The intransitive verbs of a subject: those of its animal, or the general ones."""
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
    """`keys`, `key`, `milk`: a noun without its article."""
    one = scene.pick(g, options)
    g.say(one.singular if one.is_mass else one.form(choose_number(g)))


def verb_here(
    g: Speaker, scene: Scene, next_words: Callable[[Verb], str], construction: str = ""
) -> tuple[Verb, Sequence[Noun]]:
    """Choose a verb that has possible objects at this place; return it with these objects."""
    objects = {verb: scene.of_kinds(kinds) for verb, kinds in TRANSITIVE.items()}
    verbs = [verb for verb in TRANSITIVE if objects[verb]]
    if construction:
        verbs = g.allowed_in(verbs, construction, lambda verb: verb.base)
    verb = g.zipf(verbs, next_words)
    return verb, objects[verb]


def maybe(g: Speaker, words: Sequence[str], times: int, of: int) -> None:
    """Say one of the words with probability times / of."""
    if g.chance(times, of):
        g.say(g.zipf(words, str))


def _subject_relative(g: Speaker, scene: Scene, tense: Tense, head: Phrase) -> Number:
    """Say what follows `who`: a verb that agrees with the head, and mostly an object."""
    if g.chance(2, 3):
        verb = g.zipf(social_verbs(head), lambda verb: verb.form(tense, head.number))
        say_verb(g, verb, tense, head.number)
        return the(g, scene, scene.place.beings).number
    assert head.head is not None
    verb = g.zipf(intransitive_verbs(head), lambda verb: verb.form(tense, head.number))
    wrong = partner_violation(TRANSITIVITY, verb, "relative_gap", tense, head.number)
    say_verb(g, verb, tense, head.number, more=wrong)
    return head.number


def _object_relative(g: Speaker, scene: Scene, tense: Tense, verbs: Sequence[Verb]) -> Number:
    """Say what follows `that`: a person, and a verb without its object."""
    subject = someone(g, scene)
    verb = g.zipf(verbs, lambda verb: verb.form(tense, subject.number))
    say_verb(
        g,
        verb,
        tense,
        subject.number,
        more=partner_violation(TRANSITIVITY, verb, "relative_gap", tense, subject.number),
    )
    return subject.number


_MODIFIERS: dict[Modifier, int] = {"prepositional": 4, "subject_relative": 3, "object_relative": 3}
_BESIDE = ("near", "behind", "beside", "by", "with")
_ANY_THING = tuple(verb for verb in TRANSITIVE if verb.base in ("see", "like", "draw", "count"))
_ARTICLES = {"the": 3, "a": 2}
