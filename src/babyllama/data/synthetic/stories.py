"""Stories: a hero at a place goes through episodes, in the past tense.

Each kind of episode has its own first words, so that the text shows which one it is, and its later
sentences follow from the first. Direct speech is in the present tense.
"""

from collections.abc import Callable
from dataclasses import dataclass

from babyllama.data.synthetic.child_talk import REMARKS
from babyllama.data.synthetic.clauses import STATEMENTS
from babyllama.data.synthetic.lexicon import (
    ALTERNATING,
    ANIMAL_INTRANSITIVE,
    GOING,
    MANNERS,
    MOODS,
    SIZES,
    TEMPERS,
    TIMES,
    TRANSITIVE,
    WEATHER,
    named,
)
from babyllama.data.synthetic.places import PLACES, Place
from babyllama.data.synthetic.scenes import PEOPLE, Person, Scene
from babyllama.data.synthetic.speaker import QUOTE, Speaker


@dataclass
class Story:
    """The scene and the hero of a story, and whether a pronoun can refer to the hero."""

    scene: Scene
    hero: Person
    is_in_mind: bool = True


def story(g: Speaker) -> None:
    """One document: an opening, episodes, an ending."""
    tale = opening(g)
    while g.chance(9, 10):
        g.choose(_EPISODES)(g, tale)
    ending(g, tale)


def opening(g: Speaker) -> Story:
    """`One cold morning, a girl named Anna went to the market.`"""
    g.say("one")
    g.say(g.zipf(WEATHER, str))
    g.say(g.zipf(TIMES, str) + " ,")
    hero = _introduce(g, [])
    place = _go(g, tuple(PLACES.values()))
    tale = Story(Scene(place, cast=[hero]), hero)
    g.end()
    if g.chance(1, 3):
        g.say(f"{hero.he} was very")
        g.say(g.zipf(MOODS, str))
        g.end()
    return tale


def remark(g: Speaker, tale: Story) -> None:
    """A statement about the scene."""
    if g.chance(1, 3):
        g.say(g.zipf(_LINKS, str) + " ,")
    g.end(g.choose(STATEMENTS)(g, tale.scene, "past"))
    tale.is_in_mind = False


def speech(g: Speaker, tale: Story) -> None:
    """`"The dogs are asleep," said Tom.`"""
    g.say(QUOTE)
    mark = g.choose(REMARKS)(g, tale.scene, "present")
    g.say("," if mark == "." else mark)
    g.say(QUOTE)
    g.say(g.choose(_ASKED if mark == "?" else _SAID))
    g.say(tale.scene.person(g).name)
    g.end()
    tale.is_in_mind = False


def journey(g: Speaker, tale: Story) -> None:
    """`Then she went to the forest.` The place changes; the cast stays."""
    g.say("then")
    _hero(g, tale)
    here = tale.scene.place
    place = _go(g, tuple(one for one in PLACES.values() if one is not here))
    g.end()
    tale.scene = Scene(place, cast=tale.scene.cast)


def meeting(g: Speaker, tale: Story) -> None:
    """`There she met an old farmer named Tom.` `"Who are you?" asked Tom.`"""
    g.say("there")
    _hero(g, tale)
    g.say("met")
    friend = _introduce(g, tale.scene.cast)
    tale.scene.cast.append(friend)
    g.end()
    if g.chance(1, 2):
        g.say(f"{QUOTE} who are you ? {QUOTE} asked {friend.name}")
        g.end()
        g.say(f"{QUOTE} I am {tale.hero.name} , {QUOTE} said {tale.hero.name}")
        g.end()


def loss(g: Speaker, tale: Story) -> None:
    """`Suddenly Anna lost her key.` `She looked here, she looked there.` `At last Tom found it.`"""
    scene, hero = tale.scene, tale.hero
    g.say("suddenly")
    _hero(g, tale)
    g.say(f"lost {hero.his}")
    lost = scene.pick(g, scene.portable, lambda one: one.singular).singular
    g.say(lost)
    g.end()
    places = list(scene.place.spots)
    while len(places) > 2 and g.chance(1, 2):
        g.say(hero.he)
        g.say(g.zipf(("looked", "searched", "peeped"), str))
        place = g.zipf(places, str)
        places.remove(place)
        g.say(f"{place} , but the {lost} was not there")
        g.end()
    g.say("at last")
    finder = scene.person(g)
    g.say(f"{finder.name} found it")
    g.say(g.zipf(places, str))
    g.end()
    if finder is not hero:
        g.say(f"{hero.name} thanked {finder.him}")
        g.end()


