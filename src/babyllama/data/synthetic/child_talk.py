"""Talk to a child: what can be seen, where it is, who does what; mostly in the present tense.

A document is a few exchanges at one place. Its facts persist: an object keeps its place and its
color, and a person who has been named is likely to be named again.
"""

from collections.abc import Callable

from babyllama.data.synthetic.agreement import be, opposite, say_be
from babyllama.data.synthetic.clauses import QUESTIONS_AND_POINTING, STATEMENTS
from babyllama.data.synthetic.lexicon import (
    COLORS,
    COUNTS,
    EATS,
    MOODS,
    PERSON_KINDS,
    PLURAL,
    REFLEXIVE,
    SINGULAR,
    SOCIAL,
    TRANSITIVE,
    Number,
    noun,
)
from babyllama.data.synthetic.phrases import (
    an_object,
    choose_number,
    intransitive_verbs,
    modified_being,
    name,
    the,
)
from babyllama.data.synthetic.places import PLACES
from babyllama.data.synthetic.scenes import Scene
from babyllama.data.synthetic.speaker import Speaker


def child_talk(g: Speaker) -> None:
    """One document: an opening, then exchanges; each is followed by another in 11 of 12 cases."""
    g.say(g.choose(_OPENINGS))
    place = g.zipf(tuple(PLACES.values()), lambda place: place.where)
    g.say(place.where)
    g.end()
    scene = Scene(place)
    while g.chance(11, 12):
        g.choose(_EXCHANGES)(g, scene)


def remark(g: Speaker, scene: Scene) -> None:
    """A statement, or a question without an answer."""
    if g.chance(1, 4):
        g.say(g.zipf(_CALLS, str) + " ,")
    g.end(g.choose(REMARKS)(g, scene, "present"))


def where_is(g: Speaker, scene: Scene) -> None:
    """`Where are the cups?` `They are on the table.`"""
    number = choose_number(g)
    g.say("where")
    g.say(be("present", number), {"question_agreement": be("present", opposite(number))})
    asked = the(g, scene, scene.place.things, "question", number=number).head
    g.end("?")
    assert asked is not None
    g.say("they are" if number == PLURAL else "it is")
    _whereabouts(g, scene, asked.singular)
    g.end()


def what_is_this(g: Speaker, scene: Scene) -> None:
    """`What are these?` `These are spoons.`"""
    number = choose_number(g)
    demonstrative = g.choose(
        {"these": 3, "those": 2} if number == PLURAL else {"this": 3, "that": 2}
    )
    g.say(f"what {be('present', number)} {demonstrative}")
    g.end("?")
    g.say(demonstrative)
    g.say(be("present", number))
    if number == SINGULAR:
        g.say("a")
    shown = (*scene.place.things, *scene.place.beings)
    g.say(scene.pick(g, shown, lambda one: one.form(number)).form(number))
    g.end()


def what_color(g: Speaker, scene: Scene) -> None:
    """`What color is the ball?` `The ball is red.`"""
    g.say("what color is the")
    things = g.allowed_in(scene.place.things, "plain_state", lambda one: one.singular)
    things = g.allowed_in(things, "question", lambda one: one.singular)
    thing = scene.pick(g, things, lambda one: one.singular).singular
    g.say(thing)
    g.end("?")
    g.say(f"the {thing} is")
    if thing not in scene.colors:
        scene.colors[thing] = g.zipf(COLORS, str)
    g.say(scene.colors[thing])
    g.end()


def what_doing(g: Speaker, scene: Scene) -> None:
    """`What is the dog doing?` `It is barking.`"""
    g.say("what")
    number = choose_number(g)
    g.say(be("present", number), {"question_agreement": be("present", opposite(number))})
    if number == SINGULAR and g.chance(1, 2):
        subject = name(g, scene)
    else:
        subject = the(g, scene, scene.place.beings, "question", number=number)
    g.say("doing")
    g.end("?")
    pronoun = "he" if subject.gender == "male" else "she" if subject.gender == "female" else "it"
    if number == PLURAL or (subject.head is not None and subject.head.kind == "person"):
        g.say("they are")
    else:
        g.say(f"{pronoun} is")
    g.say(g.zipf(intransitive_verbs(subject), lambda verb: verb.ing).ing)
    g.end()


def who_is(g: Speaker, scene: Scene) -> None:
    """`Who is helping the girl?` `Anna is helping her.`"""
    g.say("who is")
    verb = g.zipf(SOCIAL, lambda verb: verb.ing)
    g.say(verb.ing)
    helped = the(g, scene, scene.place.beings)
    g.end("?")
    g.say(scene.person(g).name)
    g.say(f"is {verb.ing}")
    g.say(
        "them"
        if helped.number == PLURAL
        else _HIM.get(helped.head.kind if helped.head else "", "it")
    )
    g.end()


def how_many(g: Speaker, scene: Scene) -> None:
    """`How many ducks are there?` `There are three ducks.` `There is one duck.`"""
    g.say("how many")
    allowed = g.allowed_in(scene.place.beings, "too_much", lambda one: one.singular)
    counted = scene.pick(g, allowed, lambda one: one.plural)
    g.say(f"{counted.plural} are there")
    g.end("?")
    g.say("there")
    count = g.zipf(("two", "three", "one", *COUNTS[2:]), lambda c: "is" if c == "one" else "are")
    number: Number = SINGULAR if count == "one" else PLURAL
    g.say(be("present", number))
    g.say(f"{count} {counted.form(number)}")
    g.end()


