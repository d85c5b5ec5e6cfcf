"""Differences against hand-computed examples, scipy, statsmodels, and simulated models."""

import math

import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, t, ttest_ind, ttest_rel
from statsmodels.formula.api import mixedlm
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from babyllama.scores.certainty import Estimate, bootstrap_replicates
from babyllama.scores.decisions import by_uid
from babyllama.scores.differences import (
    Difference,
    adjusted,
    difference_of_replicates,
    paired_difference,
    recipes_difference,
    recipes_difference_of_replicates,
    recipes_difference_of_scores,
    unpaired_difference,
)


def decisions(text):
    return np.array([{"1": 1.0, "0": 0.0, "=": 0.5}[letter] for letter in text])


# --- two models on the same items -------------------------------------------------------------


def test_one_uid_by_hand():
    """8 items, 4 won, 1 lost: 3 / 8. With two more pairs 3 / 10, spread 7 / 10 - 0.3**2."""
    found = paired_difference([decisions("11110100")], [decisions("10001000")], [1.0])
    assert (found.won, found.lost) == (4, 1)
    assert found.value == pytest.approx(3 / 8)
    stderr = math.sqrt((7 / 10 - 0.3**2) / 10)
    assert found.stderr == pytest.approx(stderr)
    reach = norm.ppf(0.975) * stderr
    assert found.interval == pytest.approx((0.3 - reach, 0.3 + reach))
    assert found.smallest == pytest.approx((norm.ppf(0.975) + norm.ppf(0.8)) * stderr)
    assert found.interval_clustered is None


@given(st.integers(0, 60), st.integers(0, 60))
@settings(deadline=None)
def test_p_is_the_exact_mcnemar_where_all_items_weigh_alike(won, lost):
    ours = np.repeat([1.0, 0.0, 1.0], [won, lost, 4])
    theirs = np.repeat([0.0, 1.0, 1.0], [won, lost, 4])
    found = paired_difference([ours], [theirs], [1.0])
    expected = mcnemar([[4, won], [lost, 0]], exact=True).pvalue
    assert found.p == pytest.approx(expected)
    assert found.test == "exact McNemar"


@pytest.mark.parametrize("degrees", [1, 3.7, 250.0, math.inf])
def test_quantiles_are_those_of_scipy_stats(degrees):
    found = Difference(1.0, 2.0, (0.0, 2.0), 0.5, "t over seeds", degrees=degrees)
    assert found.smallest == pytest.approx(2 * (t.ppf(0.975, degrees) + t.ppf(0.8, degrees)))


def test_uids_of_several_sizes_are_weighed_by_hand():
    """Differences (1, 0) and (1, 0, 0, -1): 0.25; unbiased variances 0.5 and 2 / 3."""
    ours, theirs = [decisions("10"), decisions("1010")], [decisions("00"), decisions("0011")]
    found = paired_difference(ours, theirs, [0.5, 0.5])
    assert found.value == pytest.approx(0.25)
    assert found.stderr == pytest.approx(math.sqrt(0.25 * 0.5 / 2 + 0.25 * (2 / 3) / 4))
    assert found.test == "weighted McNemar"
    flips = math.sqrt(0.25**2 + 2 * 0.125**2)  # of the three discordant pairs
    assert found.p == pytest.approx(2 * norm.sf(0.25 / flips))
    means = np.array([0.5, 0.0])
    reach = t.ppf(0.975, 1) * means.std(ddof=1) / math.sqrt(2)
    assert found.interval_clustered == pytest.approx((max(-1, 0.25 - reach), min(1, 0.25 + reach)))


def test_the_clustered_interval_is_a_paired_t_over_uids():
    generator = np.random.default_rng(3)
    ours = [generator.integers(2, size=9).astype(np.float64) for _ in range(20)]
    theirs = [generator.integers(2, size=9).astype(np.float64) for _ in range(20)]
    found = paired_difference(ours, theirs, [1 / 20] * 20).interval_clustered
    means = [[part.mean() for part in side] for side in (ours, theirs)]
    expected = ttest_rel(*means).confidence_interval(0.95)
    assert found == pytest.approx((expected.low, expected.high))


def test_models_that_agree_everywhere_are_not_certain_to_be_alike():
    same = [decisions("10"), decisions("11")]
    found = paired_difference(same, same, [0.5, 0.5])
    low, high = found.interval
    assert (found.value, found.p, found.won, found.lost) == (0.0, 1.0, 0, 0)
    assert low == -high
    assert not found.excludes_zero
    assert 0.4 < high < 0.5
    assert found.interval_clustered is None