def gift(g: Speaker, tale: Story) -> None:
    """`Tom had a surprise for Anna.` `It was a kite.` `She liked the kite and thanked him.`"""
    scene, hero = tale.scene, tale.hero
    giver = scene.person(g, [hero])
    g.say(f"{giver.name} had")
    g.say(g.zipf(("something", "a present", "a surprise"), str))
    g.say(f"for {hero.name}")
    g.end()
    g.say("it was a")
    if g.chance(1, 2):
        g.say(g.zipf(SIZES, str))
    given = scene.pick(g, scene.portable, lambda one: one.singular)
    g.say(given.singular)
    g.end()
    verbs = [verb for verb in _ENJOYING if given.kind in TRANSITIVE[verb]]
    g.say(hero.he)
    verb = g.zipf(verbs, lambda verb: verb.past)
    g.say(f"{verb.past} the {given.singular} and thanked {giver.him}")
    g.end()
    tale.is_in_mind = True


def hunger(g: Speaker, tale: Story) -> None:
    """`Soon Anna was hungry.` `She dreamed of bread.` `Tom brought her bread.`"""
    scene, hero = tale.scene, tale.hero
    g.say("soon")
    _hero(g, tale)
    is_thirsty = g.chance(1, 3) and bool(scene.of_kinds(("mass_drink",)))
    g.say("was thirsty" if is_thirsty else "was hungry")
    g.end()
    g.say(f"{hero.he} dreamed of")
    options = scene.of_kinds(("mass_drink",) if is_thirsty else ("mass_food", "food"))
    wanted = scene.pick(g, options, lambda one: one.plural)
    g.say(wanted.plural)
    g.end()
    helper = scene.person(g, [hero])
    g.say(f"{helper.name} brought {hero.him} {wanted.plural}")
    g.end()
    g.say(f"{hero.name} {'drank' if is_thirsty else 'ate'}")
    g.say("it" if wanted.is_mass else "them")
    g.say(g.zipf(MANNERS, str))
    g.end()
    tale.is_in_mind = True


def fright(g: Speaker, tale: Story) -> None:
    """`A big wolf came and scared the ducks.` `The wolf howled and ran away.`"""
    scene, hero = tale.scene, tale.hero
    g.say("a")
    g.say(g.zipf(("big", "strange", "black", "angry", "hungry", "wild"), str))
    beasts = g.allowed_in(scene.animals, "agent", lambda one: one.singular)
    beast = scene.pick(g, beasts, lambda one: one.singular)
    g.say(f"{beast.singular} came and")
    g.say(g.zipf(("scared", "chased", "bit"), str))
    g.say("the")
    victim = scene.pick(g, [one for one in scene.place.beings if one is not beast])
    g.say(victim.form(0 if g.chance(2, 3) else 1))
    g.end()
    if g.chance(1, 2):
        g.say(f"{hero.name} saw it and")
        g.say(g.zipf(("shouted", "cried", "laughed", "trembled", "ran"), str))
        g.end()
    verb = g.zipf(
        ANIMAL_INTRANSITIVE[beast.singular], lambda verb: f"the {beast.singular} {verb.past}"
    )
    g.say(f"the {beast.singular} {verb.past} and")
    g.say(g.zipf(("went away", "ran away", "disappeared", "left the place"), str))
    g.end()
    tale.is_in_mind = False


def accident(g: Speaker, tale: Story) -> None:
    """`By accident, Tom broke the cup.` `The cup was broken.` `Anna fixed it.`"""
    scene = tale.scene
    g.say("by accident ,")
    culprit = scene.person(g)
    g.say(culprit.name)
    here = [verb for verb, kinds in _DAMAGING.items() if scene.of_kinds(kinds)]
    verb = g.zipf(here, lambda verb: verb.past)
    g.say(f"{verb.past} the")
    things = g.allowed_in(scene.of_kinds(_DAMAGING[verb]), "plain_state", lambda one: one.singular)
    thing = scene.pick(g, things, lambda one: one.singular).singular
    g.say(thing)
    g.end()
    g.say(f"now the {thing} was {verb.participle} and {culprit.name} was")
    g.say(g.zipf(("sad", "angry", "afraid", "sorry"), str))
    g.end()
    if g.chance(2, 3):
        helper = scene.person(g, [culprit])
        g.say(helper.name)
        g.say(g.zipf(("helped", "hugged", "forgave", "comforted"), str))
        g.say(f"{culprit.him} and")
        g.say(g.zipf(("fixed it", "bought a new one", "laughed", "went away"), str))
        g.end()
    tale.is_in_mind = False


