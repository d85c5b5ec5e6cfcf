"""What a document remembers."""

from collections.abc import Sequence

import pytest

from babyllama.data.synthetic.lexicon import is_held_out, noun
from babyllama.data.synthetic.places import PLACES
from babyllama.data.synthetic.scenes import MENTIONED_FACTOR, PEOPLE, Person, Scene
from babyllama.data.synthetic.speaker import Forms, Speaker, zipf_weights

ANNA, TOM = Person("Anna", "female"), Person("Tom", "male")


class Recorded:
    """Decides for the last option and keeps the weights it was given."""

    def __init__(self) -> None:
        self.weights: list[Sequence[int]] = []
        self.forms: list[Sequence[str] | None] = []

    def __call__(self, weights: Sequence[int], forms: Forms | None) -> int:
        self.weights.append(weights)
        self.forms.append(forms() if forms else None)
        return len(weights) - 1


@pytest.fixture
def scene() -> Scene:
    return Scene(PLACES["in the kitchen"])


def test_a_noun_that_was_mentioned_is_likelier_the_next_time(scene: Scene) -> None:
    decide = Recorded()
    options = [noun(word) for word in ("cup", "apple", "spoon")]

    assert scene.pick(Speaker(decide), options).singular == "spoon"
    scene.pick(Speaker(decide), options, lambda one: one.plural)

    usual = zipf_weights(3)
    assert decide.weights == [[*usual], [*usual[:2], MENTIONED_FACTOR * usual[2]]]
    assert decide.forms == [None, ["cups", "apples", "spoons"]]


def test_a_new_person_joins_the_cast_once(scene: Scene) -> None:
    speaker = Speaker(Recorded())

    new = scene.person(speaker)
    assert scene.cast == [new]
    assert new is PEOPLE[-1]

    scene.cast = list(PEOPLE)
    assert scene.person(speaker) in PEOPLE
    assert scene.cast == list(PEOPLE)


def test_the_cast_is_preferred_but_never_those_left_out(scene: Scene) -> None:
    decide = Recorded()
    scene.cast = [ANNA, TOM]

    scene.person(Speaker(decide), without=[ANNA])

    assert decide.forms[0] is not None
    assert decide.forms[0][0] == "Tom"
    assert "Anna" not in decide.forms[0]
    assert decide.weights[0][0] > 5 * max(decide.weights[0][1:])


def test_names_held_out_of_a_construction_are_not_chosen_for_it(scene: Scene) -> None:
    decide = Recorded()
    scene.person(Speaker(decide), construction="reflexive")
    assert decide.forms[0] is not None
    assert len(decide.forms[0]) < len(PEOPLE)
    assert not any(is_held_out(name, "reflexive") for name in decide.forms[0])


def test_pronouns_follow_gender() -> None:
    assert (TOM.he, TOM.him, TOM.his, TOM.himself) == ("he", "him", "his", "himself")
    assert (ANNA.he, ANNA.him, ANNA.his, ANNA.himself) == ("she", "her", "her", "herself")


def test_a_scene_knows_the_nouns_of_its_place_by_kind(scene: Scene) -> None:
    assert {one.kind for one in scene.animals} == {"animal"}
    assert {one.kind for one in scene.edible} <= {"food", "mass_food", "mass_drink"}
    assert noun("cup") in scene.portable
    assert noun("table") not in scene.portable
