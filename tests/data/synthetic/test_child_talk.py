"""Talk to a child: facts persist within a document."""

import itertools
import re

import pytest
from grammar import NUMBER

from babyllama.data.synthetic.child_talk import child_talk
from babyllama.data.synthetic.lexicon import COLORS, EATS, MEN, WOMEN, noun
from babyllama.data.synthetic.places import PLACES
from babyllama.data.synthetic.sampling import Document, draw_documents

NAME = "|".join(MEN + WOMEN)


@pytest.fixture(scope="module")
def talks() -> list[Document]:
    return list(itertools.islice(draw_documents(child_talk, "tests", "talk"), 900))


def exchanges(talks: list[Document], question: str, answer: str) -> list[tuple[str, ...]]:
    """What the two patterns capture in every question followed by its answer."""
    found = []
    for talk in talks:
        for first, second in itertools.pairwise(talk.lines):
            asked, answered = re.fullmatch(question, first), re.fullmatch(answer, second)
            if asked and answered:
                found.append((*asked.groups(), *answered.groups()))
    return found


def test_a_document_begins_with_its_place(talks: list[Document]) -> None:
    opening = re.compile(rf"(?:.*, )?(?:\w+ )*we are ({'|'.join(PLACES)})\.", re.I)
    assert all(opening.fullmatch(talk.lines[0]) for talk in talks)


def test_a_thing_keeps_its_color_within_a_document(talks: list[Document]) -> None:
    again = 0
    for talk in talks:
        colors: dict[str, str] = {}
        for asked, answer in itertools.pairwise(talk.lines):
            if thing := re.fullmatch(r"What color is the (\w+)\?", asked):
                color = re.fullmatch(rf"The {thing[1]} is ({'|'.join(COLORS)})\.", answer)
                assert color, answer
                again += thing[1] in colors
                assert colors.setdefault(thing[1], color[1]) == color[1]
    assert again > 0


def test_a_thing_stays_where_it_was_put(talks: list[Document]) -> None:
    checked = 0
    for talk in talks:
        spots: dict[str, str] = {}
        for first, second in itertools.pairwise(talk.lines):
            if put := re.fullmatch(r"Put the (\w+) (.+)!", first):
                spots[put[1]] = put[2]
                assert second == f"Now the {put[1]} is {put[2]}."
            asked = re.fullmatch(r"Where (?:is|are) the (?:\w+ )??(\w+)\?", first)
            answered = re.fullmatch(r"(?:It is|They are) (.+)\.", second)
            if asked and answered and NUMBER[asked[1]] == 0:
                checked += asked[1] in spots
                assert spots.setdefault(asked[1], answered[1]) == answered[1], talk.lines
    assert checked > 0


def test_an_answer_has_the_number_of_its_question(talks: list[Document]) -> None:
    where = exchanges(talks, r"Where (?:is|are) the (?:\w+ )??(\w+)\?", r"(It is|They are) .+")
    what = exchanges(talks, r"What are (these|those)\?", r"(\w+) are (\w+)\.")
    assert len(where) > 20
    assert len(what) > 20
    for noun_, answer in where:
        assert answer == ("They are" if NUMBER[noun_] else "It is")
    for asked, demonstrative, shown in what:
        assert asked == demonstrative.lower()
        assert NUMBER[shown] == 1


def test_an_answer_names_food_of_the_animal(talks: list[Document]) -> None:
    found = exchanges(talks, r"What (?:do|does the) (\w+) eat\?", r"(?:The )?(\w+) eats? (\w+)\.")
    assert len(found) > 20
    for asked, eater, food in found:
        assert asked == eater.lower()
        (animal,) = (one for one in EATS if eater.lower() in (one, noun(one).plural))
        assert food in {noun(word).plural for word in EATS[animal].split()}


def test_a_given_thing_belongs_to_the_person_it_was_given_to(talks: list[Document]) -> None:
    double = exchanges(talks, rf"Give ({NAME}) the (\w+)!", rf"Now ({NAME}) has the (\w+)\.")
    with_to = exchanges(talks, rf"Give the (\w+) to ({NAME})!", rf"Now ({NAME}) has the (\w+)\.")
    assert len(double) > 10
    assert len(with_to) > 10
    assert all((person, thing) == (owner, owned) for person, thing, owner, owned in double)
    assert all((person, thing) == (owner, owned) for thing, person, owner, owned in with_to)


def test_an_answer_with_no_names_another_person_and_reflexives_agree(talks: list[Document]) -> None:
    no = exchanges(
        talks,
        rf"Is ({NAME}) (\w+) (himself|herself)\?",
        rf"No, ({NAME}) is (\w+) (himself|herself)\.",
    )
    assert len(no) > 5
    for asked, verb, himself, other, same_verb, other_self in no:
        assert asked != other
        assert verb == same_verb
        assert himself == ("himself" if asked in MEN else "herself")
        assert other_self == ("himself" if other in MEN else "herself")


def test_an_offer_is_accepted_with_some_and_refused_with_any(talks: list[Document]) -> None:
    found = exchanges(
        talks,
        r"Do you want (any|the) (\w+)\?",
        r"(Yes|No), I (?:want|do not want) (some|any|the) (\w+)\.",
    )
    assert len(found) > 20
    for article, thing, answer, answered, same in found:
        assert thing == same
        expected = {("any", "Yes"): "some"}.get((article, answer), article)
        assert answered == expected
