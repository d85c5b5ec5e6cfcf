"""Clauses about states: qualities and quantities."""

from babyllama.data.synthetic.agreement import be, say_be, say_do
from babyllama.data.synthetic.lexicon import (
    COLORS,
    CONDITIONS,
    COUNTS,
    LOOKS,
    MOODS,
    PLURAL,
    SINGULAR,
    SIZES,
    TRANSITIVE,
    WHENS,
    Tense,
    named,
)
from babyllama.data.synthetic.phrases import (
    choose_number,
    maybe,
    modified_being,
    modified_thing,
    name,
    the,
)
from babyllama.data.synthetic.scenes import Scene
from babyllama.data.synthetic.speaker import Speaker


def state(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`The dogs are asleep.`"""
    subject = the(g, scene, scene.place.beings, "plain_state") if g.chance(3, 5) else name(g, scene)
    say_be(g, subject, tense, "copula_agreement")
    g.say(g.zipf(MOODS, str))
    maybe(g, WHENS, 1, 2)
    return "."


def modified_state(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`The dogs near the cat are asleep.` `The ball that the boys want is red.`"""
    if g.chance(3, 5):
        subject, qualities = modified_being(g, scene, tense), MOODS
    else:
        subject, qualities = modified_thing(g, scene, tense), COLORS + CONDITIONS
    say_be(g, subject, tense, "copula_agreement")
    g.say(g.zipf(qualities, str))
    return "."


def condition(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`The cups are dirty.`"""
    subject = the(g, scene, scene.place.things, "plain_state")
    say_be(g, subject, tense, "copula_agreement")
    g.say(g.zipf(CONDITIONS, str))
    maybe(g, WHENS, 1, 2)
    return "."


def existence(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`There are three ducks on the path.` `There is a cup on the table.`"""
    g.say("there")
    number = choose_number(g)
    g.say(be(tense, number))
    g.say(g.zipf(COUNTS[:6], str) if number == PLURAL else "a")
    options = scene.place.beings if g.chance(1, 2) else scene.place.things
    if g.chance(1, 4):
        g.say(g.zipf(LOOKS[:9] if options is scene.place.beings else SIZES[:9], str))
    g.say(scene.pick(g, options, lambda one: one.form(number)).form(number))
    g.say(g.zipf(scene.place.spots, str))
    return "."


def some_or_any(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`There is some milk on the table.` `There are not any apples on the table.`"""
    g.say("there")
    edible = (*scene.place.stuff, *scene.of_kinds(("food",)))
    options = g.allowed_in(edible, "any", lambda one: one.singular)
    has_both = len({one.is_mass for one in options}) == 2
    number = choose_number(g) if has_both else SINGULAR if options[0].is_mass else PLURAL
    kinds = [one for one in options if one.is_mass == (number == SINGULAR)]
    g.say(be(tense, number))
    is_negative = g.chance(1, 2)
    if is_negative:
        g.say("not")
    some, any_ = ("any", "some") if is_negative else ("some", "any")
    g.say(some, {"npi_any": any_})
    g.say(scene.pick(g, kinds, lambda one: one.plural).plural)
    g.say(g.zipf(scene.place.spots, str))
    return "."


def wanting_any(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`Tom does not want any bread.` `Tom wants some bread.`"""
    subject = name(g, scene)
    is_negative = g.chance(1, 2)
    if is_negative:
        say_do(g, tense, SINGULAR)
        g.say("not")
    verb = g.zipf(_WANTING, lambda verb: verb.base if is_negative else verb.form(tense, SINGULAR))
    g.say(verb.base if is_negative else verb.form(tense, subject.number))
    some, any_ = ("any", "some") if is_negative else ("some", "any")
    g.say(some, {"npi_any": any_})
    options = g.allowed_in(scene.edible, "any", lambda one: one.singular)
    g.say(scene.pick(g, options, lambda one: one.plural).plural)
    return "."


def quantified(g: Speaker, scene: Scene, tense: Tense) -> str:
    """`Every dog is hungry.` `All dogs are hungry.`"""
    number = choose_number(g)
    right, wrong = ("all", "every") if number == PLURAL else ("every", "all")
    g.say(right, {"every_all": wrong})
    options = g.allowed_in(scene.place.beings, "quantified", lambda one: one.singular)
    g.say(scene.pick(g, options, lambda one: one.form(number)).form(number))
    g.say(be(tense, number))
    g.say(g.zipf(MOODS, str))
    maybe(g, WHENS, 1, 2)
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
    allowed = g.allowed_in(options, "too_much", lambda one: one.singular)
    g.say(scene.pick(g, allowed, lambda one: one.plural).plural)
    g.say(g.zipf(scene.place.spots, str))
    return "."


_WANTING = named(TRANSITIVE, "want need like taste")
