"""Log-likelihoods of tokens, by text."""

import numpy as np
import pytest

from babyllama.evaluation.likelihood.texts import Likelihoods

FOUND = Likelihoods(
    values=np.array([-1.0, -2.0, -4.0, -0.5, -0.25]),
    is_top=np.array([True, True, False, True, True]),
    starts=np.array([0, 2, 2, 3, 5]),
)


def test_every_text_has_its_own_tokens():
    assert len(FOUND) == 4
    assert FOUND.counts().tolist() == [2, 0, 1, 2]
    assert FOUND.sums().tolist() == [-3.0, 0.0, -4.0, -0.75]


def test_averages_are_sums_of_shares():
    assert FOUND.averaged().sums().tolist() == [-1.5, 0.0, -4.0, -0.375]
    assert FOUND.averaged().counts().tolist() == FOUND.counts().tolist()


def test_a_text_is_greedy_if_all_its_tokens_are_top():
    assert FOUND.all_top().tolist() == [True, True, False, True]


@pytest.mark.parametrize("texts", [slice(0, 4), slice(1, 3), slice(2, None), slice(3, 3)])
def test_a_slice_is_what_its_texts_alone_would_have(texts):
    found = FOUND[texts]
    assert found.sums().tolist() == FOUND.sums()[texts].tolist()
    assert found.counts().tolist() == FOUND.counts()[texts].tolist()
    assert found.all_top().tolist() == FOUND.all_top()[texts].tolist()
    assert found.starts[0] == 0


def test_only_consecutive_texts_are_sliced():
    with pytest.raises(ValueError, match="must be 1"):
        FOUND[::2]


def test_some_texts_get_other_log_likelihoods():
    other = Likelihoods(
        values=np.array([-7.0, -8.0, -9.0]),
        is_top=np.array([False, False, True]),
        starts=np.array([0, 1, 3]),
    )
    found = FOUND.with_texts(np.array([2, 3]), other)
    assert found.values.tolist() == [-1.0, -2.0, -7.0, -8.0, -9.0]
    assert found.is_top.tolist() == [True, True, False, False, True]
    assert found.starts.tolist() == FOUND.starts.tolist()
    assert FOUND.values.tolist() == [-1.0, -2.0, -4.0, -0.5, -0.25]
