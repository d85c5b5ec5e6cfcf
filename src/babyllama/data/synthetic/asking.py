"""Clauses with beliefs, embedded and direct questions, and demonstratives."""

from babyllama.data.synthetic.agreement import Phrase, opposite, say_be, say_do, say_verb
from babyllama.data.synthetic.lexicon import (
    CLAUSE,
    EMBEDDING,
    MOODS,
    PLURAL,
    SINGULAR,
    SOCIAL,
    TRANSITIVE,
    Tense,
    named,
)
from babyllama.data.synthetic.partners import CLAUSE_PARTNERS, TRANSITIVITY, partner_violation
from babyllama.data.synthetic.phrases import (
    an_object,
    choose_number,
    intransitive_verbs,
    name,
    social_verbs,
    someone,
    the,
    verb_here,
)
from babyllama.data.synthetic.scenes import Scene
from babyllama.data.synthetic.speaker import Speaker


def belief(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`Anna thinks that the dogs are hungry.`"""
    subject = someone(g, scene, "agent")
    verb = g.zipf(CLAUSE, lambda verb: verb.form(tense, subject.number))
    wrong = partner_violation(CLAUSE_PARTNERS, verb, "clause_complement", tense, subject.number)
    say_verb(g, verb, tense, subject.number, more=wrong)
    g.say("that")
    if g.chance(3, 5):
        believed = the(g, scene, scene.place.beings, "plain_state")
    else:
        believed = name(g, scene, besides=subject)
    say_be(g, believed, tense, "copula_agreement")
    g.say(g.zipf(MOODS, str))
    return "."


def knowledge(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`Tom knows what Anna found.` `Tom knows that Anna found the keys.`"""
    subject = someone(g, scene, "agent")
    verb = g.zipf(EMBEDDING, lambda verb: verb.form(tense, subject.number))
    say_verb(g, verb, tense, subject.number)
    gap = len(g.tokens)
    has_gap = g.chance(1, 2)
    right, wrong = ("what", "that") if has_gap else ("that", "what")
    g.say(right)
    name(g, scene, "embedded", besides=subject)
    found, objects = verb_here(g, scene, lambda verb: verb.past)
    g.say(found.past)
    if found in TRANSITIVITY:  # only where a missing object is a mistake
        g.note_violation("wh_vs_that", gap, wrong)
    if not has_gap:
        an_object(g, scene, objects)
    return "."


def what_question(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`What does the boy want?` `Who do the girls like?`"""
    start = len(g.tokens)
    asks_who = g.chance(1, 2)
    g.say("who" if asks_who else "what")
    subject = _asked(g, scene, tense)
    is_animal = subject.head is not None and subject.head.kind == "animal"
    doing = _OF_ANIMALS if is_animal else _OF_THINGS
    verb = g.zipf(social_verbs(subject) if asks_who else doing, lambda verb: verb.base)
    if verb in _ONLY_PERSONS:
        g.note_violation("wh_animacy", start, "what")
    elif verb in _ONLY_THINGS:
        g.note_violation("wh_animacy", start, "who")
    g.say(verb.base)
    return "?"


def where_question(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`Where does the cow sleep?`"""
    g.say("where")
    subject = _asked(g, scene, tense)
    g.say(g.zipf(intransitive_verbs(subject), lambda verb: verb.base).base)
    return "?"


def demonstrative(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`Anna likes these small mice.`"""
    subject = name(g, scene)
    verb = g.zipf(_POINTING, lambda verb: verb.form(tense, subject.number))
    g.say(verb.form(tense, subject.number))
    this(g, scene)
    return "."


def look_at(g: Speaker, scene: Scene, tense: Tense) -> str:  # noqa: ARG001 - a Clause
    """`Look at those ducks!`"""
    g.say("look at")
    this(g, scene)
    return "!"


def this(g: Speaker, scene: Scene) -> None:
    """`this dog`, `those small mice`."""
    options = (*scene.place.beings, *scene.place.things)
    options = tuple(g.allowed_in(options, "demonstrative", lambda one: one.singular))
    number = choose_number(g)
    g.say(g.choose(_THESE if number == PLURAL else _THIS))
    if g.chance(1, 3):
        g.say(g.zipf(("big", "little", "small", "old", "pretty", "funny", "black", "white"), str))
    one = scene.pick(g, options, lambda one: one.form(number))
    uid = "determiner_noun_irregular" if one.is_irregular else "determiner_noun"
    g.say(one.form(number), {uid: one.form(opposite(number))})


def _asked(g: Speaker, scene: Scene, tense: Tense) -> Phrase:
    """`does the boy`: the auxiliary precedes its subject, so number is chosen first."""
    number = choose_number(g)
    say_do(g, tense, number, "question_agreement")
    if number == SINGULAR and g.chance(2, 5):
        return name(g, scene)
    return the(g, scene, scene.place.beings, "question", number=number)


_THIS = {"this": 3, "that": 2}
_THESE = {"these": 3, "those": 2}
_POINTING = named(TRANSITIVE, "like want see touch")
_OF_THINGS = tuple(verb for verb in TRANSITIVE if verb.base not in ("read", "see"))
_OF_ANIMALS = named(TRANSITIVE, "eat want find carry drink like steal smell")
_ONLY_THINGS = named(
    TRANSITIVE, "eat drink wear buy fix fold sew cook spill write build taste borrow"
)
_ONLY_PERSONS = named(SOCIAL, "help hug meet thank greet tease teach forgive praise tickle")
