"""Clauses about actions: one function for each argument structure of a verb."""

from babyllama.data.synthetic.agreement import (
    Phrase,
    have,
    opposite,
    participle_violation,
    say_do,
    say_verb,
)
from babyllama.data.synthetic.lexicon import (
    ALTERNATING,
    DOUBLE_OBJECT,
    EATS,
    MANNERS,
    PLACING,
    PLURAL,
    REFLEXIVE,
    SINGULAR,
    SIZES,
    SOCIAL,
    TRANSITIVE,
    UNACCUSATIVE,
    Number,
    Tense,
    Verb,
    noun,
)
from babyllama.data.synthetic.partners import (
    CAUSATIVITY,
    CAUSED,
    CLAUSE_PARTNERS,
    DITRANSITIVITY,
    TRANSITIVITY,
    partner_violation,
)
from babyllama.data.synthetic.phrases import (
    an_object,
    bare,
    being,
    choose_number,
    intransitive_verbs,
    maybe,
    name,
    social_verbs,
    someone,
    the,
    verb_here,
)
from babyllama.data.synthetic.scenes import Scene
from babyllama.data.synthetic.speaker import Speaker

THING_KINDS = ("toy", "tool", "vessel", "clothing", "reading", "furniture", "plant")


def alone_action(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`The dogs bark near the gate.`"""
    subject = being(g, scene, "agent")
    verb = g.zipf(intransitive_verbs(subject), lambda verb: verb.form(tense, subject.number))
    _say_with_partner(g, verb, tense, subject.number)
    maybe(g, MANNERS, 1, 2)
    g.say(g.zipf(scene.place.spots, str))
    return "."


def thing_action(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`The girl finds the keys.`"""
    subject = someone(g, scene, "agent")
    verb, objects = verb_here(g, scene, lambda verb: verb.form(tense, subject.number))
    _say_with_partner(g, verb, tense, subject.number)
    an_object(g, scene, objects)
    return "."


def social_action(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`Tom helps the girls.` `The dogs chase the cat.`"""
    subject = being(g, scene, "agent")
    verb = g.zipf(social_verbs(subject), lambda verb: verb.form(tense, subject.number))
    clausal = partner_violation(CLAUSE_PARTNERS, verb, "clause_complement", tense, subject.number)
    _say_with_partner(g, verb, tense, subject.number, clausal)
    if g.chance(1, 2):
        the(g, scene, scene.place.beings)
    else:
        name(g, scene, besides=subject)
    maybe(g, MANNERS, 1, 2)
    return "."


def meal(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`The cows eat the grass.`"""
    eaters = [one for one in scene.animals if one.singular in EATS]
    g.say("the")
    number = choose_number(g)
    eaters = g.allowed_in(eaters, "agent", lambda one: one.singular)
    eater = scene.pick(g, eaters, lambda one: one.form(number))
    g.say(eater.form(number))
    eat = next(verb for verb in TRANSITIVE if verb.base == "eat")
    say_verb(g, eat, tense, number, agreement="verb_agreement")
    g.say("the")
    food = g.zipf(EATS[eater.singular].split(), lambda word: noun(word).plural)
    g.say(noun(food).plural)
    return "."


def perfect(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`Anna has not eaten the cake yet.` `The boys have eaten the cake already.`"""
    subject = someone(g, scene, "agent")
    disagreeing = have(tense, opposite(subject.number))
    g.say(have(tense, subject.number), {} if tense == "past" else {"verb_agreement": disagreeing})
    is_negative = g.chance(1, 2)
    if is_negative:
        g.say("not")
    verb, objects = verb_here(g, scene, lambda verb: verb.participle, "yet")
    g.say(verb.participle, participle_violation(verb))
    an_object(g, scene, objects)
    right, wrong = ("yet", "already") if is_negative else ("already", "yet")
    g.say(right, {"npi_yet": wrong})
    return "."


def denied_action(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`The girls do not want the apple.`"""
    subject = someone(g, scene, "agent")
    say_do(g, tense, subject.number, "verb_agreement")
    g.say("not")
    verb, objects = verb_here(g, scene, lambda verb: verb.base)
    g.say(verb.base)
    an_object(g, scene, objects)
    return "."


def reflexive(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`The girls near the dog wash themselves.`"""
    subject = _gendered(g, scene)
    verb = g.zipf(REFLEXIVE, lambda verb: verb.form(tense, subject.number))
    say_verb(g, verb, tense, subject.number)
    himself = "himself" if subject.gender == "male" else "herself"
    herself = "herself" if subject.gender == "male" else "himself"
    is_plain = subject.modifier == "plain"
    uid = "reflexive_number" if is_plain else subject.across("reflexive_attractor")
    if subject.number == PLURAL:
        g.say("themselves", {uid: himself})
    elif is_plain:
        g.say(himself, {uid: "themselves", "reflexive_gender": herself})
    else:
        g.say(himself, {uid: "themselves"})
    return "."


def possession(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`Anna finds her hat.`"""
    owner = name(g, scene)
    verb, objects = verb_here(g, scene, lambda verb: verb.form(tense, SINGULAR))
    say_verb(g, verb, tense, SINGULAR)
    g.say("his" if owner.gender == "male" else "her")
    if g.chance(1, 4):
        g.say(g.zipf(SIZES, str))
    bare(g, scene, objects)
    return "."


def ever(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`Nobody has ever seen the whale.` `Every boy has already fed the ducks.`"""
    is_negative = g.chance(1, 2)
    right, wrong = ("no", "every") if is_negative else ("every", "no")
    if g.chance(1, 2):
        g.say(right + "body", {"npi_licensor": wrong + "body"})
    else:
        g.say(right, {"npi_licensor": wrong})
        counted = g.allowed_in(scene.place.beings, "quantified", lambda one: one.singular)
        g.say(scene.pick(g, counted, lambda one: one.singular).singular)
    g.say(have(tense, SINGULAR))
    g.say("ever" if is_negative else "already")
    verbs = g.allowed_in(SOCIAL, "ever", lambda verb: verb.base)
    verb = g.zipf(verbs, lambda verb: verb.participle)
    g.say(verb.participle, participle_violation(verb))
    the(g, scene, scene.place.beings)
    return "."


def happening(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`The cup falls suddenly.` `The balls roll slowly.`: without an agent."""
    subject = the(g, scene, scene.portable, "agent")
    assert subject.head is not None
    verbs = (*ALTERNATING.get(subject.head.kind, ()), *UNACCUSATIVE)
    verb = g.zipf(verbs, lambda verb: verb.form(tense, subject.number))
    say_verb(
        g,
        verb,
        tense,
        subject.number,
        more=partner_violation(CAUSATIVITY, verb, "causativity", tense, subject.number),
    )
    g.say(g.zipf(MANNERS, str))
    return "."


def causing(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`Tom breaks the cup carefully.`: with an agent."""
    subject = someone(g, scene, "agent")
    verbs = [*dict.fromkeys(v for k in _kinds_here(scene) for v in ALTERNATING.get(k, ())), *CAUSED]
    verb = g.zipf(verbs, lambda verb: verb.form(tense, subject.number))
    say_verb(
        g,
        verb,
        tense,
        subject.number,
        more=partner_violation(CAUSATIVITY, verb, "causativity", tense, subject.number),
    )
    kinds = [kind for kind, alternating in ALTERNATING.items() if verb in alternating]
    the(g, scene, scene.of_kinds(kinds or THING_KINDS))
    g.say(g.zipf(MANNERS, str))
    return "."


def giving(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`Tom gives Anna the ball.`"""
    subject = someone(g, scene, "agent")
    verb = g.zipf(DOUBLE_OBJECT, lambda verb: verb.form(tense, subject.number))
    wrong = partner_violation(DITRANSITIVITY, verb, "double_object", tense, subject.number)
    say_verb(g, verb, tense, subject.number, more=wrong)
    if g.chance(3, 4):
        name(g, scene, besides=subject)
        the(g, scene, scene.portable, "transferred")
    else:
        the(g, scene, scene.portable, "transferred")
        g.say("to")
        name(g, scene, besides=subject)
    return "."


def placing(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`Tom puts the ball under the table.`"""
    subject = someone(g, scene, "agent")
    verb = g.zipf(PLACING, lambda verb: verb.form(tense, subject.number))
    wrong = partner_violation(DITRANSITIVITY, verb, "double_object", tense, subject.number)
    say_verb(g, verb, tense, subject.number, more=wrong)
    the(g, scene, scene.portable, "transferred")
    g.say(g.zipf(scene.place.spots, str))
    return "."


def _gendered(g: Speaker, scene: Scene) -> Phrase:
    """A subject whose noun or name shows its gender, sometimes with an attractor after it."""
    if g.chance(2, 5):
        return name(g, scene, "reflexive")
    people = scene.of_kinds(("male", "female"))
    heads = g.allowed_in(people, "agent", lambda one: one.singular)
    if g.chance(1, 2):
        return the(g, scene, heads, "reflexive")
    heads = g.allowed_in(heads, "modified_subject", lambda one: one.singular)
    head = the(g, scene, heads, "reflexive")
    g.say(g.zipf(("near", "behind", "beside"), str))
    nearest = the(g, scene, people)
    return Phrase(head.number, head.head, head.gender, "prepositional", nearest.number)


def _kinds_here(scene: Scene) -> list[str]:
    return [kind for kind in THING_KINDS if scene.of_kinds((kind,))]


def _say_with_partner(
    g: Speaker, verb: Verb, tense: Tense, number: Number, more: dict[str, str] | None = None
) -> None:
    wrong = partner_violation(TRANSITIVITY, verb, "transitivity", tense, number)
    say_verb(g, verb, tense, number, agreement="verb_agreement", more=wrong | (more or {}))
