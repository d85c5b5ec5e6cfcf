"""The 95% interval of a weighted mean of shares, one share for each UID.

It holds the means that a score test does not reject: for each mean the likeliest shares that have
it, and the variance that these shares would give. A UID that is all right has no variance of its
own in a normal interval, which is too narrow if many are; here it has that of the share that it
might have. For one share it is Wilson's interval.

Source: Martín Andrés, Álvarez Hernández and Herranz Tejedor 2011, Inferences about a linear
combination of proportions, for the score interval; Wilson 1927 for one share.
"""

import numpy as np
from jaxtyping import Float64

_GRID, _ROUNDS, _ROUNDING = 100, 5, 1e-12


def shares_interval(
    right: Float64[np.ndarray, " shares"],
    n: Float64[np.ndarray, " shares"],
    weights: Float64[np.ndarray, " shares"],
    *,
    z: float,
) -> tuple[float, float]:
    """The interval of sum_u w_u p_u, cut to [0, 1] by its nature.

    Args:
        right: how many of the n trials of each share are right; a tie counts half.
        weights: positive, summing to 1.
        z: of the normal distribution, 1.96 for 95%.
    """
    return _lower(right, n, weights, z), 1 - _lower(n - right, n, weights, z)


def _lower(
    right: Float64[np.ndarray, " shares"],
    n: Float64[np.ndarray, " shares"],
    weights: Float64[np.ndarray, " shares"],
    z: float,
) -> float:
    """The smallest mean that is not rejected. The larger the tilt, the smaller the mean."""
    observed = float(weights @ (right / n))
    if observed == 0:
        return 0.0
    mean = observed
    tilts = float((n / weights).max()) * np.logspace(-9, 9, _GRID)
    for _ in range(_ROUNDS):
        shares = _tilted(right, n, tilts[:, None] * weights)
        means = shares @ weights
        # Each UID gets one pseudo-item with the mean share, so that a UID of one item has a
        # variance, too; the last factor makes the variance unbiased if all shares are equal.
        near = (n * shares + means[:, None]) / (n + 1)
        variances = near * (1 - near) / n / (1 - n / (n + 1) ** 2)
        is_held = observed - means <= z * np.sqrt(variances @ weights**2) + _ROUNDING
        last = int(np.flatnonzero(is_held).max())
        mean = float(means[last])
        tilts = np.linspace(tilts[last], tilts[min(last + 1, _GRID - 1)], _GRID)
    return mean


def _tilted(
    right: Float64[np.ndarray, " shares"],
    n: Float64[np.ndarray, " shares"],
    tilts: Float64[np.ndarray, "grid shares"],
) -> Float64[np.ndarray, "grid shares"]:
    """The likeliest shares under a constraint on their mean, with its Lagrange multiplier.

    right / p - (n - right) / (1 - p) = tilt, solved for p without cancellation.
    """
    root = np.sqrt((tilts - n) ** 2 + 4 * tilts * (n - right))
    found: Float64[np.ndarray, "grid shares"] = np.minimum(1.0, 2 * right / (tilts + n + root))
    return found