def test_ties_count_half_and_swapping_models_turns_the_sign():
    ours, theirs = [decisions("1=0="), decisions("11")], [decisions("==11"), decisions("00")]
    found = paired_difference(ours, theirs, [0.5, 0.5])
    back = paired_difference(theirs, ours, [0.5, 0.5])
    assert found.value == pytest.approx(0.5 * (0.5 + 0 - 1 - 0.5) / 4 + 0.5)
    assert back.value == pytest.approx(-found.value)
    assert back.p == pytest.approx(found.p)
    assert (back.won, back.lost) == (found.lost, found.won) == (2, 3)


def simulated(generator, effects, items=15):
    """Two models on shared items: how often each is right differs by UID as the effects say."""
    ours, theirs = [], []
    for effect in effects:
        hard = generator.uniform(0.2, 0.8, items)
        ours.append((generator.random(items) < hard + effect / 2).astype(np.float64))
        theirs.append((generator.random(items) < hard - effect / 2).astype(np.float64))
    return ours, theirs


def test_over_items_false_alarms_stay_at_five_percent_and_over_uids_as_well():
    """300 pairs of models each. Alike in every UID: both intervals hold 0 in 95 of 100 cases.

    Alike over all UIDs, better in some and worse in others: only the clustered one does.
    """
    generator = np.random.default_rng(6)
    weights = [1 / 20] * 20
    alike = [paired_difference(*simulated(generator, np.zeros(20)), weights) for _ in range(300)]
    mixed = [
        paired_difference(*simulated(generator, generator.normal(0, 0.15, 20)), weights)
        for _ in range(300)
    ]
    assert 0.01 < np.mean([not holds_zero(each.interval) for each in alike]) < 0.085
    assert np.mean([each.p < 0.05 for each in alike]) < 0.085
    assert 0.01 < np.mean([not holds_zero(each.interval_clustered) for each in alike]) < 0.085
    assert np.mean([not holds_zero(each.interval) for each in mixed]) > 0.1
    assert 0.01 < np.mean([not holds_zero(each.interval_clustered) for each in mixed]) < 0.085


def holds_zero(interval):
    return interval[0] <= 0 <= interval[1]


def test_four_of_five_comparisons_show_the_smallest_difference():
    generator = np.random.default_rng(7)
    weights = [1 / 10] * 10
    smallest = np.mean(
        [paired_difference(*simulated(generator, np.zeros(10), 40), weights).smallest
         for _ in range(30)]
    )  # fmt: skip
    effects = np.full(10, smallest)
    shown = [
        not holds_zero(paired_difference(*simulated(generator, effects, 40), weights).interval)
        for _ in range(300)
    ]
    assert 0.73 < np.mean(shown) < 0.87


# --- a loop over UIDs and items ---------------------------------------------------------------


def plain_difference(uids, ours, theirs):
    """As the formulas are written: a loop over UIDs, a loop over their items."""
    every = [a - b for a, b in zip(ours, theirs, strict=True)]
    means, variances = [], []
    for uid in sorted(set(uids)):
        d = [each for u, each in zip(uids, every, strict=True) if u == uid]
        means.append(sum(d) / len(d))
        spread = d if len(d) > 1 else every
        centre = sum(spread) / len(spread)
        squares = sum((x - centre) ** 2 for x in spread)
        variances.append(squares / (len(spread) - 1) / len(d) if squares else 0.0)
    value = centre = sum(means) / len(means)
    stderr = math.sqrt(sum(variances)) / len(means)
    if len(means) == 1 or stderr == 0:  # as if two more were asked, one won and one lost
        n = len(every) + 2
        centre *= len(every) / n
        spread = (sum(x * x for x in every) + 2) / n - (sum(every) / n) ** 2
        stderr = math.sqrt(spread / n)
    half = 1.959963984540054 * stderr
    low, high = max(-1, min(value, centre - half)), min(1, max(value, centre + half))
    return 100 * value, 100 * low, 100 * high


answer = st.sampled_from([0.0, 0.5, 1.0])


@given(st.lists(st.tuples(st.sampled_from("abc"), answer, answer), min_size=1, max_size=40))
@settings(deadline=None)
def test_a_mean_over_uids_is_what_the_formula_says(rows):
    uids, *sides = zip(*rows, strict=True)
    ours, theirs = ([*by_uid(uids, np.array(side)).values()] for side in sides)
    found = paired_difference(ours, theirs, [1 / len(ours)] * len(ours))
    expected = plain_difference(uids, *sides)
    assert 100 * np.array([found.value, *found.interval]) == pytest.approx(expected, abs=1e-9)
    assert found.excludes_zero == (found.interval[0] > 0 or found.interval[1] < 0)


