"""Decisions as text and by UID, and what a file of predictions says of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from babyllama.scores.decisions import decode_decisions, encode_decisions


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0])))
def test_decisions_come_back_from_text(credits_):
    text = encode_decisions(np.array(credits_, dtype=np.float64))
    assert len(text) == len(credits_)
    assert decode_decisions(text).tolist() == credits_


def test_decisions_are_legible():
    assert encode_decisions(np.array([1.0, 1.0, 0.0, 0.5])) == "110="


def test_what_is_no_decision_is_refused():
    with pytest.raises(ValueError, match=r"not 0\.3"):
        encode_decisions(np.array([1.0, 0.3]))
    with pytest.raises(ValueError, match="not 'x'"):
        decode_decisions("10x")
