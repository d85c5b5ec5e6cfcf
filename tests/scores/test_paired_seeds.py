"""Paired seeds against hand-computed examples, scipy, statsmodels, and simulated draws."""

import math

import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, t, ttest_rel
from statsmodels.formula.api import mixedlm

from babyllama.scores.certainty import bootstrap_replicates
from babyllama.scores.paired_seeds import (
    SeedsDifference,
    bootstrap_over_seeds_and_items,
    paired_seeds_difference,
    paired_seeds_difference_of_replicates,
    paired_seeds_difference_of_scores,
)


def answers(generator, skill, hard, seeds, *, effects=0.0):
    """Answers of seeds whose skills differ by `effects`, a table for each UID."""
    return [(generator.random((len(seeds), len(part))) < skill + part + effects * seeds[:, None])
            .astype(np.float64) for part in hard]  # fmt: skip


def test_two_seeds_and_two_items_by_hand():
    """Differences 1, 0 / 0, 0: seeds' means 1/2, 0; items' means 1/2, 0; residual 1/4."""
    ours, theirs = np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([[0.0, 0.0], [1.0, 1.0]])
    found = paired_seeds_difference([ours], [theirs], [1.0])
    assert found.value == 0.25
    assert found.by_seed == (0.5, 0.0)
    assert found.of_seeds == pytest.approx(1 / 8 / 2)
    assert found.of_items == pytest.approx(1 / 8 / 2 - 1 / 4 / 4)


def test_scores_alone_give_the_paired_t_test():
    ours, theirs = np.array([71.0, 70.2, 72.5, 70.9]), np.array([70.1, 70.0, 71.1, 70.5])
    found = paired_seeds_difference_of_scores(ours, theirs)
    expected = ttest_rel(ours, theirs)
    interval = expected.confidence_interval(0.95)
    assert found.interval == pytest.approx((interval.low, interval.high))
    assert found.p == pytest.approx(expected.pvalue, rel=1e-6)
    assert found.degrees == expected.df
    narrower = expected.confidence_interval(0.9)
    assert found.interval_at(0.1) == pytest.approx((narrower.low, narrower.high))
    above = ttest_rel(ours, theirs + 0.2, alternative="greater").pvalue
    assert found.p_not_above(0.2) == pytest.approx(above, rel=1e-6)
    assert found.p_not_below(0.2) == pytest.approx(1 - above, rel=1e-6)


def test_the_interval_adds_the_reach_of_seeds_to_that_of_items():
    found = SeedsDifference(2.0, of_seeds=0.25, of_items=0.16, by_seed=(1.0, 2.0, 3.0))
    reach = math.sqrt(t.ppf(0.975, 2) ** 2 * 0.25 + norm.ppf(0.975) ** 2 * 0.16)
    assert found.interval == pytest.approx((2 - reach, 2 + reach))
    assert found.degrees == pytest.approx(2 * (0.41 / 0.25) ** 2)


@given(st.floats(-3, 3), st.floats(0, 2), st.floats(0, 2), st.integers(2, 9), st.floats(0.002, 0.6))
@settings(deadline=None, max_examples=60)
def test_p_and_interval_agree(value, of_seeds, of_items, seeds, level):
    """An interval leaves out exactly what its p rejects; units change neither."""
    found = SeedsDifference(value, of_seeds, of_items, (0.0,) * seeds)
    reach = found.reach(level)
    if reach > 1e-3:
        assert found.p_against(value + reach) == pytest.approx(level, rel=1e-4)
        assert found.times(-100).p == pytest.approx(found.p, rel=1e-6)
        assert found.times(-100).interval[0] == pytest.approx(-100 * found.interval[1])
    assert found.p_not_above(value - 0.1) <= 0.5 <= found.p_not_above(value + 0.1)


def test_the_variance_is_that_of_a_mixed_model_of_the_differences():
    """statsmodels' MixedLM with crossed random effects of seeds and items, by REML."""
    generator = np.random.default_rng(3)
    seeds, items = 4, 15
    ours = (
        generator.normal(0.5, 0.3, (seeds, 1))
        + generator.normal(0, 0.3, (1, items))
        + generator.normal(0, 0.3, (seeds, items))
    )
    found = paired_seeds_difference([ours], [np.zeros_like(ours)], [1.0])
    rows = [
        {"y": ours[s, i], "seed": s, "item": i, "one": 1}
        for s in range(seeds)
        for i in range(items)
    ]
    effects = {name: f"0 + C({name})" for name in ("seed", "item")}
    fitted = mixedlm("y ~ 1", pandas.DataFrame(rows), groups="one", vc_formula=effects).fit()
    assert found.stderr == pytest.approx(fitted.bse["Intercept"], rel=0.01)


