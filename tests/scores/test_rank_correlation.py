"""Rank correlations against scipy, and intervals by simulation."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from babyllama.scores.rank_correlation import rank_correlation


def trials(generator, count, checkpoints=4):
    """Two measures that have nothing to do with each other, alike within each trial."""
    return [
        generator.normal(size=(1, 2)) + 0.3 * generator.normal(size=(checkpoints, 2))
        for _ in range(count)
    ]


def test_the_value_is_spearmans_over_all_checkpoints():
    own = [each.round(1) for each in trials(np.random.default_rng(0), 6)]  # with ties
    found = rank_correlation(own)
    assert found.value == pytest.approx(spearmanr(*np.concatenate(own).T).statistic)
    assert (found.trials, found.checkpoints) == (6, 24)
    assert -1 <= found.interval[0] < found.value < found.interval[1] <= 1


def test_checkpoints_of_a_trial_are_not_counted_as_independent():
    """Of 200 studies without any relation, few find one; 40 independent checkpoints find many."""
    generator = np.random.default_rng(1)
    found = naive = 0
    for _ in range(200):
        own = trials(generator, 5, 8)
        found += rank_correlation(own).excludes_zero
        naive += spearmanr(*np.concatenate(own).T).pvalue < 0.05
    assert found / 200 <= 0.08
    assert naive / 200 > 0.4


def test_a_perfect_order_has_a_narrow_interval():
    found = rank_correlation([np.array([[float(i), -float(i)]]) for i in range(5)])
    assert found.value == -1
    assert found.interval == pytest.approx((-1, -1))


def test_too_few_trials_and_constant_measures_are_refused():
    with pytest.raises(ValueError, match="needs 3"):
        rank_correlation(trials(np.random.default_rng(0), 2))
    with pytest.raises(ValueError, match="same at all"):
        rank_correlation([np.array([[1.0, 2.0], [1.0, 3.0]])] * 3)
