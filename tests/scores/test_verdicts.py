"""Verdicts by hand-made intervals, and TOST against statsmodels."""

import numpy as np
import pytest
from statsmodels.stats.weightstats import DescrStatsW

from babyllama.scores.paired_seeds import SeedsDifference, paired_seeds_difference_of_scores
from babyllama.scores.verdicts import Asked, verdicts


def of(value, stderr, **keys):
    """A comparison of nine seeds: the 95% interval is 2.3 standard errors to either side."""
    return Asked(SeedsDifference(value, stderr**2, 0.0, (value,) * 9), **keys)


def word(*asked):
    return verdicts(asked, "holm")[0].word


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (of(3.0, 1.0), "better"),
        (of(-3.0, 1.0), "worse"),
        (of(-3.0, 1.0, higher_is_better=False), "better"),
        (of(1.0, 1.0), "undecided"),
        (of(1.0, 1.0, smallest=5.0), "equivalent"),
        (of(1.0, 1.0, smallest=2.0), "undecided"),
        (of(0.5, 0.2, smallest=1.0, question="equivalent"), "equivalent"),
        (of(3.0, 1.0, smallest=1.0, question="equivalent"), "better"),
        (of(0.5, 1.0, smallest=1.0, question="equivalent"), "undecided"),
        (of(-0.5, 1.0, smallest=3.0, question="no worse"), "no worse"),
        (of(0.5, 1.0, smallest=3.0, question="no worse", higher_is_better=False), "no worse"),
        (of(3.0, 1.0, smallest=3.0, question="no worse"), "better"),
        (of(-3.0, 1.0, smallest=3.0, question="no worse"), "worse"),
        (of(-1.0, 1.0, smallest=1.0, question="no worse"), "undecided"),
    ],
)
def test_each_verdict(asked, expected):
    assert word(asked) == expected


def test_equivalence_is_tost():
    ours, theirs = np.array([71.0, 70.2, 72.5, 70.9]), np.array([70.8, 70.4, 72.1, 70.5])
    difference = paired_seeds_difference_of_scores(ours, theirs)
    found = verdicts([Asked(difference, "equivalent", smallest=1.0)], "holm")[0]
    expected = DescrStatsW(ours - theirs).ttost_mean(-1.0, 1.0)[0]
    assert found.p == pytest.approx(expected, rel=1e-5)
    low, high = found.interval
    assert found.word == "equivalent"
    assert -1 < low < high < 1
    assert (low, high) == pytest.approx(DescrStatsW(ours - theirs).tconfint_mean(0.1))


def test_many_comparisons_are_corrected():
    """p is about 0.02 alone, and 0.2 among ten."""
    alone, *_ = verdicts([of(2.9, 1.0)], "holm")
    among, *_ = verdicts([of(2.9, 1.0)] + [of(0.0, 1.0)] * 9, "holm")
    assert (alone.word, among.word) == ("better", "undecided")
    assert among.adjusted_p == pytest.approx(10 * alone.p)
    assert verdicts([], "bh") == []


def test_a_shown_difference_may_be_too_small_to_count():
    assert verdicts([of(0.5, 0.1, smallest=1.0)], "holm")[0].is_too_small
    assert not verdicts([of(0.9, 0.2, smallest=1.0)], "holm")[0].is_too_small
    assert not verdicts([of(0.5, 0.1)], "holm")[0].is_too_small


def test_undecided_says_what_would_do():
    found = verdicts([of(1.0, 1.0)], "holm")[0]
    assert found.needed.size == 1.0
    assert found.needed.seeds > 9
    declared = verdicts([of(1.0, 1.0, smallest=2.0)], "holm")[0]
    assert declared.needed.size == 2.0
    assert declared.needed.seeds < found.needed.seeds
    assert verdicts([of(0.0, 1.0)], "holm")[0].needed is None
    assert verdicts([of(3.0, 1.0)], "holm")[0].needed is None


def test_a_margin_that_is_missing_or_not_positive_is_refused():
    with pytest.raises(ValueError, match="needs the smallest"):
        of(1.0, 1.0, question="equivalent")
    with pytest.raises(ValueError, match="above 0"):
        of(1.0, 1.0, smallest=0.0)
