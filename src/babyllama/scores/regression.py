"""Correlation and least squares, on the items of a benchmark or on many resamples of them."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from jaxtyping import Bool, Float64
from scipy.linalg import orth
from scipy.stats import pearsonr, rankdata


def spearman(
    x: Float64[np.ndarray, "rows n"], y: Float64[np.ndarray, "rows n"]
) -> Float64[np.ndarray, " rows"]:
    """Spearman's rho of each row; 0 where one side is constant and orders nothing."""
    return pearson(rankdata(x, axis=1), rankdata(y, axis=1))


def pearson(
    x: Float64[np.ndarray, "rows n"], y: Float64[np.ndarray, "rows n"]
) -> Float64[np.ndarray, " rows"]:
    """Pearson's r of each row; 0 where one side is constant."""
    varies = _varies(x) & _varies(y)
    found = np.zeros(len(x))
    if varies.any():
        found[varies] = pearsonr(x[varies], y[varies], axis=1).statistic
    return found


def _varies(rows: Float64[np.ndarray, "rows n"]) -> Bool[np.ndarray, " rows"]:
    found: Bool[np.ndarray, " rows"] = np.ptp(rows, axis=1) > 1e-12 * np.abs(rows).max(axis=1)
    return found


def share_explained(
    y: Float64[np.ndarray, " n"],
    plain: Sequence[Float64[np.ndarray, " n"]],
    x: Float64[np.ndarray, " n"],
    counts: Float64[np.ndarray, "resamples n"],
) -> Float64[np.ndarray, " resamples"]:
    """The share of the variance of y that x explains beyond the plain predictors and noise.

    (R2 of y on plain and x - R2 of y on plain) / (1 - R2 of y on plain), a squared correlation,
    less its mean over permutations of x: see `noise_share`. 0 if there is nothing to explain, or
    nothing to explain it with.

    Least squares with an intercept, the plain predictors and their pairwise products. The residuals
    of y and x have the cross-products S = D - C^T B^+ C, the Schur complement of the predictors'
    own cross-products B; the share is S_xy**2 / (S_xx S_yy). This solves all resamples at once,
    without a fit for each.

    Args:
        counts: how often each item occurs in each resample. Items without a value do not count.
    """
    keep = is_complete([y, x, *plain])
    predictors = _with_intercept(_with_products([column[keep] for column in plain]))
    k = predictors.shape[1]
    others = np.stack([standardised(y[keep]), standardised(x[keep])], axis=1)
    every = np.concatenate([predictors, others], axis=1)
    each = (every[:, :, None] * every[:, None, :]).reshape(len(every), -1)
    cross = (counts[:, keep] @ each).reshape(-1, k + 2, k + 2)
    B, C, D = cross[:, :k, :k], cross[:, :k, k:], cross[:, k:, k:]
    S = D - C.transpose(0, 2, 1) @ np.linalg.pinv(B, rcond=1e-10, hermitian=True) @ C
    # If the predictors explain everything, only rounding is left.
    is_left = (S[:, [0, 1], [0, 1]] > 1e-9 * D[:, [0, 1], [0, 1]]).all(axis=1)
    found = np.zeros(len(S))
    np.divide(S[:, 0, 1] ** 2, S[:, 0, 0] * S[:, 1, 1], out=found, where=is_left)
    found[is_left] -= noise_share(y, plain, x, counts)[is_left]
    return found


def noise_share(
    y: Float64[np.ndarray, " n"],
    plain: Sequence[Float64[np.ndarray, " n"]],
    x: Float64[np.ndarray, " n"],
    counts: Float64[np.ndarray, "resamples n"],
) -> Float64[np.ndarray, " resamples"]:
    """The share that x explains on average if its values are permuted: 1 / (n - k).

    k counts the intercept, the plain predictors and their products, as far as they differ. On a
    resample with counts c_i it is sum(c_i**2 e_i**2) / sum(c_i e_i**2) / (sum(c_i) - k), with the
    residuals e of y: an item that was drawn twice agrees with itself, so that noise explains about
    twice as much there.

    Args:
        x: only which of its values are missing counts.
    """
    keep = is_complete([y, x, *plain])
    predictors = _with_intercept(_with_products([column[keep] for column in plain]))
    fit, _, k, _ = np.linalg.lstsq(predictors, y[keep])
    squares = (y[keep] - predictors @ fit) ** 2
    drawn = counts[:, keep]
    left = np.maximum(1.0, drawn.sum(axis=1) - k)
    weights = np.maximum(drawn @ squares, np.finfo(np.float64).tiny)
    found: Float64[np.ndarray, " resamples"] = (drawn**2 @ squares) / weights / left
    return found


def errors_left_out(
    predictors: Sequence[Float64[np.ndarray, " n"]], y: Float64[np.ndarray, " n"]
) -> Float64[np.ndarray, " n"]:
    """Leave-one-out errors: at each y, that of least squares fitted to all other items.

    e_i / (1 - h_ii), with the errors e and the leverages h of the fit to all; 0 for an item that
    the other items cannot predict (h_ii = 1).
    """
    basis = orth(_with_intercept(predictors))
    left = 1 - (basis**2).sum(axis=1)
    found = np.zeros(len(y))
    np.divide(y - basis @ (basis.T @ y), left, out=found, where=left > 1e-9)
    return found


def residuals(
    predictors: Sequence[Float64[np.ndarray, " n"]], y: Float64[np.ndarray, " n"]
) -> Float64[np.ndarray, " n"]:
    """The residuals of y after least squares with an intercept."""
    basis = orth(_with_intercept(predictors))  # of what the predictors can fit
    found: Float64[np.ndarray, " n"] = y - basis @ (basis.T @ y)
    return found


def _with_products(
    plain: Sequence[Float64[np.ndarray, " n"]],
) -> list[Float64[np.ndarray, " n"]]:
    # Standardising keeps the products accurate and does not change the explained share.
    base = [standardised(column) for column in plain]
    return [*base, *(a * b for a, b in combinations(base, 2))]


def _with_intercept(
    predictors: Sequence[Float64[np.ndarray, " n"]],
) -> Float64[np.ndarray, "n k"]:
    return np.stack([np.ones(len(predictors[0])), *predictors], axis=1)


def standardised(values: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """With mean 0 and standard deviation 1, or all 0."""
    centred: Float64[np.ndarray, " n"] = values - values.mean()
    return np.asarray(centred / (centred.std() or 1.0), dtype=np.float64)


def is_complete(columns: Sequence[Float64[np.ndarray, " n"]]) -> Bool[np.ndarray, " n"]:
    """The items without NaN in any column."""
    is_missing: Bool[np.ndarray, " n"] = np.isnan(np.stack(columns)).any(axis=0)
    return ~is_missing
