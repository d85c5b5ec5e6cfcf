"""Noun phrases: what they say, and what they return about it."""

import re
from fractions import Fraction

import pytest
from grammar import NOUN, NUMBER, outcomes

from babyllama.data.synthetic import phrases
from babyllama.data.synthetic.agreement import Phrase
from babyllama.data.synthetic.lexicon import PERSON_KINDS, PLURAL, SINGULAR, TRANSITIVE, noun
from babyllama.data.synthetic.places import PLACES
from babyllama.data.synthetic.sampling import Dice
from babyllama.data.synthetic.scenes import Person, Scene
from babyllama.data.synthetic.speaker import Speaker

FARM = PLACES["on the farm"]


def drawn(number: int) -> tuple[Speaker, Scene]:
    return Speaker(Dice("phrases", number).decide), Scene(FARM)


def test_two_in_five_nouns_are_plural() -> None:
    def program(g: Speaker) -> None:
        g.say("many" if phrases.choose_number(g) == PLURAL else "one")
        g.end()

    assert dict(outcomes(program)) == {"Many.": Fraction(2, 5), "One.": Fraction(3, 5)}


def test_a_name_is_never_the_person_beside_it() -> None:
    anna = Person("Anna", "female")
    for number in range(60):
        g, scene = drawn(number)
        scene.cast = [anna, Person("Tom", "male")]
        second = phrases.name(g, scene, besides=Phrase(SINGULAR, person=anna))
        assert second.person != anna
        assert g.tokens == [second.person.name]


def test_a_noun_phrase_returns_the_head_and_number_that_it_says() -> None:
    for number in range(60):
        g, scene = drawn(number)
        found = phrases.the(g, scene, FARM.beings)
        assert re.fullmatch(rf"the (?:\w+ )?({NOUN})", " ".join(g.tokens))
        assert g.tokens[-1] == found.head.form(found.number)
        assert found.gender == (found.head.kind if found.head.kind in ("male", "female") else None)


def test_a_noun_phrase_has_the_number_it_is_given() -> None:
    for number in range(30):
        g, scene = drawn(number)
        assert phrases.the(g, scene, FARM.things, number=PLURAL).number == PLURAL
        assert NUMBER[g.tokens[-1]] == PLURAL


@pytest.mark.parametrize("modified", [phrases.modified_being, phrases.modified_thing])
def test_a_modified_phrase_keeps_the_number_of_its_head_and_notes_that_of_the_nearest_noun(
    modified: object,
) -> None:
    seen = set()
    for number in range(150):
        g, scene = drawn(number)
        found = modified(g, scene, "present")
        text = " ".join(g.tokens)
        head = re.match(rf"the (?:\w+ )??({NOUN}) (near|behind|beside|by|with|that|who) ", text)
        assert head, text
        assert NUMBER[head[1]] == found.number
        seen.add(found.modifier)
        if found.modifier == "prepositional":
            assert NUMBER[g.tokens[-1]] == found.attractor
        if found.modifier == "object_relative":
            verb = g.tokens[-1]
            thirds = {each.third for each in phrases.SOCIAL} | {each.third for each in TRANSITIVE}
            assert (verb in thirds) == (found.attractor == SINGULAR), text
        if head[2] == "who":
            assert found.head.kind in PERSON_KINDS
    kinds = {"prepositional", "object_relative", "subject_relative"}
    assert seen == kinds - ({"subject_relative"} if modified is phrases.modified_thing else set())


def test_a_mass_noun_has_no_indefinite_article() -> None:
    options = [noun("milk"), noun("apple")]
    said = set()
    for number in range(80):
        g, scene = drawn(number)
        phrases.an_object(g, scene, options)
        said.add((g.tokens[0], g.tokens[-1]))
    assert said == {("the", "milk"), ("the", "apple"), ("the", "apples"), ("a", "apple")}


def test_a_verb_comes_with_the_objects_that_the_place_has_for_it() -> None:
    for number in range(60):
        g, scene = drawn(number)
        verb, objects = phrases.verb_here(g, scene, lambda verb: verb.base)
        assert objects
        assert all(one.kind in TRANSITIVE[verb] for one in objects)
        assert set(objects) <= {*FARM.things, *FARM.beings, *FARM.stuff}


def test_animals_have_verbs_of_their_own() -> None:
    cow, boy = Phrase(SINGULAR, noun("cow")), Phrase(SINGULAR, noun("boy"))
    bases = {verb.base for verb in phrases.intransitive_verbs(cow)}
    assert bases == {"graze", "rest", "sleep", "stand", "wander"}
    assert "laugh" in {verb.base for verb in phrases.intransitive_verbs(boy)}
    assert "lick" in {verb.base for verb in phrases.social_verbs(cow)}
    assert "lick" not in {verb.base for verb in phrases.social_verbs(boy)}
