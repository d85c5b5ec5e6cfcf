"""How a grammar chooses and says words, and how tokens become lines."""

from collections.abc import Sequence

import pytest

from babyllama.data.synthetic.lexicon import ALL_NOUNS
from babyllama.data.synthetic.speaker import (
    Forms,
    NothingToChoose,
    Speaker,
    Violation,
    render,
    zipf_weights,
)


@pytest.mark.parametrize(
    ("tokens", "line"),
    [
        ("the dogs sleep .", "The dogs sleep."),
        ("a owl saw a big egg and a apple .", "An owl saw a big egg and an apple."),
        ('" where is Tom ? " asked Anna .', '"Where is Tom?" asked Anna.'),
        ('" I am Tom , " said Tom .', '"I am Tom," said Tom.'),
        ("yes , I want a apple .", "Yes, I want an apple."),
        ("a old king named Tom came .", "An old king named Tom came."),
    ],
)
def test_tokens_become_a_line_of_prose(tokens: str, line: str) -> None:
    assert render(tokens.split()) == line


def test_zipf_weights_fall_and_are_never_zero() -> None:
    weights = zipf_weights(2000)
    assert list(weights) == sorted(weights, reverse=True)
    assert weights[-1] >= 1


def test_held_out_words_are_allowed_only_for_a_speaker_of_the_novel_construction() -> None:
    words = [one.singular for one in ALL_NOUNS]
    usual = Speaker(lambda *_: 0).allowed_in(words, "agent", str)
    novel = Speaker(lambda *_: 0, novel="agent").allowed_in(words, "agent", str)
    assert sorted(usual + novel) == sorted(words)
    assert 0.1 < len(novel) / len(words) < 0.25
    with pytest.raises(NothingToChoose):
        Speaker(lambda *_: 0, novel="agent").allowed_in(usual, "agent", str)


def test_choices_pass_their_weights_and_next_words_to_the_decider() -> None:
    asked: list[tuple[list[int], Sequence[str] | None]] = []

    def decide(weights: Sequence[int], forms: Forms | None) -> int:
        asked.append((list(weights), forms() if forms else None))
        return 1

    speaker = Speaker(decide)

    assert speaker.choose({"a": 3, "b": 5}) == "b"
    assert speaker.zipf(("dog", "cat"), str.upper) == "cat"
    assert speaker.weighted(("dog", "cat"), (1, 9)) == "cat"
    assert speaker.chance(2, 5) is False
    assert asked == [
        ([3, 5], None),
        ([*zipf_weights(2)], ["DOG", "CAT"]),
        ([1, 9], None),
        ([2, 3], None),
    ]


def test_a_single_option_needs_no_decision() -> None:
    def decide(*_: object) -> int:
        raise AssertionError("nothing to decide")

    assert Speaker(decide).zipf(("only",)) == "only"


def test_a_violation_has_the_position_of_its_word_and_ends_with_the_sentence() -> None:
    speaker = Speaker(lambda *_: 0)
    speaker.say("the dogs")
    speaker.say("are", {"agreement": "is"})

    assert speaker.violations == [Violation("agreement", 2, "is")]

    speaker.end()

    assert (speaker.lines, speaker.tokens, speaker.violations) == (["The dogs are."], [], [])
