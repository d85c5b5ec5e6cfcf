"""What the places list, and what every clause needs of them."""

import pytest

from babyllama.data.synthetic.lexicon import ALL_NOUNS, ANIMATE_KINDS, EATS, PERSON_KINDS
from babyllama.data.synthetic.places import PLACES, PORTABLE_KINDS, Place

every_place = pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)


@every_place
def test_people_and_small_things_may_be_anywhere(place: Place) -> None:
    assert {one for one in ALL_NOUNS if one.kind in PERSON_KINDS} <= set(place.beings)
    assert {one for one in ALL_NOUNS if one.kind in PORTABLE_KINDS} <= set(place.things)


@every_place
def test_nothing_is_listed_twice_and_everything_in_its_list(place: Place) -> None:
    listed = [*place.things, *place.beings, *place.stuff]
    assert len(listed) == len(set(listed))
    assert len(place.spots) == len(set(place.spots)) >= 3
    assert all(one.kind in ANIMATE_KINDS for one in place.beings)
    assert not any(one.kind in ANIMATE_KINDS for one in place.things)
    assert all(one.is_mass for one in place.stuff)
    assert not any(one.is_mass for one in place.things)


@every_place
def test_some_animal_of_the_place_can_eat(place: Place) -> None:
    assert any(one.singular in EATS for one in place.beings if one.kind == "animal")


def test_a_place_is_found_by_its_phrase() -> None:
    assert PLACES["on the farm"].toward == "to the farm"
    assert all(place.where == where for where, place in PLACES.items())
