"""Clauses about states: quantities agree with their nouns, polarity items with negation."""

import re

import pytest
from grammar import NOUN, NUMBER, sentences

from babyllama.data.synthetic import states
from babyllama.data.synthetic.lexicon import ALL_NOUNS, COLORS, CONDITIONS, MOODS
from babyllama.data.synthetic.places import PLACES

MASS = {one.singular for one in ALL_NOUNS if one.is_mass}


def test_quantifiers_agree_with_their_noun(lines: list[str]) -> None:
    number = {"all": 1, "every": 0, "many": 1, "no": 0}
    pattern = re.compile(rf"\b({'|'.join(number)}) (?:(?!the)\w+ )?({NOUN})\b", re.I)
    found = [(line, *pair) for line in lines for pair in pattern.findall(line)]
    found = [one for one in found if not re.search(r"\bno,", one[0], re.I)]
    for line, determiner, head in found:
        assert NUMBER[head] == number[determiner.lower()], line
    assert len(found) > 200


@pytest.mark.parametrize("clause", [states.some_or_any, states.wanting_any])
def test_any_needs_a_negation_and_some_excludes_it(clause: object) -> None:
    for sentence in sentences(clause):
        words = sentence.line.split()
        assert ("any" in words) == ("not" in words), sentence.line
        assert ("some" in words) == ("not" not in words), sentence.line
        wrong = sentence.violations["npi_any"].split()
        assert ("any" in wrong) == ("not" not in wrong)


def test_mass_nouns_are_singular_and_go_with_much() -> None:
    for sentence in sentences(states.too_much):
        verb, quantity, noun = re.match(r"There (\w+) too (\w+) (\w+) ", sentence.line).groups()  # type: ignore[union-attr]
        assert (verb, quantity) == (("is", "much") if noun in MASS else ("are", "many"))
    for sentence in sentences(states.some_or_any):
        verb, noun = re.match(r"There (\w+) (?:not )?(?:some|any) (\w+) ", sentence.line).groups()  # type: ignore[union-attr]
        assert verb == ("is" if noun in MASS else "are")


def test_existence_agrees_in_number_and_ends_with_a_spot_of_the_place() -> None:
    spots = "|".join(PLACES["in the kitchen"].spots)
    for sentence in sentences(states.existence, place="in the kitchen"):
        found = re.fullmatch(
            rf"There (is an?|are (?:two|three|four|five|six|seven)) (?:\w+ )?({NOUN}) ({spots})\.",
            sentence.line,
        )
        assert found, sentence.line
        assert NUMBER[found[2]] == found[1].startswith("are")


@pytest.mark.parametrize(
    ("clause", "qualities"),
    [
        (states.state, MOODS),
        (states.condition, CONDITIONS),
        (states.modified_state, MOODS + COLORS + CONDITIONS),
        (states.quantified, MOODS),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_state_ends_with_a_quality(clause: object, qualities: tuple[str, ...]) -> None:
    pattern = re.compile(rf".+ (?:is|are|was|were) ({'|'.join(qualities)})\b[a-z ]*\.")
    for tense in ("present", "past"):
        for sentence in sentences(clause, tense, count=80):
            assert pattern.fullmatch(sentence.line), sentence.line


def test_every_goes_with_singular_and_all_with_plural_nouns() -> None:
    for sentence in sentences(states.quantified):
        quantifier, noun, verb = sentence.line.split()[:3]
        assert (NUMBER[noun], verb) == ((0, "is") if quantifier == "Every" else (1, "are"))
        swapped = {"Every": "All", "All": "Every"}[quantifier]
        assert sentence.violations["every_all"].split()[0] == swapped
