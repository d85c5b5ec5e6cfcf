"""Verbs agree with the head of their subject, and their wrong forms are noted."""

import collections
import re

import pytest
from grammar import NUMBER, THE_NOUN

from babyllama.data.synthetic.agreement import (
    Phrase,
    agreement_violations,
    be,
    have,
    say_do,
    say_verb,
)
from babyllama.data.synthetic.lexicon import PLURAL, SINGULAR, SOCIAL, TRANSITIVE, Verb, named, noun
from babyllama.data.synthetic.speaker import Speaker

START = r'(?:^|, |that |")'


def test_verbs_agree_with_their_subject_and_not_with_a_noun_between(lines: list[str]) -> None:
    plain = re.compile(rf"{START}{THE_NOUN} (is|are|was|were|has|have|does|do) ", re.I)
    across = re.compile(
        rf'^"?{THE_NOUN} (?:near|behind|beside|by|with|that|who) .* (is|are|was|were) \w+\b', re.I
    )
    checked = collections.Counter()
    for line in lines:
        for pattern in (plain, across):
            for head, verb in pattern.findall(line):
                expected = verb.lower() in ("are", "were", "have", "do")
                assert NUMBER[head.lower()] == expected, line
                checked[pattern] += 1
    assert checked[plain] > 500
    assert checked[across] > 300


def test_auxiliaries_have_their_forms() -> None:
    assert [be(tense, n) for tense in ("present", "past") for n in (SINGULAR, PLURAL)] == [
        "is", "are", "was", "were"
    ]  # fmt: skip
    assert [have(tense, n) for tense in ("present", "past") for n in (SINGULAR, PLURAL)] == [
        "has", "have", "had", "had"
    ]  # fmt: skip


def noted(verb: Verb, tense: str, number: int) -> tuple[str, dict[str, str]]:
    """The form that is said, and the wrong ones by phenomenon."""
    speaker = Speaker(lambda *_: 0)
    say_verb(speaker, verb, tense, number, agreement="verb_agreement", more={"other": "x"})
    return speaker.tokens[0], {each.uid: each.wrong for each in speaker.violations}


def test_the_opposite_number_is_wrong_in_the_present_and_a_distinct_participle_in_the_past() -> (
    None
):
    (eat,), (help_,) = named(TRANSITIVE, "eat"), named(SOCIAL, "help")

    assert noted(eat, "present", SINGULAR) == ("eats", {"other": "x", "verb_agreement": "eat"})
    assert noted(eat, "present", PLURAL) == ("eat", {"other": "x", "verb_agreement": "eats"})
    assert noted(eat, "past", PLURAL) == ("ate", {"other": "x", "irregular_participle": "eaten"})
    assert noted(help_, "past", PLURAL) == ("helped", {"other": "x"})


@pytest.mark.parametrize(
    ("tense", "number", "right", "wrong"),
    [
        ("present", SINGULAR, "does", ["do"]),
        ("present", PLURAL, "do", ["does"]),
        ("past", SINGULAR, "did", []),
        ("past", PLURAL, "did", []),
    ],
)
def test_do_shows_number_only_in_the_present(
    tense: str, number: int, right: str, wrong: list[str]
) -> None:
    speaker = Speaker(lambda *_: 0)
    say_do(speaker, tense, number, "verb_agreement")
    assert speaker.tokens == [right]
    assert [each.wrong for each in speaker.violations] == wrong


def test_what_a_wrong_verb_violates_depends_on_its_subject() -> None:
    dog, mouse = noun("dog"), noun("mouse")
    near = {"modifier": "prepositional"}

    assert agreement_violations(Phrase(SINGULAR, dog), "are", "uid") == {"uid": "are"}
    assert agreement_violations(Phrase(SINGULAR, mouse), "are", "uid") == {
        "uid": "are",
        "irregular_plural_agreement": "are",
    }
    differs = Phrase(SINGULAR, dog, attractor=PLURAL, **near)
    assert agreement_violations(differs, "are", "uid") == {"attractor_prepositional": "are"}
    matches = Phrase(PLURAL, dog, attractor=PLURAL, **near)
    assert agreement_violations(matches, "is", "uid") == {"attractor_prepositional_matching": "is"}
