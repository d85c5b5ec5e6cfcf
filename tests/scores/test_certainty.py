"""Intervals against scipy, against formulas written out, and against simulated draws."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, bootstrap, pearsonr, t

from babyllama.scores.certainty import (
    bootstrap_interval,
    bootstrap_replicates,
    clustered_interval,
    weighted_mean,
    wilson,
)


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


def plain_variance(values):
    mean = sum(values) / len(values)
    return sum((x - mean) ** 2 for x in values) / (len(values) - 1)


@given(parts_and_weights)
@settings(deadline=None)
def test_a_mean_of_parts_has_the_error_of_parts_drawn_apart(drawn):
    parts = [np.array(part) for part, _ in drawn]
    total = sum(weight for _, weight in drawn)
    weights = [weight / total for _, weight in drawn]
    ours = weighted_mean(parts, weights)
    overall = plain_variance([value for part, _ in drawn for value in part])
    mean = variance = 0.0
    for (part, _), weight in zip(drawn, weights, strict=True):
        mean += weight * sum(part) / len(part)
        own = plain_variance(part) if len(part) > 1 else overall
        variance += weight**2 * own / len(part)
    stderr = math.sqrt(variance)
    assert ours.score == pytest.approx(mean)
    assert ours.stderr == pytest.approx(stderr, abs=1e-12)
    assert ours.n == sum(len(part) for part in parts)
    low, high = ours.interval
    assert 0 <= low <= ours.score <= high <= 1
    assert high - low > 0


def test_a_mean_of_one_part_is_that_part():
    part = np.array([1.0, 1.0, 0.0, 1.0])
    assert weighted_mean([part], [1.0]).interval == wilson(0.75, 4)


def test_all_right_is_not_certain():
    estimate = weighted_mean([np.ones(10), np.ones(20)], [0.5, 0.5])
    assert (estimate.score, estimate.stderr) == (1.0, 0.0)
    # Weights of 0.05 and 0.025 an item are worth 26.7 items of equal weights.
    assert wilson(1.0, 20)[0] < estimate.interval[0]
    assert estimate.interval[0] < wilson(1.0, 30)[0]


def test_one_item_is_not_certain_either():
    estimate = weighted_mean([np.ones(1)], [1.0])
    assert estimate.stderr == 0.0
    assert estimate.interval == wilson(1.0, 1)


def test_percent_is_a_hundred_times_the_share():
    written = weighted_mean([np.array([1.0, 0.0])], [1.0]).in_percent().written()
    assert written["score"] == 50.0
    assert written["stderr"] == pytest.approx(100 * math.sqrt(0.5 / 2))
    assert written["interval"] == pytest.approx([100 * x for x in wilson(0.5, 2)])
    assert written["n"] == 2


def test_rounding_never_lifts_a_mean_above_one():
    """Weights that were divided by their sum can sum to a little more than 1."""
    weights = [0.7, 0.1, 0.2000000000000002]
    assert sum(weights) > 1
    estimate = weighted_mean([np.ones(3)] * 3, weights)
    assert estimate.score == 1.0
    assert estimate.interval[1] == 1.0


# --- UIDs drawn as well -----------------------------------------------------------------------


def test_a_clustered_interval_is_students_over_the_uids():
    """By hand: means 0.5, 0.75, 1.0; mean 0.75, s.d. 0.25, s.e. 0.25 / sqrt(3)."""
    parts = [np.array([1.0, 0.0]), np.array([1.0, 1.0, 1.0, 0.0]), np.ones(5)]
    reach = t.ppf(0.975, 2) * 0.25 / math.sqrt(3)
    assert clustered_interval(parts) == pytest.approx((0.75 - reach, 1.0))


def test_one_uid_says_nothing_of_others_and_equal_uids_are_not_certain():
    assert clustered_interval([np.ones(9)]) is None
    assert clustered_interval([np.ones(9), np.ones(4)]) == wilson(1.0, 2)


def test_ninety_five_of_a_hundred_intervals_hold_the_truth():
    """Skill 0.7 on average, by UID from 0.4 to 1; 12 UIDs of 15 items; 300 draws of everything.

    Items alone: the truth is the mean over the UIDs that were drawn. The interval over items is
    far too narrow for the mean over all UIDs there could be; the clustered one is not.
    """
    generator = np.random.default_rng(1)
    items = all_uids = narrow = 0
    for _ in range(300):
        skills = generator.uniform(0.4, 1.0, 12)
        parts = [(generator.random(15) < skill).astype(np.float64) for skill in skills]
        low, high = weighted_mean(parts, [1 / 12] * 12).interval
        items += low <= skills.mean() <= high
        narrow += low <= 0.7 <= high
        clustered = clustered_interval(parts)
        all_uids += clustered[0] <= 0.7 <= clustered[1]
    assert 0.925 < items / 300 < 0.975
    assert 0.925 < all_uids / 300 < 0.975
    assert narrow / 300 < 0.85


# --- bootstrap --------------------------------------------------------------------------------


def test_replicates_are_of_numpys_generator_and_pair_between_models():
    values = np.random.default_rng(5).normal(size=30)
    found = bootstrap_replicates(lambda rows: values[rows].mean(axis=1), 30)
    drawn = np.random.default_rng(0).integers(30, size=(1000, 30))
    assert found == values[drawn].mean(axis=1).tolist()
    shifted = bootstrap_replicates(lambda rows: values[rows].mean(axis=1) + 1.0, 30)
    np.testing.assert_allclose(np.subtract(shifted, found), 1.0)


def test_many_items_are_drawn_in_pieces_of_the_same_stream():
    whole = bootstrap_replicates(lambda rows: rows.mean(axis=1), 7)
    pieces = bootstrap_replicates(lambda rows: rows.mean(axis=1), 7, indices_at_once=21)
    assert pieces == whole


def test_a_bootstrap_interval_is_near_scipys():
    generator = np.random.default_rng(2)
    x = generator.normal(size=150)
    y = x + generator.normal(size=150)

    def correlation(x, y, axis=-1):
        return pearsonr(x, y, axis=axis).statistic

    replicates = bootstrap_replicates(lambda rows: correlation(x[rows], y[rows]), 150)
    theirs = bootstrap(
        (x, y), correlation, paired=True, n_resamples=1000, method="BCa",
        rng=np.random.default_rng(3),
    ).confidence_interval  # fmt: skip
    ours = bootstrap_interval(replicates, float(correlation(x, y)))
    assert ours == pytest.approx(tuple(theirs), abs=0.02)


def test_bias_moves_the_interval_and_a_constant_has_no_width():
    replicates = np.linspace(0.0, 1.0, 1001).tolist()
    assert bootstrap_interval(replicates, 0.5) == pytest.approx((0.025, 0.975))
    low, high = bootstrap_interval(replicates, 0.4)
    assert low < 0.025
    assert high < 0.975
    assert bootstrap_interval([2.0] * 1000, 2.0) == (2.0, 2.0)
    assert bootstrap_interval(replicates, 7.0) == pytest.approx((1.0, 1.0), abs=1e-4)


def test_a_bootstrap_interval_of_explained_variance_holds_the_truth():
    """Squared correlation, whose replicates lie above it: 0.2 in truth, 200 draws of 60 items."""
    generator = np.random.default_rng(4)
    held = 0
    for _ in range(200):
        x = generator.normal(size=60)
        y = 0.5 * x + generator.normal(size=60)
        products = np.stack([x, y, x * x, y * y, x * y])
        squared = lambda rows, all_=products: _squared_correlation(all_[:, rows].mean(axis=-1))  # noqa: E731
        score = squared(np.arange(60)[None])[0]
        low, high = bootstrap_interval(bootstrap_replicates(squared, 60), score)
        held += low <= 0.2 <= high
    assert 0.91 < held / 200 < 0.98


def _squared_correlation(means):
    x, y, xx, yy, xy = means
    return (xy - x * y) ** 2 / ((xx - x * x) * (yy - y * y))
