"""Seeds needed, against statsmodels' power of t tests and a case by hand."""

import math

import pytest
from scipy.stats import nct, norm, t
from statsmodels.stats.power import TTestPower

from babyllama.scores.paired_seeds import SeedsDifference
from babyllama.scores.power import Needed, _power, seeds_needed

PILOT = SeedsDifference(1.0, of_seeds=4 / 3, of_items=0.0, by_seed=(-1.0, 1.0, 3.0))


@pytest.mark.parametrize("size", [1.0, 2.0, -3.0, 6.0])
def test_without_items_it_is_the_paired_t_tests_number(size):
    """The seeds' differences have a standard deviation of 2."""
    exact = TTestPower().solve_power(effect_size=abs(size) / 2, alpha=0.05, power=0.8)
    assert seeds_needed(PILOT, size) == Needed(abs(size), math.ceil(exact), 1.0)


@pytest.mark.parametrize(("size", "seeds"), [(1.0, 2), (2.5, 4), (9.0, 30)])
def test_the_power_is_that_of_scipys_noncentral_t(size, seeds):
    variance = PILOT.of_seeds * PILOT.seeds / seeds
    expected = nct.sf(t.ppf(0.975, seeds - 1), seeds - 1, size / math.sqrt(variance))
    assert _power(PILOT, size, seeds, 0.05) == pytest.approx(expected, abs=1e-9)


def test_a_stricter_level_needs_more_seeds():
    assert seeds_needed(PILOT, 2.0, level=0.005).seeds > seeds_needed(PILOT, 2.0).seeds


def test_more_items_are_needed_where_no_number_of_seeds_would_do():
    """Infinite seeds leave a variance of 1 over items: 2.8 is shown, 1.4 takes four times more."""
    found = SeedsDifference(1.0, 2.0, of_items=1.0, by_seed=(0.0, 2.0))
    both = float(norm.ppf(0.975) + norm.ppf(0.8))
    needed = seeds_needed(found, both / 2)
    assert needed.seeds is None
    assert needed.items == pytest.approx(4.0)
    assert seeds_needed(found, both * 1.2).seeds is not None


def test_a_tiny_difference_needs_more_seeds_than_anyone_trains():
    assert seeds_needed(PILOT, 0.01) == Needed(0.01, None, 1.0)


def test_conditions_that_never_vary_need_two_seeds():
    assert seeds_needed(SeedsDifference(1.0, 0.0, 0.0, (1.0, 1.0)), 1.0).seeds == 2


def test_no_number_of_seeds_shows_nothing():
    with pytest.raises(ValueError, match="zero"):
        seeds_needed(PILOT, 0.0)