def test_uids_of_one_item_each_make_no_difference_certain():
    ours, theirs = ([decisions(each) for each in text] for text in ("101101", "001011"))
    assert not paired_difference(ours, theirs, [1 / 6] * 6).excludes_zero


# --- scores that are no mean, or not paired ---------------------------------------------------


def test_replicates_of_two_models_are_compared_resample_by_resample():
    generator = np.random.default_rng(8)
    shared = generator.normal(size=200)
    ours, theirs = shared + 0.1, shared + 0.1 * generator.normal(size=200)
    replicates = [
        bootstrap_replicates(lambda rows, x=x: x[rows].mean(axis=1), 200) for x in (ours, theirs)
    ]
    found = difference_of_replicates(
        (float(ours.mean()), replicates[0]), (float(theirs.mean()), replicates[1])
    )
    expected = ttest_rel(ours, theirs)
    assert found.value == pytest.approx(float((ours - theirs).mean()))
    assert found.stderr == pytest.approx((ours - theirs).std(ddof=1) / math.sqrt(200), rel=0.08)
    assert found.interval == pytest.approx(tuple(expected.confidence_interval(0.95)), abs=0.002)
    assert found.test == "paired bootstrap"
    assert found.p < 1e-12


def test_unpaired_scores_are_compared_by_their_errors():
    found = unpaired_difference(
        Estimate(0.8, 0.03, (0.74, 0.86), 100), Estimate(0.6, 0.04, (0.52, 0.68), 100)
    )
    assert found.stderr == pytest.approx(0.05)
    assert found.interval == pytest.approx((0.2 - 1.959964 * 0.05, 0.2 + 1.959964 * 0.05))
    assert found.p == pytest.approx(2 * norm.sf(4))
    perfect = Estimate(1.0, 0.0, (0.9, 1.0), 35)
    assert unpaired_difference(perfect, perfect).stderr > 0.03


# --- many comparisons -------------------------------------------------------------------------


def test_corrections_by_hand():
    p_values = [0.01, 0.04, 0.03, 0.5]
    assert adjusted(p_values, "holm") == pytest.approx([0.04, 0.09, 0.09, 0.5])
    assert adjusted(p_values, "bh") == pytest.approx([0.04, 0.16 / 3, 0.16 / 3, 0.5])
    assert adjusted([], "holm") == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=70))
@settings(deadline=None, max_examples=30)
def test_corrections_are_those_of_statsmodels(p_values):
    for ours, theirs in (("holm", "holm"), ("bh", "fdr_bh")):
        expected = multipletests(p_values, method=theirs)[1].tolist()
        assert adjusted(p_values, ours) == pytest.approx(expected)


# --- seeds ------------------------------------------------------------------------------------


def recipe(generator, skill, hard, seeds, spread=0.05):
    """Seeds' skills vary, items' difficulties are shared: a table of answers a UID."""
    skills = skill + spread * generator.normal(size=(seeds, 1))
    return [
        (generator.random((seeds, len(part))) < skills + part).astype(np.float64) for part in hard
    ]


def test_seeds_are_drawn_anew_in_the_interval():
    """300 pairs of recipes of 3 seeds each: 95 of 100 intervals hold the true difference of 0.1.

    The difference of two single seeds, over items alone, claims to know it far too well.
    """
    generator = np.random.default_rng(9)
    held = one_seed = 0
    for _ in range(300):
        hard = [generator.uniform(-0.2, 0.2, 60) for _ in range(5)]
        ours, theirs = (recipe(generator, skill, hard, 3) for skill in (0.65, 0.55))
        low, high = recipes_difference(ours, theirs, [0.2] * 5).interval
        held += low <= 0.1 <= high
        alone = paired_difference(
            [part[0] for part in ours], [part[0] for part in theirs], [0.2] * 5
        )
        one_seed += alone.interval[0] <= 0.1 <= alone.interval[1]
    assert 0.92 < held / 300 < 0.99
    assert one_seed / 300 < 0.8


def test_seeds_that_are_all_the_same_leave_the_items_variance():
    generator = np.random.default_rng(10)
    ours, theirs = (np.repeat(generator.integers(2, size=(1, 90)) * 1.0, 3, 0) for _ in range(2))
    found = recipes_difference([ours], [theirs], [1.0])
    per_item = ours[0] - theirs[0]
    assert found.stderr == pytest.approx(per_item.std(ddof=1) / math.sqrt(90))


