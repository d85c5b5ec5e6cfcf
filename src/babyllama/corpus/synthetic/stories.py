"""Stories: somebody at a place, to whom one thing after another happens; in the past tense.

A story follows its hero through episodes. Each episode begins in a way of its own, so that the
text shows which one it is, and its later sentences follow from the first. What people say to each
other is in the present tense.
"""

from collections.abc import Callable
from dataclasses import dataclass

from babyllama.corpus.synthetic import child_talk, clauses
from babyllama.corpus.synthetic.clauses import Clause, edible
from babyllama.corpus.synthetic.lexicon import (
    ANIMAL_INTRANSITIVE,
    GOING,
    MANNERS,
    MOODS,
    PERSON_KINDS,
    SIZES,
    TEMPERS,
    TIMES,
    TRANSITIVE,
    WEATHER,
    Noun,
    named,
)
from babyllama.corpus.synthetic.scenes import PEOPLE, PLACES, Person, Place, Scene
from babyllama.corpus.synthetic.speaker import QUOTE, Speaker


@dataclass
class Story:
    """Whom the story follows, and whether the last sentence was about them."""

    scene: Scene
    hero: Person
    is_in_mind: bool = True


def story(g: Speaker) -> None:
    """One document: an opening, episodes, an ending."""
    told = opening(g)
    while g.chance(9, 10):
        g.choose(_EPISODES)(g, told)
    ending(g, told)


def opening(g: Speaker) -> Story:
    """`One cold morning, a girl named Anna went to the market.`"""
    g.say("one")
    g.say(g.rank(WEATHER, str))
    g.say(g.rank(TIMES, str) + " ,")
    hero, _ = _introduce(g, [])
    place = _go(g, tuple(PLACES.values()))
    told = Story(Scene(place, cast=[hero]), hero)
    g.end()
    if g.chance(1, 3):
        g.say(f"{hero.he} was very")
        g.say(g.rank(MOODS, str))
        g.end()
    return told


def remark(g: Speaker, told: Story) -> None:
    """Something else that was so."""
    g.end(g.choose(REMARKS)(g, told.scene, "past"))
    told.is_in_mind = False


def speech(g: Speaker, told: Story) -> None:
    """`"The dogs are asleep," said Tom.`"""
    g.say(QUOTE)
    mark = g.choose(child_talk.REMARKS)(g, told.scene, "present")
    g.say("," if mark == "." else mark)
    g.say(QUOTE)
    g.say(g.choose(_ASKED if mark == "?" else _SAID))
    g.say(told.scene.person(g).name)
    g.end()
    told.is_in_mind = False


def journey(g: Speaker, told: Story) -> None:
    """`Then she went to the forest.` The scene changes; people stay known."""
    g.say("then")
    _hero(g, told)
    here = told.scene.place
    place = _go(g, tuple(place for place in PLACES.values() if place is not here))
    g.end()
    told.scene = Scene(place, cast=told.scene.cast)


def meeting(g: Speaker, told: Story) -> None:
    """`There she met an old farmer named Tom.` `"Who are you?" asked Tom.`"""
    g.say("there")
    _hero(g, told)
    g.say("met")
    friend, _ = _introduce(g, told.scene.cast)
    told.scene.cast.append(friend)
    g.end()
    if g.chance(1, 2):
        g.say(f"{QUOTE} who are you ? {QUOTE} asked {friend.name}")
        g.end()
        g.say(f"{QUOTE} I am {told.hero.name} , {QUOTE} said {told.hero.name}")
        g.end()


def loss(g: Speaker, told: Story) -> None:
    """`One day Anna lost her key.` `She looked under the table.` ... `At last she found it.`"""
    scene, hero = told.scene, told.hero
    g.say("suddenly")
    _hero(g, told)
    g.say(f"lost {hero.his}")
    lost = scene.pick(g, _portable(scene), is_said=True).singular
    g.say(lost)
    g.end()
    places = list(scene.place.spots)
    while len(places) > 2 and g.chance(1, 2):
        g.say(f"{hero.he} looked")
        place = g.rank(places, str)
        places.remove(place)
        g.say(f"{place} , but the {lost} was not there")
        g.end()
    g.say("at last")
    finder = scene.person(g)
    g.say(f"{finder.name} found it")
    g.say(g.rank(places, str))
    g.end()
    if finder is not hero:
        g.say(f"{hero.name} thanked {finder.him}")
        g.end()


