"""Stories: a hero, whose episodes the text keeps apart."""

import itertools
import re
from collections.abc import Callable

import pytest
from grammar import THE_NOUN

from babyllama.data.synthetic import stories
from babyllama.data.synthetic.lexicon import MEN, WOMEN
from babyllama.data.synthetic.places import PLACES
from babyllama.data.synthetic.sampling import Dice, Document, draw_documents
from babyllama.data.synthetic.scenes import Person, Scene
from babyllama.data.synthetic.speaker import Speaker
from babyllama.data.synthetic.stories import Story, story

NAME = "|".join(MEN + WOMEN)
TOWARD = "|".join(place.toward for place in PLACES.values())


@pytest.fixture(scope="module")
def tales() -> list[Document]:
    return list(itertools.islice(draw_documents(story, "tests", "stories"), 200))


def episodes(
    episode: Callable[[Speaker, Story], None], hero: Person, count: int = 60
) -> list[tuple[list[str], Story]]:
    """The lines of an episode about a hero at the farm, and the story after it."""
    dice = Dice("tests", episode.__name__, hero.name)
    drawn = []
    for _ in range(count):
        speaker = Speaker(dice.decide)
        tale = Story(Scene(PLACES["on the farm"], cast=[hero]), hero)
        episode(speaker, tale)
        drawn.append((speaker.lines, tale))
    return drawn


HEROES = (Person("Anna", "female"), Person("Tom", "male"))
WITH_FIXED_WORDS = {
    stories.journey: "Then",
    stories.meeting: "There",
    stories.loss: "Suddenly",
    stories.hunger: "Soon",
    stories.fright: "A|An",
    stories.accident: "By accident,",
    stories.wish: "All day",
}


def test_a_story_introduces_a_hero_with_a_role_of_their_gender(tales: list[Document]) -> None:
    opening = re.compile(rf"One \w+ \w+, an? (?:\w+ )?(\w+) named ({NAME}) \w+ ({TOWARD})\.")
    for each in tales:
        found = opening.fullmatch(each.lines[0])
        assert found, each.lines[0]
        role, hero, _ = found.groups()
        if role in ("girl", "woman", "princess", "queen", "witch"):
            assert hero in WOMEN
        if role in ("boy", "man", "prince", "king", "wizard"):
            assert hero in MEN


def test_a_story_ends_with_its_hero(tales: list[Document]) -> None:
    ends = r"In the evening|At night|When it was dark|The next day"
    for each in tales:
        hero = re.search(rf"named ({NAME}) ", each.lines[0])[1]  # type: ignore[index]
        he = "he" if hero in MEN else "she"
        assert re.fullmatch(rf"(?:{ends}), (?:{hero}|{he}) .+\.", each.lines[-1]), each.lines[-1]


@pytest.mark.parametrize("hero", HEROES, ids=lambda hero: hero.name)
@pytest.mark.parametrize(
    ("episode", "words"), WITH_FIXED_WORDS.items(), ids=lambda value: getattr(value, "__name__", "")
)
def test_an_episode_begins_with_its_own_words_and_calls_the_hero_by_name_or_pronoun(
    episode: Callable[[Speaker, Story], None], words: str, hero: Person
) -> None:
    other = "he" if hero.gender == "female" else "she"
    for lines, _ in episodes(episode, hero):
        assert re.match(rf"(?:{words})(?!\w)", lines[0]), lines[0]
        named = re.match(rf"(?:{words}) (he|she|{NAME}) ", lines[0])
        if named and episode is not stories.accident:
            assert named[1] in (hero.name, hero.he)
            assert named[1] != other


def test_a_journey_leads_to_another_place_with_the_same_people() -> None:
    for hero in HEROES:
        for lines, tale in episodes(stories.journey, hero):
            assert len(lines) == 1
            assert lines[0].endswith(f" {tale.scene.place.toward}.")
            assert tale.scene.place is not PLACES["on the farm"]
            assert tale.scene.cast == [hero]


def test_somebody_met_is_new_and_stays_known() -> None:
    for lines, tale in episodes(stories.meeting, HEROES[0]):
        friend = re.search(rf"named ({NAME})\.$", lines[0])[1]  # type: ignore[index]
        assert friend != "Anna"
        assert [person.name for person in tale.scene.cast] == ["Anna", friend]


def test_what_was_lost_is_found_and_another_finder_is_thanked() -> None:
    outcomes = set()
    for lines, _ in episodes(stories.loss, HEROES[0], 120):
        lost = re.fullmatch(r"Suddenly (?:Anna|she) lost her (\w+)\.", lines[0])
        assert lost, lines[0]
        searches = [line for line in lines if ", but" in line]
        assert all(line.endswith(f", but the {lost[1]} was not there.") for line in searches)
        (finder,) = (
            found[1] for line in lines if (found := re.match(rf"At last ({NAME}) found it ", line))
        )
        him = "him" if finder in MEN else "her"
        assert (lines[-1] == f"Anna thanked {him}.") == (finder != "Anna")
        outcomes.add(finder == "Anna")
    assert outcomes == {True, False}


def test_places_that_were_searched_are_not_searched_again() -> None:
    searched_several = 0
    for lines, _ in episodes(stories.loss, HEROES[1], 120):
        spots = PLACES["on the farm"].spots
        tried = [spot for line in lines for spot in spots if f" {spot}, but" in line]
        found = [spot for line in lines for spot in spots if line.endswith(f"found it {spot}.")]
        assert len(found) == 1
        assert len({*tried, *found}) == len(tried) + 1
        searched_several += len(tried) > 1
    assert searched_several > 10


def test_a_gift_is_thanked_for_by_the_hero() -> None:
    for lines, tale in episodes(stories.gift, HEROES[0]):
        giver = re.match(rf"({NAME}) had (?:something|a present|a surprise) for Anna\.", lines[0])
        given = re.fullmatch(r"It was an? (?:\w+ )?(\w+)\.", lines[1])
        assert giver, lines
        assert given, lines
        assert giver[1] != "Anna"
        him = "him" if giver[1] in MEN else "her"
        assert re.fullmatch(rf"She \w+ the {given[1]} and thanked {him}\.", lines[2]), lines
        assert tale.is_in_mind


def test_direct_speech_is_in_quotes_and_names_its_speaker() -> None:
    for lines, tale in episodes(stories.speech, HEROES[0]):
        assert len(lines) == 1
        assert re.fullmatch(rf'"[A-Z].*[,?!]" \w+ ({NAME})\.', lines[0]), lines[0]
        assert not tale.is_in_mind


def test_a_frightened_animal_is_not_its_own_victim() -> None:
    for lines, _ in episodes(stories.fright, HEROES[0], 120):
        beast, victim = re.match(r"An? (?:\w+) (\w+) came and \w+ the (\w+)\.", lines[0]).groups()  # type: ignore[union-attr]
        assert re.match(THE_NOUN, f"the {victim}")
        assert victim not in (beast, beast + "s")
        assert lines[-1].startswith(f"The {beast} ")