def offer(g: Speaker, scene: Scene) -> None:
    """`Do you want any milk?` `No, I do not want any milk.`"""
    g.say("do you want")
    article = g.choose({"any": 2, "the": 1})
    g.say(article)
    options = (*scene.edible, *scene.of_kinds(("toy", "clothing")))
    if article == "any":
        options = tuple(g.allowed_in(scene.edible, "any", lambda one: one.singular))
    wanted = scene.pick(g, options, lambda one: one.plural if article == "any" else one.singular)
    thing = wanted.plural if article == "any" else wanted.singular
    g.say(thing)
    g.end("?")
    if g.chance(3, 5):
        g.say(f"yes , I want {'some' if article == 'any' else article} {thing}")
    else:
        g.say(f"no , I do not want {article} {thing}")
    g.end()


def what_eats(g: Speaker, scene: Scene) -> None:
    """`What do cows eat?` `Cows eat grass.`"""
    eaters = [one for one in scene.animals if one.singular in EATS]
    number = choose_number(g)
    do, eat = ("do", "eat") if number == PLURAL else ("does the", "eats")
    g.say(f"what {do}")
    eaters = g.allowed_in(eaters, "question", lambda one: one.singular)
    eaters = g.allowed_in(eaters, "agent", lambda one: one.singular)
    eater = scene.pick(g, eaters, lambda one: one.form(number))
    g.say(f"{eater.form(number)} eat")
    g.end("?")
    g.say(f"{'' if number == PLURAL else 'the'} {eater.form(number)} {eat}")
    food = g.zipf(EATS[eater.singular].split(), lambda word: noun(word).plural)
    g.say(noun(food).plural)
    g.end()


def request(g: Speaker, scene: Scene) -> None:
    """`Put the ball on the table!` `Now the ball is on the table.`"""
    g.say("put the")
    movable = g.allowed_in(scene.portable, "transferred", lambda one: one.singular)
    thing = scene.pick(g, movable, lambda one: one.singular).singular
    g.say(thing)
    spot = g.zipf(scene.place.spots, str)
    scene.whereabouts[thing] = spot
    g.say(spot)
    g.end("!")
    g.say(f"now the {thing} is {spot}")
    g.end()


def give_request(g: Speaker, scene: Scene) -> None:
    """`Give Anna the ball!` `Now Anna has the ball.`"""
    is_double = g.chance(1, 2)
    g.say("give")
    person = scene.person(g) if is_double else None
    if person is not None:
        g.say(person.name)
    g.say("the")
    movable = g.allowed_in(scene.portable, "transferred", lambda one: one.singular)
    thing = scene.pick(g, movable, lambda one: one.singular).singular
    g.say(thing)
    if person is None:
        g.say("to")
        person = scene.person(g)
        g.say(person.name)
    g.end("!")
    g.say(f"now {person.name} has the {thing}")
    g.end()


def what_did(g: Speaker, scene: Scene) -> None:
    """`What did you find?` `I found a key.`"""
    g.say("what did you")
    verbs = [verb for verb, kinds in TRANSITIVE.items() if scene.of_kinds(kinds)]
    verb = g.zipf(verbs, lambda verb: verb.base)
    g.say(verb.base)
    g.end("?")
    g.say(f"I {verb.past}")
    an_object(g, scene, scene.of_kinds(TRANSITIVE[verb]))
    g.end()


def washing(g: Speaker, scene: Scene) -> None:
    """`Is Anna washing herself?` `No, Tom is washing himself.`"""
    g.say("is")
    person = scene.person(g, construction="reflexive")
    g.say(person.name)
    verb = g.zipf(REFLEXIVE, lambda verb: verb.ing)
    g.say(f"{verb.ing} {person.himself}")
    g.end("?")
    if g.chance(1, 2):
        g.say(f"yes , {person.he} is")
    else:
        g.say("no ,")
        another = scene.person(g, without=[person], construction="reflexive")
        g.say(f"{another.name} is {verb.ing} {another.himself}")
    g.end()


def which_one(g: Speaker, scene: Scene) -> None:
    """`Who is tired?` `The dogs near the cat are.`"""
    g.say("who is")
    mood = g.zipf(MOODS[:12], str)
    g.say(mood)
    g.end("?")
    say_be(g, modified_being(g, scene, "present"), "present", "copula_agreement")
    g.end()


def _whereabouts(g: Speaker, scene: Scene, thing: str) -> None:
    if thing not in scene.whereabouts:
        scene.whereabouts[thing] = g.zipf(scene.place.spots, str)
    g.say(scene.whereabouts[thing])


_HIM = {"male": "him", "female": "her", **dict.fromkeys(PERSON_KINDS[2:], "them")}
_CALLS = ("oh", "well", "you see", "my dear", "yes", "now then")
_OPENINGS = {"we are": 5, "look , we are": 3, "now we are": 2, "today we are": 2, "here we are": 2}

REMARKS = STATEMENTS | QUESTIONS_AND_POINTING
_EXCHANGES: dict[Callable[[Speaker, Scene], None], int] = {
    remark: 45,
    where_is: 3,
    what_is_this: 3,
    what_color: 2,
    what_doing: 3,
    who_is: 2,
    how_many: 2,
    offer: 2,
    what_eats: 2,
    request: 2,
    give_request: 2,
    what_did: 2,
    washing: 1,
    which_one: 2,
}
