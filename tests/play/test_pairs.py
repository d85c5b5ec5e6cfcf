"""Two sentences: the evaluation's own scores, and where they are decided."""

import pytest

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


def test_the_deciding_piece_is_where_the_sum_takes_its_final_sign():
    assert deciding_piece([0.0, 2.0, 1.0], 3.0) == 1
    assert deciding_piece([1.0, -3.0, 0.5], -1.5) == 1
    assert deciding_piece([2.0, -1.0, 1.0], 2.0) == 0
    assert deciding_piece([2.0, -2.0], 0.0) is None


def test_sentences_that_cannot_be_scored_are_refused(group):
    with pytest.raises(InputError, match="the text is empty"):
        pair_answer(group, GOOD, "")
    with pytest.raises(InputError, match="a text needs"):
        pair_answer(group, "cat " * 400, GOOD)
