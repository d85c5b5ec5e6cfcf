"""Correlation and least squares, on the items of a benchmark or on many resamples of them."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from jaxtyping import Bool, Float64
from scipy.stats import rankdata


def spearman(
    x: Float64[np.ndarray, "rows n"], y: Float64[np.ndarray, "rows n"]
) -> Float64[np.ndarray, " rows"]:
    """Spearman's rho of each row; 0 where one side is all the same, which orders nothing."""
    return pearson(rankdata(x, axis=1), rankdata(y, axis=1))


def pearson(
    x: Float64[np.ndarray, "rows n"], y: Float64[np.ndarray, "rows n"]
) -> Float64[np.ndarray, " rows"]:
    """Pearson's r of each row; 0 where one side is all the same."""
    x, y = (each - each.mean(axis=1, keepdims=True) for each in (x, y))
    size = np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    found = np.zeros(len(x))
    np.divide((x * y).sum(axis=1), size, out=found, where=size > 1e-12)
    return found


def share_explained(
    y: Float64[np.ndarray, " n"],
    plain: Sequence[Float64[np.ndarray, " n"]],
    x: Float64[np.ndarray, " n"],
    counts: Float64[np.ndarray, "resamples n"],
) -> Float64[np.ndarray, " resamples"]:
    """(R2 of y on plain and x - R2 of y on plain) / (1 - R2 of y on plain), a squared correlation.

    Least squares with an intercept, the plain predictors and their pairwise products. What these
    leave of y and of x has the cross-products S = D - C^T B^+ C, the Schur complement of the
    predictors' own in the cross-products of all; the share is S_xy**2 / (S_xx S_yy).

    Args:
        counts: how often each item counts. Items that lack a value do not.
    """
    keep = is_complete([y, x, *plain])
    # Neither an intercept nor a scale changes what is explained; standardised it is precise.
    base = [standardised(column[keep]) for column in plain]
    products = [a * b for a, b in combinations(base, 2)]
    predictors = [np.ones(int(keep.sum())), *base, *products]
    k = len(predictors)
    every = np.stack([*predictors, standardised(y[keep]), standardised(x[keep])], axis=1)
    each = (every[:, :, None] * every[:, None, :]).reshape(len(every), -1)
    cross = (counts[:, keep] @ each).reshape(-1, k + 2, k + 2)
    B, C, D = cross[:, :k, :k], cross[:, :k, k:], cross[:, k:, k:]
    S = D - C.transpose(0, 2, 1) @ np.linalg.pinv(B, rcond=1e-10, hermitian=True) @ C
    # Where the predictors explain everything, rounding alone is left.
    is_left = (S[:, [0, 1], [0, 1]] > 1e-9 * D[:, [0, 1], [0, 1]]).all(axis=1)
    found = np.zeros(len(S))
    np.divide(S[:, 0, 1] ** 2, S[:, 0, 0] * S[:, 1, 1], out=found, where=is_left)
    return found


def errors_left_out(
    predictors: Sequence[Float64[np.ndarray, " n"]], y: Float64[np.ndarray, " n"]
) -> Float64[np.ndarray, " n"]:
    """How far each y is from what least squares, fitted to the others, predicts for it.

    e_i / (1 - h_ii), with e the errors and h the leverages of the fit to all. An item that the fit
    cannot do without (h_ii = 1) is given 0, its error there.
    """
    columns = np.stack([np.ones(len(y)), *predictors], axis=1)
    left = 1 - np.einsum("ij,ji->i", columns, np.linalg.pinv(columns))
    found = np.zeros(len(y))
    np.divide(residuals(predictors, y), left, out=found, where=left > 1e-9)
    return found


def residuals(
    predictors: Sequence[Float64[np.ndarray, " n"]], y: Float64[np.ndarray, " n"]
) -> Float64[np.ndarray, " n"]:
    """What least squares with an intercept leaves of y."""
    columns = np.stack([np.ones(len(y)), *predictors], axis=1)
    found: Float64[np.ndarray, " n"] = y - columns @ np.linalg.lstsq(columns, y)[0]
    return found


def standardised(values: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """With mean 0 and standard deviation 1, or all 0."""
    centred: Float64[np.ndarray, " n"] = values - values.mean()
    return np.asarray(centred / (centred.std() or 1.0), dtype=np.float64)


def is_complete(columns: Sequence[Float64[np.ndarray, " n"]]) -> Bool[np.ndarray, " n"]:
    """The items that no column lacks, as NaN says."""
    lacks: Bool[np.ndarray, " n"] = np.isnan(np.stack(columns)).any(axis=0)
    return ~lacks