def test_the_residual_of_seeds_and_items_is_not_counted_twice():
    """Seeds that differ by chance alone: over 200 draws the variance is that of items on average.

    With the residual in both the seeds' and the items' part it would be about twice as large.
    """
    generator = np.random.default_rng(10)
    found, of_items = [], []
    for _ in range(200):
        hard = [generator.uniform(-0.4, 0.4, 100)]
        ours, theirs = (recipe(generator, 0.5, hard, 4, spread=0.0) for _ in range(2))
        per_item = ours[0].mean(axis=0) - theirs[0].mean(axis=0)
        found.append(recipes_difference(ours, theirs, [1.0]).stderr ** 2)
        of_items.append(per_item.var(ddof=1) / 100)
    assert np.mean(found) == pytest.approx(np.mean(of_items), rel=0.12)


def test_other_uids_widen_the_interval_over_seeds():
    generator = np.random.default_rng(11)
    hard = [generator.uniform(-0.1, 0.1, 40) for _ in range(12)]
    effects = generator.normal(0.1, 0.2, 12)
    ours = [
        (generator.random((3, 40)) < 0.5 + effect + part).astype(np.float64)
        for effect, part in zip(effects, hard, strict=True)
    ]
    theirs = [(generator.random((3, 40)) < 0.5 + part).astype(np.float64) for part in hard]
    found = recipes_difference(ours, theirs, [1 / 12] * 12)
    low, high = found.interval_clustered
    assert low < found.interval[0] < found.value < found.interval[1] < high


def test_scores_of_seeds_alone_give_welchs_interval():
    ours, theirs = np.array([70.1, 71.0, 70.4, 71.9]), np.array([68.0, 69.3, 68.8])
    found = recipes_difference_of_scores(ours, theirs)
    expected = ttest_ind(ours, theirs, equal_var=False)
    assert found.p == pytest.approx(expected.pvalue)
    interval = expected.confidence_interval(0.95)
    assert found.interval == pytest.approx((interval.low, interval.high))
    assert found.degrees == pytest.approx(expected.df)


def test_a_single_seed_is_taken_to_vary_as_the_others_do():
    """By hand: variance 1 of three seeds, 1 + 1 / 3 for the difference, 2 degrees of freedom."""
    found = recipes_difference_of_scores(np.array([72.0]), np.array([68.0, 69.0, 70.0]))
    reach = t.ppf(0.975, 2) * math.sqrt(4 / 3)
    assert found.interval == pytest.approx((3 - reach, 3 + reach))


def test_the_variance_over_seeds_and_items_is_that_of_a_mixed_model():
    """statsmodels' MixedLM with crossed random effects, by restricted maximum likelihood.

    The recipes' difference as a fixed effect; seeds, items and items by recipe as random ones.
    """
    generator = np.random.default_rng(12)
    seeds, items = 4, 12
    by_item = generator.normal(0, 1.0, (2, 1, items)) + generator.normal(0, 1.0, (1, 1, items))
    by_seed = generator.normal(0, 1.0, (2, seeds, 1))
    answers = by_item + by_seed + generator.normal(0, 1.0, (2, seeds, items))
    ours, theirs = answers[0], answers[1] + 1.0
    found = recipes_difference([ours], [theirs], [1.0])
    rows = [
        {"y": answers[r, s, i] + r, "recipe": r, "seed": f"{r}-{s}", "item": i, "both": f"{r}-{i}",
         "one": 1}
        for r in range(2) for s in range(seeds) for i in range(items)
    ]  # fmt: skip
    effects = {name: f"0 + C({name})" for name in ("seed", "item", "both")}
    fitted = mixedlm("y ~ recipe", pandas.DataFrame(rows), groups="one", vc_formula=effects).fit()
    assert found.value == pytest.approx(-fitted.params["recipe"], abs=1e-3)
    assert found.stderr == pytest.approx(fitted.bse["recipe"], rel=0.02)


def test_replicates_over_seeds_hold_seeds_and_items():
    """For a mean, replicates say what the answers themselves say."""
    generator = np.random.default_rng(13)
    hard = [generator.uniform(-0.2, 0.2, 400)]
    ours, theirs = (recipe(generator, skill, hard, 3) for skill in (0.65, 0.55))

    def replicated(tables):
        values = [bootstrap_replicates(lambda rows, x=x: x[rows].mean(axis=1), 400) for x in tables]
        return tables.mean(axis=1), np.array(values)

    exact = recipes_difference(ours, theirs, [1.0])
    found = recipes_difference_of_replicates(replicated(ours[0]), replicated(theirs[0]))
    assert found.value == pytest.approx(exact.value)
    assert found.stderr == pytest.approx(exact.stderr, rel=0.1)
