"""Beliefs, questions and demonstratives: their forms and what is noted as wrong."""

import re

import pytest
from grammar import NOUN, NUMBER, sentences

from babyllama.data.synthetic import asking
from babyllama.data.synthetic.lexicon import (
    CLAUSE,
    MEN,
    MOODS,
    TRANSITIVE,
    WOMEN,
    named,
)
from babyllama.data.synthetic.partners import TRANSITIVITY

NAME = "|".join(MEN + WOMEN)
PAST = "|".join(verb.past for verb in TRANSITIVE)


def test_demonstratives_agree_with_their_noun(lines: list[str]) -> None:
    number = {"these": 1, "those": 1, "this": 0}
    pattern = re.compile(rf"\b({'|'.join(number)}) (?:(?!the)\w+ )?({NOUN})\b", re.I)
    found = [(line, *pair) for line in lines for pair in pattern.findall(line)]
    for line, determiner, head in found:
        assert NUMBER[head] == number[determiner.lower()], line
    assert len(found) > 200


@pytest.mark.parametrize("clause", [asking.demonstrative, asking.look_at])
def test_the_wrong_noun_after_a_demonstrative_is_the_opposite_number(clause: object) -> None:
    checked = 0
    for sentence in sentences(clause):
        (wrong,) = sentence.violations.values()
        right_head, wrong_head = (line.rstrip(".!").split()[-1] for line in (sentence.line, wrong))
        assert {NUMBER[right_head], NUMBER[wrong_head]} == {0, 1}, sentence.line
        checked += 1
    assert checked == 150


def test_a_belief_is_a_verb_of_clauses_with_that_and_a_mood() -> None:
    verbs = "|".join(form for verb in CLAUSE for form in (verb.base, verb.third))
    for sentence in sentences(asking.belief):
        pattern = rf".+ ({verbs}) that .+ (is|are) ({'|'.join(MOODS)})\."
        assert re.fullmatch(pattern, sentence.line), sentence.line


def test_a_clause_with_what_has_no_object_and_one_with_that_has_one() -> None:
    with_gap = re.compile(rf".+ what ({NAME}) ({PAST})\.")
    without = re.compile(rf".+ that ({NAME}) ({PAST}) (the|an?) .+\.")
    counts = {True: 0, False: 0}
    for sentence in sentences(asking.knowledge):
        has_gap = bool(with_gap.fullmatch(sentence.line))
        assert has_gap != bool(without.fullmatch(sentence.line)), sentence.line
        counts[has_gap] += 1
    assert min(counts.values()) > 30


def test_what_and_that_are_swapped_only_after_verbs_that_need_an_object() -> None:
    need = {verb.past for verb in TRANSITIVITY}
    noted = 0
    for sentence in sentences(asking.knowledge):
        verb = re.search(rf"(?:what|that) (?:{NAME}) ({PAST})", sentence.line)[1]  # type: ignore[index]
        assert ("wh_vs_that" in sentence.violations) == (verb in need), sentence.line
        noted += "wh_vs_that" in sentence.violations
    assert 10 < noted < 150


def test_who_and_what_are_swapped_only_if_the_verb_allows_only_one_of_them() -> None:
    things = named(TRANSITIVE, "eat drink wear fix")
    for sentence in sentences(asking.what_question, count=400):
        verb = sentence.line.rstrip("?").split()[-1]
        if verb in {each.base for each in things}:
            assert sentence.line.startswith("What")
            assert sentence.violations["wh_animacy"] == "Who" + sentence.line[4:]
        if verb in ("help", "thank", "hug"):
            assert sentence.line.startswith("Who")
            assert sentence.violations["wh_animacy"] == "What" + sentence.line[3:]
        if verb in ("see", "find", "like"):
            assert "wh_animacy" not in sentence.violations


def test_questions_have_do_before_the_subject_and_the_base_form_after_it() -> None:
    for tense, do in (("present", "does|do"), ("past", "did")):
        for sentence in sentences(asking.where_question, tense):
            assert re.fullmatch(rf"Where ({do}) (the .+|{NAME}) \w+\?", sentence.line)
            assert ("question_agreement" in sentence.violations) == (tense == "present")
