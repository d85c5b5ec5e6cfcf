"""Two sentences: the evaluation's own scores, and where they are decided."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from babyllama.errors import InputError
from babyllama.evaluation.likelihood.scorer import log_likelihoods
from babyllama.play.pairs import Piece, aligned, deciding_piece, pair_answer

GOOD, BAD = "The children have never seen any snow.", "The children have ever seen the snow."


def test_the_scores_are_those_of_the_evaluation_and_the_margins_sum_to_their_difference(group):
    answer = pair_answer(group, GOOD, BAD)
    for model, each in zip(group.models, answer.preferences, strict=True):
        first, second = log_likelihoods(model.scorer, [GOOD, BAD])
        assert (each.first, each.second) == pytest.approx((first, second), rel=1e-6)
        assert sum(each.margin) == pytest.approx(first - second, abs=1e-6)
        assert each.prefers == ("first" if first > second else "second")
        assert 0 <= each.decided < len(answer.pieces)
    assert (len(answer.pieces), answer.rules) == (len(answer.preferences[0].margin), "honest")


def test_equal_sentences_tie(group):
    answer = pair_answer(group, GOOD, GOOD)
    assert {(each.prefers, each.decided) for each in answer.preferences} == {("tie", None)}


def test_common_beginnings_and_ends_are_aligned_token_by_token():
    def places(first, second):
        return [(piece.first, piece.second) for piece in aligned(first, second, 1)]

    assert places([1, 5, 6, 7], [1, 5, 9, 7]) == [((n, n + 1), (n, n + 1)) for n in (1, 2, 3)]
    assert aligned([1, 5, 6, 7], [1, 5, 7], 1) == [
        Piece((1, 2), (1, 2)), Piece((2, 3), (2, 2)), Piece((3, 4), (2, 3)),
    ]  # fmt: skip
    assert aligned([1, 5, 5], [1, 5], 1) == [Piece((1, 2), (1, 2)), Piece((2, 3), (2, 2))]
    assert aligned([1, 2, 3], [1, 4], 1) == [Piece((1, 3), (1, 2))]


def test_shared_tokens_between_differences_stand_by_themselves():
    """As in "the boy runs away" and "the boys run away"."""
    found = aligned([1, 5, 6, 30, 7, 40, 41, 8], [1, 5, 6, 31, 32, 7, 42, 8], 1)
    assert [(piece.first, piece.second) for piece in found] == [
        ((1, 2), (1, 2)), ((2, 3), (2, 3)), ((3, 4), (3, 5)), ((4, 5), (5, 6)), ((5, 7), (6, 7)),
        ((7, 8), (7, 8)),
    ]  # fmt: skip


@given(
    first=st.lists(st.integers(0, 4), max_size=12), second=st.lists(st.integers(0, 4), max_size=12)
)
def test_every_token_is_in_one_piece_in_order(first, second):
    pieces = aligned([9, *first], [9, *second], 1)
    for side, tokens in (("first", first), ("second", second)):
        parts = [getattr(piece, side) for piece in pieces]
        assert [at for part in parts for at in range(*part)] == list(range(1, len(tokens) + 1))
    assert all(
        piece.first[0] < piece.first[1] or piece.second[0] < piece.second[1] for piece in pieces
    )


def test_the_deciding_piece_is_where_the_sum_takes_its_final_sign():
    assert deciding_piece([0.0, 2.0, 1.0], 3.0) == 1
    assert deciding_piece([1.0, -3.0, 0.5], -1.5) == 1
    assert deciding_piece([2.0, -1.0, 1.0], 2.0) == 0
    assert deciding_piece([2.0, -2.0], 0.0) is None


def test_sentences_that_cannot_be_scored_are_refused(group):
    with pytest.raises(InputError, match="the second sentence is empty"):
        pair_answer(group, GOOD, "")


def test_a_pair_of_exactly_the_positions_is_scored_and_a_longer_one_says_what_to_do(group):
    tokens = len(group.tokenizer.encode("cat", add_special_tokens=False))
    fits = "cat " * (group.positions // tokens)
    assert len(pair_answer(group, fits.strip(), GOOD).preferences) == len(group.models)
    with pytest.raises(InputError, match="the first sentence has 4") as no:
        pair_answer(group, "cat " * 400, GOOD)
    assert no.value.mend.startswith("Shorten it by ")
    assert "--truncate" not in str(no.value)
