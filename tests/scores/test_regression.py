"""Correlation and least squares, on rows of resamples and at the edges."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from babyllama.scores.regression import (
    errors_left_out,
    is_complete,
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
    assert found[0] == pytest.approx(again[0])
    assert found[1] != pytest.approx(found[0])