def gift(g: Speaker, told: Story) -> None:
    """`On her birthday, Tom gave Anna a kite.` `She liked the kite.`"""
    scene, hero = told.scene, told.hero
    giver = scene.person(g, [hero])
    g.say(f"{giver.name} had something for {hero.name}")
    g.end()
    g.say("it was a")
    if g.chance(1, 2):
        g.say(g.rank(SIZES, str))
    given = scene.pick(g, _portable(scene), is_said=True)
    g.say(given.singular)
    g.end()
    verbs = [verb for verb in _ENJOYING if given.kind in TRANSITIVE[verb]]
    g.say(hero.he)
    verb = g.rank(verbs, lambda verb: verb.past)
    g.say(f"{verb.past} the {given.singular} and thanked {giver.him}")
    g.end()
    told.is_in_mind = True


def hunger(g: Speaker, told: Story) -> None:
    """`Soon Anna was hungry.` `She did not have any bread.` `Tom gave her some bread.`"""
    scene, hero = told.scene, told.hero
    g.say("soon")
    _hero(g, told)
    is_thirsty = g.chance(1, 3) and bool(_drinks(scene))
    g.say("was thirsty" if is_thirsty else "was hungry")
    g.end()
    g.say(f"{hero.he} did not have any")
    options = _drinks(scene) if is_thirsty else [n for n in edible(scene) if "food" in n.kind]
    wanted = scene.pick(g, options)
    g.say(wanted.plural)
    g.end()
    helper = scene.person(g, [hero])
    g.say(f"{helper.name} gave {hero.him} some {wanted.plural}")
    g.end()
    g.say(f"{hero.name} {'drank' if is_thirsty else 'ate'}")
    g.say("it" if wanted.is_mass else "them")
    g.say(g.rank(MANNERS, str))
    g.end()
    told.is_in_mind = True


def fright(g: Speaker, told: Story) -> None:
    """`A big wolf came and scared the ducks.` `Anna chased it away.`"""
    scene, hero = told.scene, told.hero
    g.say("a")
    g.say(g.rank(("big", "strange", "black", "angry", "hungry", "wild"), str))
    animals = [one for one in scene.place.beings if one.kind == "animal"]
    beast = scene.pick(g, g.familiar(animals, "beast", lambda n: n.singular), is_said=True)
    g.say(f"{beast.singular} came and")
    g.say(g.rank(("scared", "chased", "bit"), str))
    g.say("the")
    victim = scene.pick(g, [one for one in scene.place.beings if one is not beast])
    g.say(victim.form(0 if g.chance(2, 3) else 1))
    g.end()
    if g.chance(1, 2):
        g.say(f"{hero.name} saw it and")
        g.say(g.rank(("shouted", "cried", "laughed", "trembled", "ran"), str))
        g.end()
    verb = g.rank(ANIMAL_INTRANSITIVE[beast.singular], lambda verb: f"the {beast.singular} {verb.past}")
    g.say(f"the {beast.singular} {verb.past} and went away")
    g.end()
    told.is_in_mind = False