def test_what_a_seed_does_to_both_cancels():
    """Seeds that shift both conditions alike: the paired interval is that of the items alone."""
    generator = np.random.default_rng(4)
    hard = [generator.uniform(-0.1, 0.1, 200) for _ in range(4)]
    luck = generator.normal(0, 0.1, 4)
    ours, theirs = (answers(generator, skill, hard, luck, effects=1.0) for skill in (0.6, 0.5))
    between = np.mean([part.mean(axis=1) for part in ours], axis=0).var(ddof=1)
    found = paired_seeds_difference(ours, theirs, [0.25] * 4)
    assert found.of_seeds < between / 4 / 2
    assert found.interval[0] < 0.1 < found.interval[1]


def test_seeds_that_agree_exactly_leave_no_certainty():
    """Without the rounding of a score the interval would be a point, and p zero."""
    alike = np.ones((2, 50))
    found = paired_seeds_difference([alike], [alike], [1.0])
    assert found.value == 0
    assert found.interval[1] == pytest.approx(t.ppf(0.975, 1) * 0.02 / math.sqrt(24))
    assert found.p == 1


def test_replicates_of_a_mean_give_what_its_answers_give():
    generator = np.random.default_rng(5)
    hard = [generator.uniform(-0.2, 0.2, 400)]
    ours, theirs = (
        answers(generator, skill, hard, np.arange(3.0), effects=0.03) for skill in (0.6, 0.5)
    )

    def replicated(table):
        values = [bootstrap_replicates(lambda rows, x=x: x[rows].mean(axis=1), 400) for x in table]
        return table.mean(axis=1), np.array(values)

    exact = paired_seeds_difference(ours, theirs, [1.0])
    found = paired_seeds_difference_of_replicates(replicated(ours[0]), replicated(theirs[0]))
    assert found.value == pytest.approx(exact.value)
    assert found.stderr == pytest.approx(exact.stderr, rel=0.15)


def test_the_bootstrap_of_a_mean_has_the_variances_of_its_closed_form():
    generator = np.random.default_rng(6)
    table = (
        generator.normal(0, 0.2, (5, 1))
        + generator.normal(0, 1.0, (1, 80))
        + generator.normal(0, 0.5, (5, 80))
    )
    exact = paired_seeds_difference([table], [np.zeros_like(table)], [1.0])
    found = bootstrap_over_seeds_and_items(
        lambda seeds, items: float(table[np.ix_(seeds, items)].mean()), table.mean(axis=1), 80
    )
    assert found.value == pytest.approx(exact.value)
    assert found.of_seeds == pytest.approx(exact.of_seeds, rel=0.15)
    assert found.of_items == pytest.approx(exact.of_items, rel=0.15)


@pytest.mark.parametrize("seeds", [2, 3])
def test_nineteen_of_twenty_intervals_hold_the_truth_with_few_seeds(seeds):
    """300 draws, seeds and items both matter; Satterthwaite's interval fails with two seeds."""
    generator = np.random.default_rng(7)
    held = satterthwaite = 0
    for _ in range(300):
        found = paired_seeds_difference(
            [
                generator.normal(0, 0.05, (seeds, 1))
                + generator.normal(0, 0.5, (1, 100))
                + generator.normal(0, 0.5, (seeds, 100))
            ],
            [np.zeros((seeds, 100))],
            [1.0],
        )
        held += abs(found.value) <= found.reach()
        satterthwaite += abs(found.value) <= t.ppf(0.975, found.degrees) * found.stderr
    assert 0.92 <= held / 300 <= 0.99
    assert satterthwaite < held


def test_what_is_not_paired_is_refused():
    with pytest.raises(ValueError, match="one shape"):
        paired_seeds_difference_of_scores(np.zeros(2), np.zeros(3))
    with pytest.raises(ValueError, match="one shape"):
        paired_seeds_difference([np.zeros((2, 3))], [np.zeros((2, 4))], [1.0])
    with pytest.raises(ValueError, match="two seeds or more"):
        paired_seeds_difference_of_scores(np.zeros(1), np.zeros(1))
