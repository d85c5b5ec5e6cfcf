"""Response surfaces of grids whose best setting is known."""

import math

import numpy as np
import pytest
from scipy.stats import t, ttest_rel

from babyllama.scores.surfaces import Cell, fitted

TEMPERATURES, ALPHAS = (1.0, 2.0, 4.0), (0.0, 0.3, 0.5, 0.7, 1.0)


def grid(noise=0.0, seeds=5, shared=0.0, best=(2.0, 0.5), generator=None):
    """Scores that fall from their peak with the square of log temperature and of alpha."""
    generator = generator or np.random.default_rng(0)
    common = shared * generator.normal(size=seeds)
    return [
        Cell(x, y, tuple(70 - 3 * math.log(x / best[0]) ** 2 - 8 * (y - best[1]) ** 2
                         + common + noise * generator.normal(size=seeds)))
        for x in TEMPERATURES for y in ALPHAS
    ]  # fmt: skip


def test_a_polynomial_is_recovered_exactly():
    surface = fitted(grid(), scales=("log", "linear"))
    best = surface.optimum
    assert (best.x, best.y) == pytest.approx((2.0, 0.5))
    assert best.value == pytest.approx(70)
    assert best.x_interval == pytest.approx((best.x, best.x))
    assert best.y_interval == pytest.approx((best.y, best.y))
    assert surface.explained == pytest.approx(1)
    assert surface.at([(3.0, 0.2)])[0] == pytest.approx(70 - 3 * math.log(1.5) ** 2 - 8 * 0.09)


def test_the_optimum_is_the_highest_point_of_a_fine_grid():
    """Of saddles, ridges and edges alike."""
    generator = np.random.default_rng(4)
    x, y = np.meshgrid(np.geomspace(1, 4, 61), np.linspace(0, 1, 61))
    for _ in range(30):
        cells = [Cell(c.x, c.y, tuple(generator.normal(size=2))) for c in grid()]
        surface = fitted(cells, scales=("log", "linear"))
        best = surface.optimum
        values = surface.at([*zip(x.ravel().tolist(), y.ravel().tolist(), strict=True)])
        assert best.value >= values.max() - 1e-9
        assert best.value == pytest.approx(values.max(), abs=0.01)
        assert surface.at([(best.x, best.y)])[0] == pytest.approx(best.value)


def test_what_a_seed_does_to_all_cells_does_not_blur_the_optimum():
    surface = fitted(grid(shared=5.0), scales=("log", "linear"))
    assert surface.optimum.x_interval == pytest.approx((2.0, 2.0))
    assert np.std(surface.cells[0].scores) > 1


def test_a_loss_has_its_optimum_where_it_is_lowest():
    flipped = [Cell(c.x, c.y, tuple(-each for each in c.scores)) for c in grid()]
    best = fitted(flipped, scales=("log", "linear"), higher_is_better=False).optimum
    assert (best.x, best.y) == pytest.approx((2.0, 0.5))


def test_noise_widens_the_interval_of_the_optimum_and_it_holds_the_truth():
    """40 grids: most intervals hold the best temperature and the best alpha."""
    generator = np.random.default_rng(2)
    held = 0
    for _ in range(40):
        best = fitted(grid(0.5, generator=generator), scales=("log", "linear")).optimum
        assert best.y_interval[1] > best.y_interval[0]
        held += best.x_interval[0] <= 2.0 <= best.x_interval[1]
        held += best.y_interval[0] <= 0.5 <= best.y_interval[1]
    assert held / 80 > 0.87


def test_the_best_setting_differs_from_a_bad_cell_but_not_from_itself():
    surface = fitted(grid(0.3), scales=("log", "linear"))
    assert surface.gain_over((1.0, 1.0)).is_shown
    assert not surface.gain_over((2.0, 0.5)).is_shown


def test_a_flat_grid_shows_no_gain():
    """The best of many equal settings looks better than the named one in every draw."""
    generator = np.random.default_rng(3)
    shown = 0
    for _ in range(40):
        cells = [Cell(x, y, tuple(generator.normal(size=4))) for x in TEMPERATURES for y in ALPHAS]
        gain = fitted(cells, scales=("log", "linear")).gain_over((2.0, 0.5))
        assert gain.value > 0
        shown += gain.is_shown
    assert shown <= 6


def test_resampled_contrasts_have_students_distribution():
    surface = fitted(grid(1.0, seeds=4), scales=("log", "linear"))
    ends = surface.terms([(4.0, 0.0), (1.0, 1.0)])
    contrast = ends[0] - ends[1]
    exact = ttest_rel(surface.by_seed @ ends[0], surface.by_seed @ ends[1])
    spread = abs(surface.by_seed.mean(axis=0) @ contrast / exact.statistic)
    middle = np.quantile(surface.resampled @ contrast, [0.25, 0.75])
    assert np.ptp(middle) == pytest.approx(2 * t.ppf(0.75, 3) * spread, rel=0.1)


def test_a_peak_outside_the_grid_lies_at_its_edge():
    best = fitted(grid(0.1, best=(16.0, 0.5)), scales=("log", "linear")).optimum
    assert best.x == pytest.approx(4.0)
    assert best.at_edge > 0.9


def test_two_levels_have_no_squared_term():
    surface = fitted([c for c in grid() if c.x < 4], scales=("log", "linear"))
    assert (2, 0) not in surface.powers
    assert len(surface.powers) == 5


def test_what_cannot_be_fitted_is_refused():
    one = [Cell(c.x, c.y, c.scores[:1]) for c in grid()]
    with pytest.raises(ValueError, match="two seeds"):
        fitted(one)
    with pytest.raises(ValueError, match="x has one level"):
        fitted([c for c in grid() if c.x == 2])
    with pytest.raises(ValueError, match="log scale"):
        fitted(grid(), scales=("linear", "log"))
    with pytest.raises(ValueError, match="add cells"):
        fitted([c for c in grid() if c.x == 2 or c.y == 0.5])
