"""Score intervals of weighted means of shares: against a plain search, Wilson's, and draws."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import binom

from babyllama.scores.certainty import Z, weighted_mean, wilson
from babyllama.scores.shares import shares_interval

DRAWS = 300


def interval(right, n, weights):
    arrays = (np.array(each, dtype=np.float64) for each in (right, n, weights))
    return shares_interval(*arrays, z=Z)


@pytest.mark.parametrize(("right", "n"), [(0, 30), (7, 30), (29.5, 30), (30, 30), (500, 1000)])
def test_of_one_share_it_is_wilsons(right, n):
    # But for the correction for few items, which is 1 + 1/n.
    assert interval([right], [n], [1.0]) == pytest.approx(wilson(right / n, n - 1), abs=0.5 / n)


def test_its_bounds_are_those_of_the_likeliest_shares_with_that_mean():
    right, n = np.array([9.0, 14.0, 30.0]), np.array([10.0, 20.0, 31.0])
    weights = np.array([0.5, 0.3, 0.2])

    def distance(mean):
        """How many standard errors the data are from a mean, by a general minimiser."""
        found = minimize(
            lambda p: -(right * np.log(p) + (n - right) * np.log(1 - p)).sum(),
            np.full(3, mean), bounds=[(1e-9, 1 - 1e-9)] * 3, method="SLSQP",
            constraints={"type": "eq", "fun": lambda p: weights @ p - mean},
            options={"ftol": 1e-12, "maxiter": 500},
        )  # fmt: skip
        near = (n * found.x + mean) / (n + 1)
        variance = weights**2 @ (near * (1 - near) / n / (1 - n / (n + 1) ** 2))
        return abs(weights @ (right / n) - mean) / np.sqrt(variance)

    for bound in interval(right, n, weights):
        assert distance(bound) == pytest.approx(Z, rel=1e-3)


def test_wrong_and_right_are_alike():
    right, n, weights = [9, 20, 30.5], [10, 20, 31], [0.5, 0.3, 0.2]
    low, high = interval(right, n, weights)
    wrong = np.subtract(n, right)
    assert interval(wrong, n, weights) == pytest.approx((1 - high, 1 - low))


@pytest.mark.parametrize(
    ("skills", "n", "weights", "at_least"),
    [
        ([0.97, 0.97, 0.97], [15, 15, 15], [1, 1, 1], 0.93),
        ([0.99, 0.98, 0.97, 0.995, 0.99], [50] * 5, [1] * 5, 0.93),
        ([0.995, 0.99, 0.999], [200] * 3, [1, 1, 1], 0.93),
        ([0.95, 0.99], [10, 1000], [1, 1], 0.9),  # few items and much weight
        ([0.9, 0.95, 0.97, 0.8, 0.99], [842, 64, 165, 3867, 280], [1] * 5, 0.93),
        ([0.02] * 5, [50] * 5, [1] * 5, 0.93),
        ([0.4, 0.6, 0.8, 0.9, 1.0], [30] * 5, [3, 1, 1, 1, 1], 0.93),
        ([0.9] * 30, [1] * 30, [1] * 30, 0.93),
    ],
)
def test_ninety_five_of_a_hundred_intervals_hold_the_truth(skills, n, weights, at_least):
    """Items are drawn, of the same UIDs."""
    generator = np.random.default_rng(7)
    shares = np.array(weights) / np.sum(weights)
    truth = float(shares @ skills)
    draws = generator.binomial(n, skills, size=(DRAWS, len(n)))
    outcomes, times = np.unique(draws, axis=0, return_counts=True)
    held = 0
    for right, count in zip(outcomes, times, strict=True):
        low, high = interval(right, n, shares)
        held += int(count) * (low <= truth <= high)
    assert at_least <= held / DRAWS <= 0.995


def test_far_from_the_ceiling_it_is_as_wide_as_the_normal_one():
    generator = np.random.default_rng(8)
    parts = [binom.rvs(1, p, size=1000, random_state=generator).astype(float)
             for p in np.linspace(0.45, 0.95, 67)]  # fmt: skip
    found = weighted_mean(parts, [1 / 67] * 67)
    low, high = found.interval
    assert high - low == pytest.approx(2 * Z * found.stderr, rel=0.01)