def wish(g: Speaker, tale: Story) -> None:
    """`All day Anna wanted to find a nest.` `In the end she found one.`"""
    scene, hero = tale.scene, tale.hero
    g.say("all day")
    _hero(g, tale)
    g.say("wanted to")
    verbs = [v for v in _WISHED if any(n.kind in TRANSITIVE[v] for n in scene.place.things)]
    verb = g.zipf(verbs, lambda verb: verb.base)
    g.say(f"{verb.base} a")
    options = [n for n in scene.place.things if n.kind in TRANSITIVE[verb]]
    g.say(scene.pick(g, options, lambda one: one.singular).singular)
    g.end()
    if g.chance(3, 4):
        g.say(f"in the end {hero.he} {verb.past} one")
    else:
        g.say(f"but {hero.he} never {verb.past} one")
    g.end()
    tale.is_in_mind = True


def ending(g: Speaker, tale: Story) -> None:
    """`At night Anna went home.`"""
    g.say(g.zipf(("in the evening", "at night", "when it was dark", "the next day"), str) + " ,")
    _hero(g, tale)
    g.say(g.zipf(_ENDINGS, str))
    g.end()


def _hero(g: Speaker, tale: Story) -> None:
    uses_pronoun = tale.is_in_mind and g.chance(2, 3)
    g.say(tale.hero.he if uses_pronoun else tale.hero.name)
    tale.is_in_mind = True


def _introduce(g: Speaker, known: list[Person]) -> Person:
    """`a brave girl named Anna`: a new person."""
    g.say("a")
    if g.chance(1, 2):
        g.say(g.zipf(TEMPERS, str))
    role = g.zipf(tuple(_ROLES), str)
    g.say(f"{role} named")
    new = [p for p in PEOPLE if p not in known and _ROLES[role] in ("", p.gender)]
    person = g.zipf(new, lambda person: person.name)
    g.say(person.name)
    return person


def _go(g: Speaker, places: tuple[Place, ...]) -> Place:
    verb = g.zipf(GOING, lambda verb: verb.past)
    g.say(verb.past)
    place = g.zipf(places, lambda place: place.toward)
    g.say(place.toward)
    return place


_ROLES = {
    "girl": "female",
    "boy": "male",
    "farmer": "",
    "woman": "female",
    "man": "male",
    "baker": "",
    "princess": "female",
    "prince": "male",
    "sailor": "",
    "teacher": "",
    "queen": "female",
    "king": "male",
    "hunter": "",
    "witch": "female",
    "wizard": "male",
    "doctor": "",
    "cook": "",
}
_LINKS = ("that day", "later", "after that", "at first", "as always", "again", "some time later")
_DAMAGING = {
    verb: kinds
    for kind, base, kinds in (
        ("vessel", "break", ("vessel", "toy")),
        ("tool", "bend", ("tool",)),
        ("reading", "tear", ("reading",)),
        ("furniture", "burn", ("furniture",)),
    )
    for verb in named(ALTERNATING[kind], base)
}
_ENJOYING = named(TRANSITIVE, "like hold touch take use")
_WISHED = named(TRANSITIVE, "find buy draw build wear catch write steal carry")
_ENDINGS = (
    "went home",
    "fell asleep",
    "was happy again",
    "told a story",
    "sang a song",
    "looked at the stars",
    "wrote a letter",
    "was very tired",
)
_SAID = {"said": 8, "answered": 2, "shouted": 2, "whispered": 2, "replied": 1, "called": 1}
_ASKED = {"asked": 8, "whispered": 1, "cried": 1}

_EPISODES: dict[Callable[[Speaker, Story], None], int] = {
    remark: 36,
    speech: 16,
    journey: 3,
    meeting: 3,
    loss: 3,
    gift: 3,
    hunger: 3,
    fright: 3,
    accident: 3,
    wish: 3,
}
