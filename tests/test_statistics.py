"""Intervals against scipy and against formulas written out."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, norm

from babyllama.statistics import weighted_mean, wilson


@given(st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
@settings(deadline=None)
def test_wilson_is_scipys(drawn):
    right, n = drawn
    theirs = binomtest(right, n).proportion_ci(0.95, method="wilson")
    assert wilson(right / n, n) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_half_credits_lie_between_whole_ones():
    low, high = wilson(10.5 / 20, 20)
    assert wilson(10 / 20, 20)[0] < low < wilson(11 / 20, 20)[0]
    assert wilson(10 / 20, 20)[1] < high < wilson(11 / 20, 20)[1]


parts_and_weights = st.lists(
    st.tuples(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=30), st.floats(1, 9)),
    min_size=2,
    max_size=6,
)


@given(parts_and_weights)
@settings(deadline=None)
def test_a_mean_of_parts_has_the_error_of_parts_drawn_apart(drawn):
    parts = [np.array(part) for part, _ in drawn]
    total = sum(weight for _, weight in drawn)
    weights = [weight / total for _, weight in drawn]
    ours = weighted_mean(parts, weights)
    mean = variance = 0.0
    for (part, _), weight in zip(drawn, weights, strict=True):
        p = sum(part) / len(part)
        mean += weight * p
        variance += weight**2 * sum((x - p) ** 2 for x in part) / len(part) / len(part)
    stderr = math.sqrt(variance)
    assert ours.score == pytest.approx(mean)
    assert ours.stderr == pytest.approx(stderr, abs=1e-12)
    assert ours.n == sum(len(part) for part in parts)
    low, high = ours.interval
    assert 0 <= low <= ours.score <= high <= 1
    if stderr > 1e-9:
        reach = norm.ppf(0.975) * stderr
        assert low == pytest.approx(max(0, mean - reach), abs=1e-9)
        assert high == pytest.approx(min(1, mean + reach), abs=1e-9)


def test_a_mean_of_one_part_is_that_part():
    part = np.array([1.0, 1.0, 0.0, 1.0])
    assert weighted_mean([part], [1.0]).interval == wilson(0.75, 4)


def test_all_right_is_not_certain():
    estimate = weighted_mean([np.ones(10), np.ones(20)], [0.5, 0.5])
    assert (estimate.score, estimate.stderr) == (1.0, 0.0)
    assert estimate.interval == (wilson(1.0, 30)[0], 1.0)
    assert 0.85 < estimate.interval[0] < 0.95


def test_percent_is_a_hundred_times_the_share():
    written = weighted_mean([np.array([1.0, 0.0])], [1.0]).in_percent()
    assert written["score"] == 50.0
    assert written["stderr"] == pytest.approx(100 * math.sqrt(0.25 / 2))
    assert written["interval"] == pytest.approx([100 * x for x in wilson(0.5, 2)])
    assert written["n"] == 2


def test_rounding_never_lifts_a_mean_above_one():
    """Weights that were divided by their sum can sum to a little more than 1."""
    weights = [0.7, 0.1, 0.2000000000000002]
    assert sum(weights) > 1
    estimate = weighted_mean([np.ones(3)] * 3, weights)
    assert estimate.score == 1.0
    assert estimate.interval[1] == 1.0
