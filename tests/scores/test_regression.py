"""Correlation and least squares, on rows of resamples and at the edges."""

import numpy as np
import pytest
from scipy.stats import spearmanr
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.outliers_influence import OLSInfluence

from babyllama.scores.regression import (
    errors_left_out,
    is_complete,
    noise_share,
    pearson,
    residuals,
    share_explained,
    spearman,
    standardised,
)


def test_correlations_are_a_rows_own_and_0_where_a_side_is_constant():
    generator = np.random.default_rng(2)
    x, y = generator.integers(9, size=(2, 4, 30)).astype(np.float64)
    x[1], y[2] = 3.0, 0.1
    found = spearman(x, y)
    for row in (0, 3):
        assert found[row] == pytest.approx(spearmanr(x[row], y[row]).statistic)
        assert pearson(x, y)[row] == pytest.approx(np.corrcoef(x[row], y[row])[0, 1])
    assert found[1] == found[2] == pearson(x, y)[1] == pearson(x, y)[2] == 0
    assert pearson(x[1:2], y[:1]).tolist() == [0]


def test_errors_are_those_of_fits_without_the_item():
    generator = np.random.default_rng(3)
    x, y = generator.normal(size=(2, 12))
    expected = []
    for item in range(12):
        others = np.arange(12) != item
        slope, intercept = np.polyfit(x[others], y[others], 1)
        expected.append(y[item] - slope * x[item] - intercept)
    assert errors_left_out([x], y) == pytest.approx(expected)
    assert residuals([x], y) == pytest.approx(y - np.polyval(np.polyfit(x, y, 1), x))


def test_a_predictor_that_others_imply_changes_nothing():
    """Dummies of every category beside an intercept, and statsmodels' fit without the latter."""
    generator = np.random.default_rng(5)
    y, x = generator.normal(size=(2, 30))
    dummies = [(np.arange(30) % 3 == each).astype(np.float64) for each in range(3)]
    fit = OLS(y, np.stack([*dummies, 1e4 * x], axis=1)).fit()
    left_out = fit.resid / (1 - OLSInfluence(fit).hat_matrix_diag)
    assert residuals([*dummies, 1e4 * x], y) == pytest.approx(fit.resid)
    assert errors_left_out([*dummies, 1e4 * x], y) == pytest.approx(left_out)


def test_an_item_without_which_there_is_no_fit_has_no_error():
    alone = np.array([1.0, 0.0, 0.0, 0.0])
    assert errors_left_out([alone], np.array([9.0, 1.0, 2.0, 3.0])) == pytest.approx(
        [0.0, -1.5, 0.0, 1.5]
    )


def test_standardised_values_have_mean_0_and_deviation_1_unless_constant():
    found = standardised(np.array([1.0, 2.0, 6.0]))
    assert (found.mean(), found.std()) == pytest.approx((0, 1))
    assert standardised(np.full(3, 7.0)).tolist() == [0, 0, 0]


def test_an_item_is_complete_if_no_column_lacks_it():
    columns = [np.array([1.0, np.nan, 3.0]), np.array([np.nan, 2.0, 3.0])]
    assert is_complete(columns).tolist() == [False, False, True]


def test_a_resample_counts_items_as_often_as_it_holds_them():
    generator = np.random.default_rng(1)
    y, a, b, x = generator.normal(size=(4, 50))
    drawn = generator.integers(50, size=50)
    counts = np.stack([np.bincount(drawn, minlength=50), np.ones(50)]).astype(float)
    found = share_explained(y, [a, b], x, counts)
    again = share_explained(y[drawn], [a[drawn], b[drawn]], x[drawn], np.ones((1, 50)))
    # Noise explains more of a resample than of as many different items: see the next tests.
    noise = noise_share(y, [a, b], x, counts)
    noise_again = noise_share(y[drawn], [a[drawn], b[drawn]], x[drawn], np.ones((1, 50)))
    assert found[0] + noise[0] == pytest.approx(again[0] + noise_again[0])
    assert found[1] != pytest.approx(found[0])


def test_noise_explains_what_permuted_values_explain_on_average():
    generator = np.random.default_rng(5)
    n, permutations = 60, 4000
    plain = [generator.normal(size=n), generator.gamma(2.0, size=n)]
    y, x = generator.gamma(1.0, size=(2, n))  # skewed
    once = np.ones((1, n))
    # Permuting x against the rest, as one least squares with the permutations in the rows.
    design = np.stack([np.ones(n), *plain, plain[0] * plain[1]], axis=1)
    hat = np.eye(n) - design @ np.linalg.pinv(design)
    permuted = np.stack([generator.permutation(x) for _ in range(permutations)]) @ hat
    shares = (permuted @ y) ** 2 / (permuted**2).sum(axis=1) / (y @ hat @ y)
    (found,) = noise_share(y, plain, x, once)
    assert found == pytest.approx(1 / (n - 4))
    assert found == pytest.approx(shares.mean(), abs=3 * shares.std() / permutations**0.5)
    raw = (x @ hat @ y) ** 2 / (x @ hat @ x) / (y @ hat @ y)
    assert share_explained(y, plain, x, once) == pytest.approx(raw - found)
    assert share_explained(y, plain, np.ones(n), once) == 0


def test_noise_explains_twice_as_much_on_resamples():
    generator = np.random.default_rng(6)
    n = 300
    plain, y, x = generator.normal(size=(3, n))
    drawn = generator.integers(n, size=(400, n))
    counts = np.stack([np.bincount(row, minlength=n) for row in drawn]).astype(np.float64)
    found = noise_share(y, [plain], x, counts).mean()
    assert found == pytest.approx(2 / n, rel=0.05)
    others = generator.normal(size=(60, n))
    shares = [share_explained(y, [plain], each, counts).mean() for each in others]
    assert np.mean(shares) == pytest.approx(0, abs=3 * np.std(shares) / 60**0.5)
