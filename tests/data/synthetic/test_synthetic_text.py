"""How decisions are drawn and tokens become lines."""

import pytest

from babyllama.data.synthetic.lexicon import (
    ALL_NOUNS,
    INTRANSITIVE,
    SOCIAL,
    TRANSITIVE,
    named,
    noun,
)
from babyllama.data.synthetic.sampling import Dice
from babyllama.data.synthetic.speaker import Speaker, Unsayable, render, zipf_weights


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


def test_irregular_words_are_inflected_irregularly() -> None:
    assert [noun(word).plural for word in ("mouse", "child", "leaf")] == [
        "mice",
        "children",
        "leaves",
    ]
    (eat,) = named(TRANSITIVE, "eat")
    assert (eat.third, eat.past, eat.participle, eat.ing) == ("eats", "ate", "eaten", "eating")
    (hug,) = named(SOCIAL, "hug")
    assert (hug.past, hug.ing) == ("hugged", "hugging")
    (cry,) = named(INTRANSITIVE, "cry")
    assert (cry.third, cry.past, cry.ing) == ("cries", "cried", "crying")


def test_no_form_of_a_counted_noun_is_the_form_of_another() -> None:
    forms = [form for one in ALL_NOUNS for form in {one.singular, one.plural}]
    assert len(forms) == len(set(forms))


def test_draws_follow_their_weights() -> None:
    dice = Dice("weights")
    counts = [0, 0, 0]
    for _ in range(6000):
        counts[dice.decide((1, 2, 3))] += 1
    assert [round(count / 1000) for count in counts] == [1, 2, 3]


def test_the_first_draws_are_these_on_every_platform() -> None:
    dice = Dice(0, "stable")
    assert [dice.below(1000) for _ in range(6)] == STABLE_DRAWS


def test_rank_weights_fall_and_never_vanish() -> None:
    weights = zipf_weights(2000)
    assert weights == sorted(weights, reverse=True)
    assert weights[-1] >= 1


def test_held_out_words_are_said_only_by_a_speaker_that_asks_for_them() -> None:
    words = [one.singular for one in ALL_NOUNS]
    usual = Speaker(lambda *_: 0).familiar(words, "agent", str)
    novel = Speaker(lambda *_: 0, novel="agent").familiar(words, "agent", str)
    assert sorted(usual + novel) == sorted(words)
    assert 0.1 < len(novel) / len(words) < 0.25
    with pytest.raises(Unsayable):
        Speaker(lambda *_: 0, novel="agent").familiar(usual, "agent", str)


STABLE_DRAWS = [329, 629, 893, 754, 596, 420]
