"""What can be said of a scene in one sentence: a function for each construction.

A clause says its words and returns the mark that ends it, so that a story can also quote it. No
two clauses can say the same sentence; each begins, or goes on, in a way of its own. The words that
would break a rule are noted where the rule applies (`Speaker.say`); `minimal_pairs.py` uses them.
"""

from collections.abc import Callable, Sequence

from babyllama.corpus.synthetic.lexicon import (
    ALTERNATING,
    ANIMAL_SOCIAL,
    ANIMATE_KINDS,
    CLAUSE,
    CLAUSE_ALONE,
    COLORS,
    CONDITIONS,
    COUNTS,
    DOUBLE_OBJECT,
    EATS,
    EMBEDDING,
    LOOKS,
    MANNERS,
    MOODS,
    PLACING,
    PLURAL,
    REFLEXIVE,
    SINGULAR,
    SIZES,
    SOCIAL,
    TRANSITIVE,
    UNACCUSATIVE,
    WHENS,
    Noun,
    Number,
    Tense,
    Verb,
    both_ways,
    named,
    noun,
)
from babyllama.corpus.synthetic.phrases import (
    TRANSITIVITY,
    Phrase,
    alone,
    be,
    being,
    choose_number,
    modified_being,
    modified_thing,
    name,
    other,
    say_be,
    say_verb,
    someone,
    the,
)
from babyllama.corpus.synthetic.scenes import Scene
from babyllama.corpus.synthetic.speaker import Speaker

Clause = Callable[[Speaker, Scene, Tense], str]
THING_KINDS = ("toy", "tool", "vessel", "clothing", "reading", "furniture", "plant")


