"""Clauses about actions: each verb has its arguments, and reflexives agree."""

import re

import pytest
from grammar import NUMBER, THE_NOUN, Sentence, sentences

from babyllama.data.synthetic import actions
from babyllama.data.synthetic.lexicon import (
    ALL_NOUNS,
    DOUBLE_OBJECT,
    EATS,
    MANNERS,
    MEN,
    PLACING,
    TRANSITIVE,
    WOMEN,
    noun,
)
from babyllama.data.synthetic.places import PLACES

GENDER = {form: one.kind for one in ALL_NOUNS for form in (one.singular, one.plural)}
NAME = "|".join(MEN + WOMEN)


def test_reflexives_agree_in_gender_and_number(lines: list[str]) -> None:
    pattern = re.compile(
        rf"(?:({'|'.join(MEN + WOMEN)})|{THE_NOUN})"
        rf"(?: (?:near|behind|beside) {THE_NOUN})?(?: is)? \w+ (himself|herself|themselves)",
        re.I,
    )
    checked = 0
    for line in lines:
        for name, head, attractor, reflexive in pattern.findall(line):
            if attractor == "" and re.search(r"(near|behind|beside) the [\w ]+sel", line):
                continue  # the pattern began at the attractor
            gender = GENDER[head] if head else "male" if name in MEN else "female"
            is_plural = bool(head) and NUMBER[head] == 1
            expected = "himself" if gender == "male" else "herself"
            assert reflexive == ("themselves" if is_plural else expected), line
            checked += 1
    assert checked > 150


def forms(verbs: object, *which: str) -> str:
    return "|".join(sorted({getattr(verb, each) for verb in verbs for each in which}))  # type: ignore[attr-defined]


@pytest.mark.parametrize("tense", ["present", "past"])
@pytest.mark.parametrize(
    ("clause", "pattern"),
    [
        (actions.denied_action, r".* (do|does|did) not \w+ (the|a|an) .*\w\."),
        (actions.perfect, r".* (has|have|had) (not \w+ .+ yet|(?!not)\w+ .+ already)\."),
        (
            actions.ever,
            r"(Nobody|No \w+) ha[sd] ever .*\.|(Everybody|Every \w+) ha[sd] already .*\.",
        ),
        (actions.happening, rf"The .* \w+ ({'|'.join(MANNERS)})\."),
        (
            actions.giving,
            rf".* ({forms(DOUBLE_OBJECT, 'base', 'third', 'past')}) "
            rf"(({NAME}) the .*|the .* to ({NAME}))\.",
        ),
        (actions.possession, rf"({NAME}) \w+ (his|her) \w+.*\."),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)  # fmt: skip
def test_a_clause_has_the_arguments_of_its_verb(clause: object, pattern: str, tense: str) -> None:
    for sentence in sentences(clause, tense):
        assert re.fullmatch(pattern, sentence.line), sentence.line


def test_what_is_placed_goes_to_a_spot_of_the_place() -> None:
    spots = "|".join(PLACES["in the kitchen"].spots)
    verbs = forms(PLACING, "base", "third")
    for sentence in sentences(actions.placing, place="in the kitchen"):
        assert re.fullmatch(rf".* ({verbs}) the .* ({spots})\.", sentence.line), sentence.line


def test_animals_eat_what_they_like() -> None:
    for sentence in sentences(actions.meal):
        found = re.fullmatch(r"The (\w+) (eats?) the (\w+)\.", sentence.line)
        assert found, sentence.line
        eater, verb, food = found.groups()
        assert (verb == "eat") == (NUMBER[eater] == 1)
        (animal,) = {one.singular for one in ALL_NOUNS if eater in (one.singular, one.plural)}
        assert food in {noun(word).plural for word in EATS[animal].split()}


def test_a_possessive_pronoun_agrees_with_the_owner() -> None:
    for sentence in sentences(actions.possession):
        owner, his = re.match(rf"({NAME}) .*?\b(his|her)\b", sentence.line).groups()  # type: ignore[union-attr]
        assert his == ("his" if owner in MEN else "her")


def test_a_causing_verb_has_an_object_that_it_can_happen_to_or_that_can_be_carried() -> None:
    for sentence in sentences(actions.causing):
        head = re.search(rf"{THE_NOUN} ({'|'.join(MANNERS)})\.$", sentence.line)
        assert head, sentence.line
        assert noun_kind(head[1]) in actions.THING_KINDS


def noun_kind(form: str) -> str:
    return next(one.kind for one in ALL_NOUNS if form in (one.singular, one.plural))


def test_an_object_is_of_a_kind_that_its_verb_takes() -> None:
    kinds = {verb.past: kinds for verb, kinds in TRANSITIVE.items()}
    checked = 0
    for sentence in sentences(actions.thing_action, "past"):
        found = re.search(rf" ({'|'.join(kinds)}) (?:the|an?) (?:\w+ )?(\w+)\.$", sentence.line)
        assert found, sentence.line
        assert noun_kind(found[2]) in kinds[found[1]], sentence.line
        checked += 1
    assert checked == 150


def wrong(found: list[Sentence], uid: str) -> list[tuple[str, str]]:
    return [(each.line, each.violations[uid]) for each in found if uid in each.violations]


@pytest.mark.parametrize(
    ("clause", "tense", "uid", "right", "others"),
    [
        (actions.perfect, "present", "npi_yet", "yet", "already"),
        (actions.perfect, "present", "verb_agreement", "has", "have"),
        (actions.denied_action, "present", "verb_agreement", "does", "do"),
        (actions.ever, "past", "npi_licensor", "Nobody", "Everybody"),
        (actions.reflexive, "past", "reflexive_gender", "himself", "herself"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_rule_is_broken_in_both_directions(
    clause: object, tense: str, uid: str, right: str, others: str
) -> None:
    swaps = set()
    for line, bad in wrong(sentences(clause, tense), uid):
        pairs = zip(line.rstrip(".").split(), bad.rstrip(".").split(), strict=True)
        swaps |= {pair for pair in pairs if pair[0] != pair[1]}
    assert {(right, others), (others, right)} <= swaps
