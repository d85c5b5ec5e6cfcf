"""Tokens that an ensemble samples."""

import pytest
import torch

from babyllama.models.sampling import Drawing, drawn

LOGITS = torch.tensor([0.1, 0.2, 0.3, 0.4]).log()


def shares(drawing, logits=LOGITS, count=1000):
    """How often each token is drawn, over evenly spaced chances."""
    chances = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    tokens = drawn(logits.expand(count, -1).clone(), chances, drawing)
    return (torch.bincount(tokens, minlength=len(logits)) / count).tolist()


def near(*expected):
    return pytest.approx(expected, abs=0.0021)  # two of the evenly spaced chances


def test_tokens_are_drawn_as_often_as_they_are_likely():
    assert shares(Drawing(1.0, None)) == near(0.1, 0.2, 0.3, 0.4)
    assert shares(Drawing(0.5, None)) == near(1 / 30, 4 / 30, 9 / 30, 16 / 30)  # squares


def test_neither_forbidden_tokens_nor_those_beyond_the_k_most_likely_are_drawn():
    assert shares(Drawing(1.0, None, (0, 3))) == near(0, 0.4, 0.6, 0)
    assert shares(Drawing(1.0, 2)) == near(0, 0, 3 / 7, 4 / 7)
    assert shares(Drawing(1.0, 9, (3,)))[3] == 0
    ties = shares(Drawing(1.0, 2), torch.zeros(4))
    assert sorted(ties) == near(0, 0, 0.5, 0.5)


def test_the_chances_zero_and_almost_one_draw_the_first_and_the_last_token():
    ends = torch.tensor([0.0, 1 - 2**-53], dtype=torch.float64)
    logits = torch.tensor([-torch.inf, 0.0, 0.0, -torch.inf]).expand(2, -1).clone()
    assert drawn(logits, ends, Drawing(1.0, None)).tolist() == [1, 2]