def state(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`The dogs are asleep.`"""
    subject = the(g, scene, scene.place.beings, "plain_state") if g.chance(3, 5) else name(g, scene)
    say_be(g, subject, tense, "copula_agreement")
    g.say(g.rank(MOODS, str))
    return "."


def modified_state(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`The dogs near the cat are asleep.` `The ball that the boys want is red.`"""
    if g.chance(3, 5):
        subject, qualities = modified_being(g, scene, tense), MOODS
    else:
        subject, qualities = modified_thing(g, scene, tense), COLORS + CONDITIONS
    say_be(g, subject, tense, "copula_agreement")
    g.say(g.rank(qualities, str))
    return "."


def condition(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`The cups are dirty.`"""
    subject = the(g, scene, scene.place.things, "plain_state")
    say_be(g, subject, tense, "copula_agreement")
    g.say(g.rank(CONDITIONS, str))
    return "."


def alone_action(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`The dogs bark near the gate.`"""
    subject = being(g, scene, "agent")
    verb = g.rank(alone(subject), lambda verb: verb.form(tense, subject.number))
    _say_with_partner(g, verb, tense, subject.number)
    g.say(g.rank(scene.place.spots, str))
    return "."


def thing_action(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`The girl finds the keys.`"""
    subject = someone(g, scene, "agent")
    verb, objects = _verb_here(g, scene, lambda verb: verb.form(tense, subject.number))
    _say_with_partner(g, verb, tense, subject.number)
    an_object(g, scene, objects)
    return "."


def social_action(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`Tom helps the girls.` `The dogs chase the cat.`"""
    subject = being(g, scene, "agent")
    is_animal = subject.head is not None and subject.head.kind == "animal"
    verbs = ANIMAL_SOCIAL if is_animal else SOCIAL
    verb = g.rank(verbs, lambda verb: verb.form(tense, subject.number))
    clausal = _partner(CLAUSE_PARTNERS, verb, "clause_complement", tense, subject.number)
    _say_with_partner(g, verb, tense, subject.number, clausal)
    if g.chance(1, 2):
        the(g, scene, scene.place.beings)
    else:
        name(g, scene, besides=subject)
    return "."


def meal(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`The cows eat some grass.`"""
    eaters = [one for one in scene.place.beings if one.singular in EATS]
    g.say("the")
    number = choose_number(g)
    eater = scene.pick(g, g.familiar(eaters, "eater", lambda one: one.singular))
    g.say(eater.form(number))
    eat = next(verb for verb in TRANSITIVE if verb.base == "eat")
    say_verb(g, eat, tense, number, agreement="verb_agreement")
    g.say("some")
    food = g.rank(EATS[eater.singular].split(), lambda word: noun(word).plural)
    g.say(noun(food).plural)
    return "."


def perfect(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`Anna has not eaten the cake yet.` `The boys have eaten the cake already.`"""
    subject = someone(g, scene, "perfect")
    have = _have(tense, subject.number)
    g.say(have, {} if tense == "past" else {"verb_agreement": _have(tense, other(subject.number))})
    is_negative = g.chance(1, 2)
    if is_negative:
        g.say("not")
    verb, objects = _verb_here(g, scene, lambda verb: verb.participle)
    g.say(verb.participle, _past_for(verb.participle, verb.past))
    an_object(g, scene, objects, "yet")
    right, wrong = ("yet", "already") if is_negative else ("already", "yet")
    g.say(right, {"npi_yet": wrong})
    return "."


def denied_action(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`The girls do not want the apple.`"""
    subject = someone(g, scene, "perfect")
    _say_do(g, tense, subject.number, "verb_agreement")
    g.say("not")
    verb, objects = _verb_here(g, scene, lambda verb: verb.base)
    g.say(verb.base, _past_for(verb.base, verb.past, "base_form"))
    an_object(g, scene, objects)
    return "."


def reflexive(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`The girls near the dog wash themselves.`"""
    subject = _gendered(g, scene)
    verb = g.rank(REFLEXIVE, lambda verb: verb.form(tense, subject.number))
    say_verb(g, verb, tense, subject.number)
    himself = "himself" if subject.gender == "male" else "herself"
    herself = "herself" if subject.gender == "male" else "himself"
    prefix = "reflexive_attractor" if subject.misleads else "reflexive_number"
    if subject.number == PLURAL:
        g.say("themselves", {prefix: himself})
    elif subject.build == "plain":
        g.say(himself, {prefix: "themselves", "reflexive_gender": herself})
    else:
        g.say(himself, {prefix: "themselves"} if subject.misleads else {})
    return "."


def possession(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`Anna finds her hat.`"""
    owner = name(g, scene, "possession")
    verb, objects = _verb_here(g, scene, lambda verb: verb.form(tense, SINGULAR))
    say_verb(g, verb, tense, SINGULAR)
    his, her = ("his", "her") if owner.gender == "male" else ("her", "his")
    g.say(his, {"possessive_gender": her})
    if g.chance(1, 4):
        g.say(g.rank(SIZES, str))
    _bare(g, scene, objects)
    return "."


def existence(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`There are three ducks on the path.` `There is a cup on the table.`"""
    g.say("there")
    number = choose_number(g)
    g.say(be(tense, number), {"there_agreement": be(tense, other(number))})
    g.say(g.rank(COUNTS[:6], str) if number == PLURAL else "a")
    options = scene.place.beings if g.chance(1, 2) else scene.place.things
    options = g.familiar(options, "existence", lambda one: one.singular)
    if g.chance(1, 4):
        g.say(g.rank(SIZES[:9] if options[0] in scene.place.things else LOOKS[:9], str))
    g.say(scene.pick(g, options).form(number))
    g.say(g.rank(scene.place.spots, str))
    return "."


def some_or_any(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`There is some milk on the table.` `There are not any apples on the table.`"""
    g.say("there")
    options = g.familiar(edible(scene), "any", lambda one: one.singular)
    number = choose_number(g)
    kinds = [one for one in options if one.is_mass == (number == SINGULAR)]
    if not kinds:
        number, kinds = other(number), options
    g.say(be(tense, number))
    is_negative = g.chance(1, 2)
    if is_negative:
        g.say("not")
    some, any_ = ("any", "some") if is_negative else ("some", "any")
    g.say(some, {"npi_any": any_})
    g.say(scene.pick(g, kinds).plural)
    g.say(g.rank(scene.place.spots, str))
    return "."


def wanting_any(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`Tom does not want any bread.` `Tom wants some bread.`"""
    subject = name(g, scene)
    is_negative = g.chance(1, 2)
    if is_negative:
        _say_do(g, tense, SINGULAR)
        g.say("not")
    verb = g.rank(_WANTING, lambda verb: verb.base if is_negative else verb.form(tense, SINGULAR))
    g.say(verb.base if is_negative else verb.form(tense, subject.number))
    some, any_ = ("any", "some") if is_negative else ("some", "any")
    g.say(some, {"npi_any": any_})
    options = g.familiar(edible(scene), "any", lambda one: one.singular)
    g.say(scene.pick(g, options).plural)
    return "."


def ever(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`Nobody has ever seen the whale.` `Every boy has already fed the ducks.`"""
    is_negative = g.chance(1, 2)
    right, wrong = ("no", "every") if is_negative else ("every", "no")
    if g.chance(1, 2):
        g.say(right + "body", {"npi_licensor": wrong + "body"})
    else:
        g.say(right, {"npi_licensor": wrong})
        g.say(scene.pick(g, scene.place.beings).singular)
    g.say(_have(tense, SINGULAR))
    g.say("ever" if is_negative else "already")
    verbs = g.familiar(SOCIAL, "ever", lambda verb: verb.base)
    verb = g.rank(verbs, lambda verb: verb.participle)
    g.say(verb.participle, _past_for(verb.participle, verb.past))
    the(g, scene, scene.place.beings)
    return "."


def quantified(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`Every dog is hungry.` `All dogs are hungry.`"""
    number = choose_number(g)
    right, wrong = ("all", "every") if number == PLURAL else ("every", "all")
    g.say(right, {"every_all": wrong})
    options = g.familiar(scene.place.beings, "quantified", lambda one: one.singular)
    g.say(scene.pick(g, options).form(number))
    g.say(be(tense, number))
    g.say(g.rank(MOODS, str))
    return "."


def too_much(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`There is too much milk on the table.` `There are too many cups on the table.`"""
    g.say("there")
    number = choose_number(g)
    g.say(be(tense, number))
    g.say("too")
    right, wrong = ("many", "much") if number == PLURAL else ("much", "many")
    g.say(right, {"many_much": wrong})
    options = scene.place.things if number == PLURAL else scene.place.stuff
    options = g.familiar(options, "too_much", lambda one: one.singular)
    g.say(scene.pick(g, options).plural)
    g.say(g.rank(scene.place.spots, str))
    return "."


def happening(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`The cup falls suddenly.` `The balls roll slowly.`: nobody does it."""
    subject = the(g, scene, scene.place.things, "happening")
    assert subject.head is not None
    verbs = (*ALTERNATING.get(subject.head.kind, ()), *UNACCUSATIVE)
    verb = g.rank(verbs, lambda verb: verb.form(tense, subject.number))
    say_verb(
        g,
        verb,
        tense,
        subject.number,
        more=_partner(CAUSATIVITY, verb, "causativity", tense, subject.number),
    )
    g.say(g.rank(MANNERS, str))
    return "."


def causing(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`Tom breaks the cup carefully.`: somebody does to a thing what can also happen to it."""
    subject = someone(g, scene, "causing")
    verbs = [*dict.fromkeys(v for k in _kinds_here(scene) for v in ALTERNATING.get(k, ())), *CAUSED]
    verb = g.rank(verbs, lambda verb: verb.form(tense, subject.number))
    say_verb(
        g,
        verb,
        tense,
        subject.number,
        more=_partner(CAUSATIVITY, verb, "causativity", tense, subject.number),
    )
    kinds = [kind for kind, alternating in ALTERNATING.items() if verb in alternating]
    the(g, scene, scene.of_kinds(kinds or THING_KINDS))
    g.say(g.rank(MANNERS, str))
    return "."


def giving(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`Tom gives Anna the ball.`"""
    subject = someone(g, scene)
    verb = g.rank(DOUBLE_OBJECT, lambda verb: verb.form(tense, subject.number))
    wrong = _partner(DITRANSITIVITY, verb, "double_object", tense, subject.number)
    say_verb(g, verb, tense, subject.number, more=wrong)
    if g.chance(3, 4):
        name(g, scene, "recipient", besides=subject)
        the(g, scene, scene.place.things)
    else:
        the(g, scene, scene.place.things)
        g.say("to")
        name(g, scene, besides=subject)
    return "."


def placing(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`Tom puts the ball under the table.`"""
    subject = someone(g, scene)
    verb = g.rank(PLACING, lambda verb: verb.form(tense, subject.number))
    wrong = _partner(DITRANSITIVITY, verb, "double_object", tense, subject.number)
    say_verb(g, verb, tense, subject.number, more=wrong)
    the(g, scene, scene.place.things)
    g.say(g.rank(scene.place.spots, str))
    return "."


def belief(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`Anna thinks that the dogs are hungry.`"""
    subject = someone(g, scene, "belief")
    verb = g.rank(CLAUSE, lambda verb: verb.form(tense, subject.number))
    wrong = _partner(CLAUSE_PARTNERS, verb, "clause_complement", tense, subject.number)
    say_verb(g, verb, tense, subject.number, more=wrong)
    g.say("that")
    return state(g, scene, tense)


def knowledge(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`Tom knows what Anna found.` `Tom knows that Anna found the keys.`"""
    subject = someone(g, scene)
    verb = g.rank(EMBEDDING, lambda verb: verb.form(tense, subject.number))
    say_verb(g, verb, tense, subject.number)
    gap = len(g.tokens)
    has_gap = g.chance(1, 2)
    right, wrong = ("what", "that") if has_gap else ("that", "what")
    g.say(right)
    name(g, scene, "embedded", besides=subject)
    found, objects = _verb_here(g, scene, lambda verb: verb.past)
    g.say(found.past)
    if found in TRANSITIVITY:  # after the others, a missing object is no mistake
        g.spot("wh_vs_that", gap, wrong)
    if not has_gap:
        an_object(g, scene, objects)
    return "."


def what_question(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`What does the boy want?` `Who do the girls like?`"""
    start = len(g.tokens)
    asks_who = g.chance(1, 2)
    g.say("who" if asks_who else "what")
    _asked(g, scene, tense)
    verb = g.rank(SOCIAL if asks_who else _OF_THINGS, lambda verb: verb.base)
    if verb in _ONLY_PERSONS:
        g.spot("wh_animacy", start, "what")
    elif verb in _ONLY_THINGS:
        g.spot("wh_animacy", start, "who")
    _say_asked_verb(g, verb)
    return "?"


def where_question(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`Where does the cow sleep?`"""
    g.say("where")
    subject = _asked(g, scene, tense)
    _say_asked_verb(g, g.rank(alone(subject), lambda verb: verb.base))
    return "?"


def demonstrative(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`Anna likes these small mice.`"""
    subject = name(g, scene)
    verb = g.rank(_POINTING, lambda verb: verb.form(tense, subject.number))
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
    options = tuple(g.familiar(options, "demonstrative", lambda one: one.singular))
    number = choose_number(g)
    g.say(g.choose(_THESE if number == PLURAL else _THIS))
    has_adjective = g.chance(1, 3)
    if has_adjective:
        g.say(g.rank(("big", "little", "small", "old", "pretty", "funny", "black", "white"), str))
    one = scene.pick(g, options)
    uid = "determiner_noun_adjective" if has_adjective else "determiner_noun"
    if one.is_irregular:
        uid = "determiner_noun_irregular"
    g.say(one.form(number), {uid: one.form(other(number))})


def an_object(
    g: Speaker, scene: Scene, options: Sequence[Noun], construction: str = ""
) -> None:
    """`the keys`, `a key`, `some milk`."""
    if construction:
        options = g.familiar(options, construction, lambda one: one.singular)
    counted = [one for one in options if not one.is_mass]
    article = g.choose(_ARTICLES) if counted else "the"
    g.say(article)
    if article == "a":
        g.say(scene.pick(g, counted, is_said=True).singular)
    else:
        _bare(g, scene, options)


def _bare(g: Speaker, scene: Scene, options: Sequence[Noun]) -> None:
    one = scene.pick(g, options)
    g.say(one.singular if one.is_mass else one.form(choose_number(g)))


def _gendered(g: Speaker, scene: Scene) -> Phrase:
    """A subject whose gender its noun or name shows, sometimes with an attractor after it."""
    if g.chance(2, 5):
        return name(g, scene, "reflexive")
    head = the(g, scene, scene.of_kinds(("male", "female")), "reflexive")
    if g.chance(1, 2):
        return head
    g.say(g.rank(("near", "behind", "beside"), str))
    nearest = the(g, scene, scene.of_kinds(("male", "female")))
    return Phrase(head.number, head.head, head.gender, "prepositional", nearest.number)


def _verb_here(
    g: Speaker, scene: Scene, said: Callable[[Verb], str]
) -> tuple[Verb, list[Noun]]:
    """A verb that has objects at this place, and those objects."""
    objects = {verb: scene.of_kinds(kinds) for verb, kinds in TRANSITIVE.items()}
    verb = g.rank([verb for verb in TRANSITIVE if objects[verb]], said)
    return verb, objects[verb]


def _kinds_here(scene: Scene) -> list[str]:
    return [kind for kind in THING_KINDS if scene.of_kinds((kind,))]


def edible(scene: Scene) -> list[Noun]:
    return [*scene.place.stuff, *scene.of_kinds(("food",))]


def _asked(g: Speaker, scene: Scene, tense: Tense) -> Phrase:
    """`does the boy`: the auxiliary agrees with the subject after it, so number comes first."""
    number = choose_number(g)
    _say_do(g, tense, number, "question_agreement")
    if number == SINGULAR and g.chance(2, 5):
        return name(g, scene)
    return the(g, scene, scene.place.beings, "question", number=number)


def _say_asked_verb(g: Speaker, verb: Verb) -> None:
    wrong = _past_for(verb.base, verb.past, "base_form")
    if verb in TRANSITIVITY:
        wrong["wh_gap"] = TRANSITIVITY[verb].base
    g.say(verb.base, wrong)


def _say_do(g: Speaker, tense: Tense, number: Number, uid: str = "") -> None:
    right, wrong = ("do", "does") if number == PLURAL else ("does", "do")
    if tense == "past":
        g.say("did")
    else:
        g.say(right, {uid: wrong} if uid else {})


def _have(tense: Tense, number: Number) -> str:
    if tense == "past":
        return "had"
    return "have" if number == PLURAL else "has"


def _past_for(right: str, past: str, uid: str = "irregular_participle") -> dict[str, str]:
    return {} if right == past else {uid: past}


def _say_with_partner(
    g: Speaker, verb: Verb, tense: Tense, number: Number, more: dict[str, str] | None = None
) -> None:
    wrong = _partner(TRANSITIVITY, verb, "transitivity", tense, number)
    say_verb(g, verb, tense, number, agreement="verb_agreement", more=wrong | (more or {}))


def _partner(
    partners: dict[Verb, Verb], verb: Verb, uid: str, tense: Tense, number: Number
) -> dict[str, str]:
    return {uid: partners[verb].form(tense, number)} if verb in partners else {}


_THIS = {"this": 3, "that": 2}
_THESE = {"these": 3, "those": 2}
_ARTICLES = {"the": 3, "a": 2}
_WANTING = named(TRANSITIVE, "want need like taste")
_POINTING = named(TRANSITIVE, "like want see touch")
_OF_THINGS = tuple(verb for verb in TRANSITIVE if verb.base not in ("read", "see"))
_ONLY_THINGS = named(TRANSITIVE, "eat drink wear buy fix fold sew cook spill write build taste borrow")
_ONLY_PERSONS = named(SOCIAL, "help hug meet thank greet tease teach forgive praise tickle")
CAUSED = tuple(named(TRANSITIVE, "carry find hold touch"))
CAUSATIVITY = both_ways(UNACCUSATIVE[:4], CAUSED)
DITRANSITIVITY = both_ways(
    named(DOUBLE_OBJECT, "give show send hand lend owe"),
    named(PLACING, "put hide lay place drop store"),
)
CLAUSE_PARTNERS = both_ways(CLAUSE_ALONE, named(SOCIAL, "help chase follow thank hug kiss meet"))
