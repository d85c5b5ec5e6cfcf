"""The score of ages of acquisition of 2026: which words count, and what is correlated."""

import math
from types import SimpleNamespace

import pytest

from babyllama.publish.submission.acquisition import acquisition_score

VOCABULARY = 1_000
CHANCE = math.log(VOCABULARY)
MARKS = [*range(1, 10), *range(10, 101, 10)]
WORDS = [f"w{number}" for number in range(8)]
MONTHS = range(16, 31)


def tokenizer(pieces=1):
    """Each character of `The` is a token, and a word has some more."""

    def encode(text, **_options):
        words = text.count(" ")
        return {"input_ids": [0] * (3 + words * pieces)}

    class Tokenizer(SimpleNamespace):
        __call__ = staticmethod(encode)

    return Tokenizer(vocab_size=VOCABULARY)


def children(ages):
    return {
        word: [(month, 1 / (1 + math.exp(-0.8 * (month - age)))) for month in MONTHS]
        for word, age in ages.items()
    }


def surprisals(middles, *, contexts=(0.0,), high=CHANCE, low=1.0):
    """Curves that fall from high to low; each context adds something to a word's surprisal."""
    return {
        "results": [
            {
                "step": f"chck_{mark}M",
                "target_word": word,
                "surprisal": low + added
                + (high - low) / (1 + math.exp(6 * (math.log10(mark * 1e6 + 1) - middle))),
            }
            for mark in MARKS
            for word, middle in middles.items()
            for added in contexts
        ]
    }  # fmt: skip


IN_ORDER = {word: 6.4 + 0.15 * number for number, word in enumerate(WORDS)}
AGES = {word: 18.0 + number for number, word in enumerate(WORDS)}
REVERSED = dict(zip(WORDS, reversed(AGES.values()), strict=True))


def test_the_same_order_scores_1_and_the_reverse_minus_1():
    assert acquisition_score(surprisals(IN_ORDER), children(AGES), tokenizer()) == pytest.approx(
        1, abs=0.01
    )
    backwards = acquisition_score(surprisals(IN_ORDER), children(REVERSED), tokenizer())
    assert backwards == pytest.approx(-1, abs=0.01)


def test_contexts_of_a_word_are_averaged():
    one = acquisition_score(surprisals(IN_ORDER), children(AGES), tokenizer())
    two = surprisals(IN_ORDER, contexts=(-0.7, 0.7))
    assert acquisition_score(two, children(AGES), tokenizer()) == pytest.approx(one, abs=1e-6)


def test_a_word_of_several_tokens_is_expected_to_begin_with_more_surprisal():
    """Chance of three tokens is so high that curves from one token's are never half-way."""
    assert acquisition_score(surprisals(IN_ORDER), children(AGES), tokenizer(pieces=3)) == 0.0
    longer = surprisals(IN_ORDER, high=3 * CHANCE)
    assert acquisition_score(longer, children(AGES), tokenizer(pieces=3)) > 0.99


@pytest.mark.parametrize(
    "ages",
    [
        dict(list(AGES.items())[:2]),
        dict(zip(WORDS, (24.0, 19.0, 25.0, 18.0, 23.0, 20.0, 22.0, 21.0), strict=True)),
    ],
    ids=["two words", "p above 0.1"],
)
def test_too_few_words_and_chance_correlations_score_0(ages):
    assert acquisition_score(surprisals(IN_ORDER), children(ages), tokenizer()) == 0.0