def accident(g: Speaker, told: Story) -> None:
    """`By accident, Tom broke the cup.` `The cup was broken.` `Anna fixed it.`"""
    scene = told.scene
    g.say("by accident ,")
    culprit = scene.person(g)
    g.say(culprit.name)
    breaking = {"vessel": "break", "toy": "break", "tool": "bend", "reading": "tear", "furniture": "burn"}
    options = [n for n in scene.place.things if n.kind in breaking]
    verbs = {base: next(v for k in ALL for v in ALL[k] if v.base == base) for base in breaking.values()}
    here = list(dict.fromkeys(breaking[n.kind] for n in options))
    base = g.rank(here, lambda base: verbs[base].past)
    g.say(f"{verbs[base].past} the")
    thing = scene.pick(g, [n for n in options if breaking[n.kind] == base], is_said=True).singular
    g.say(thing)
    g.end()
    g.say(f"now the {thing} was {verbs[base].participle} and {culprit.name} was")
    g.say(g.rank(("sad", "angry", "afraid", "sorry"), str))
    g.end()
    if g.chance(2, 3):
        helper = scene.person(g, [culprit])
        g.say(f"{helper.name} helped {culprit.him} and fixed it")
        g.end()
    told.is_in_mind = False


def wish(g: Speaker, told: Story) -> None:
    """`All day Anna wanted to find a nest.` `In the end she found one.`"""
    scene, hero = told.scene, told.hero
    g.say("all day")
    _hero(g, told)
    g.say("wanted to")
    verbs = [v for v in _WISHED if any(n.kind in TRANSITIVE[v] for n in scene.place.things)]
    verb = g.rank(verbs, lambda verb: verb.base)
    g.say(f"{verb.base} a")
    options = [n for n in scene.place.things if n.kind in TRANSITIVE[verb]]
    g.say(scene.pick(g, options, is_said=True).singular)
    g.end()
    if g.chance(3, 4):
        g.say(f"in the end {hero.he} {verb.past} one")
    else:
        g.say(f"but {hero.he} never {verb.past} one")
    g.end()
    told.is_in_mind = True


def ending(g: Speaker, told: Story) -> None:
    """`At night Anna went home.`"""
    g.say("in the evening ,")
    _hero(g, told)
    g.say(g.choose({"went home": 3, "fell asleep": 2, "was happy again": 2, "told a story": 1}))
    g.end()


def _hero(g: Speaker, told: Story) -> None:
    uses_pronoun = told.is_in_mind and g.chance(2, 3)
    g.say(told.hero.he if uses_pronoun else told.hero.name)
    told.is_in_mind = True


def _introduce(g: Speaker, known: list[Person]) -> tuple[Person, str]:
    """`a brave girl named Anna`: somebody new, with what they are."""
    g.say("a")
    if g.chance(1, 2):
        g.say(g.rank(TEMPERS, str))
    role = g.rank(tuple(_ROLES), str)
    g.say(f"{role} named")
    new = [p for p in PEOPLE if p not in known and _ROLES[role] in ("", p.gender)]
    person = g.rank(new, lambda person: person.name)
    g.say(person.name)
    return person, role


def _go(g: Speaker, places: tuple[Place, ...]) -> Place:
    verb = g.rank(GOING, lambda verb: verb.past)
    g.say(verb.past)
    place = g.rank(places, lambda place: place.toward)
    g.say(place.toward)
    return place


def _portable(scene: Scene) -> list[Noun]:
    return [*scene.of_kinds(("toy", "tool", "clothing", "vessel", "reading"))]


def _drinks(scene: Scene) -> list[Noun]:
    return [*scene.of_kinds(("mass_drink",))]


ALL = clauses.ALTERNATING
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
_ENJOYING = named(TRANSITIVE, "like hold touch take use")
_WISHED = named(TRANSITIVE, "find buy draw build wear catch write steal carry")
_SAID = {"said": 8, "answered": 2, "shouted": 2, "whispered": 2, "replied": 1, "called": 1}
_ASKED = {"asked": 8, "whispered": 1, "cried": 1}

REMARKS: dict[Clause, int] = {
    clause: weight
    for clause, weight in child_talk.REMARKS.items()
    if clause
    not in (clauses.what_question, clauses.where_question, clauses.demonstrative, clauses.look_at)
}
_EPISODES: dict[Callable[[Speaker, Story], None], int] = {
    remark: 26,
    speech: 10,
    journey: 3,
    meeting: 3,
    loss: 3,
    gift: 3,
    hunger: 3,
    fright: 3,
    accident: 3,
    wish: 3,
}
