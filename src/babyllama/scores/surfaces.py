"""A two-way grid as a response surface: where the best setting is, and how well that is known.

A second-order polynomial in both settings is fitted to every seed's scores. The fit is linear in
the scores, so the mean of the seeds' fits is the fit of the means, and what varies between seeds'
fits says how certain it is: noise that a seed shares among cells cancels where cells are compared.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64

from babyllama.scores.certainty import t_interval
from babyllama.scores.differences import LEVEL
from babyllama.scores.results import RESAMPLES, Interval

Scale = Literal["linear", "log"]
Point = tuple[float, float]
_STEPS = 41  # of each axis, on which the optimum is looked for
_POWERS = ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2))


@dataclass(frozen=True)
class Cell:
    """A setting of both, and each seed's score there; the seeds in the same order in all cells."""

    x: float
    y: float
    scores: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Over seeds."""
        return float(np.mean(self.scores))

    @property
    def interval(self) -> Interval | None:
        """Student's 95% interval over seeds; None with one seed, or if all seeds score the same."""
        if len(self.scores) < 2 or len(set(self.scores)) == 1:
            return None
        return t_interval(np.array(self.scores))


@dataclass(frozen=True)
class Optimum:
    """The best setting within the grid.

    Attributes:
        value: the fitted score there.
        x_interval, y_interval: 95%, each setting by itself.
        at_edge: the share of resamples whose best setting lies at the edge of the grid: the best of
            all settings may then be outside.
    """

    x: float
    y: float
    value: float
    x_interval: Interval
    y_interval: Interval
    at_edge: float


@dataclass(frozen=True)
class Gain:
    """How much better the best setting is than a cell.

    Attributes:
        value: of the fitted scores, 0 or more; in the score's unit, whichever way is better.
        threshold: what `value` reaches in 5% of cases if the cell itself is the best setting.
    """

    value: float
    threshold: float

    @property
    def is_shown(self) -> bool:
        """Whether the best setting differs from the cell."""
        return self.value > self.threshold


@dataclass(frozen=True)
class Surface:
    """A fitted grid. `fitted` makes one."""

    cells: tuple[Cell, ...]
    scales: tuple[Scale, Scale]
    higher_is_better: bool
    powers: tuple[tuple[int, int], ...]
    by_seed: Float64[np.ndarray, "seeds terms"]
    resampled: Float64[np.ndarray, "resamples terms"]

    def at(self, points: Sequence[Point]) -> Float64[np.ndarray, " points"]:
        """The fitted score at some settings."""
        return np.asarray(self.terms(points) @ self.by_seed.mean(axis=0))

    @property
    def explained(self) -> float:
        """Share of the variance of the cells' means that the polynomial explains."""
        means = np.array([cell.mean for cell in self.cells])
        rest = means - self.at([(cell.x, cell.y) for cell in self.cells])
        total = float(means.var())
        return 1 - float((rest**2).mean()) / total if total > 0 else 1.0

    @property
    def optimum(self) -> Optimum:
        """The best setting, from the fit and from each resample of it."""
        points = self._within()
        terms = self.terms(points)
        sign = 1 if self.higher_is_better else -1
        values = terms @ self.by_seed.mean(axis=0)
        best = int(np.argmax(sign * values))
        found = np.array(points)[np.argmax(sign * terms @ self.resampled.T, axis=0)]
        edges = [(points[0][axis], points[-1][axis]) for axis in (0, 1)]
        is_edge = [np.isin(found[:, axis], edges[axis]) for axis in (0, 1)]
        x_interval, y_interval = (
            (float(low), float(high))
            for low, high in np.quantile(
                found, [LEVEL / 2, 1 - LEVEL / 2], axis=0, method="closest_observation"
            ).T
        )
        return Optimum(
            *points[best],
            float(values[best]),
            x_interval,
            y_interval,
            float(np.mean(is_edge[0] | is_edge[1])),
        )

    def gain_over(self, cell: Point) -> Gain:
        """Whether the best setting differs from a cell that was named beforehand.

        The best of many settings looks better than it is. Hence the threshold is that of the
        largest gain over the cell among all settings which resampling the fit produces by itself.
        """
        terms = self.terms(self._within()) - self.terms([cell])
        sign = 1 if self.higher_is_better else -1
        mean = self.by_seed.mean(axis=0)
        noise = sign * terms @ (self.resampled - mean).T
        threshold = float(np.quantile(noise.max(axis=0), 1 - LEVEL))
        return Gain(max(0.0, float((sign * terms @ mean).max())), threshold)

    def _within(self) -> list[Point]:
        """Settings between the smallest and the largest of the grid."""
        axes = [
            _spaced(sorted({(c.x, c.y)[axis] for c in self.cells}), self.scales[axis])
            for axis in (0, 1)
        ]
        return [(x, y) for x in axes[0] for y in axes[1]]

    def terms(self, points: Sequence[Point]) -> Float64[np.ndarray, "points terms"]:
        """The polynomial's terms at some settings: the fit is linear in them."""
        return _terms(points, self.cells, self.scales, self.powers)


def fitted(
    cells: Sequence[Cell],
    *,
    scales: tuple[Scale, Scale] = ("linear", "linear"),
    higher_is_better: bool = True,
) -> Surface:
    """Fit a second-order polynomial to a two-way grid, by least squares.

    A setting with two levels has no squared term. The fit is resampled by seeds: random normal
    weights of the seeds' deviations, divided by the root of a chi-square, so that of any fixed
    contrast between settings the resamples have exactly Student's distribution over seeds. A plain
    resampling of few seeds would be too narrow. With n seeds at most n - 1 directions vary, so the
    intervals of the optimum are rough below five seeds.

    Args:
        cells: two seeds or more in each, the same number in all; missing cells are allowed as long
            as the others determine the polynomial.
        scales: of x and y; on a log scale the settings are above 0.

    Raises:
        ValueError: one seed, seeds that are missing in a cell, a setting with a single level, a
            setting of 0 on a log scale, or too few cells.

    Source: Box and Wilson 1951 for the polynomial.
    """
    _refuse_unfit(cells, scales)
    points = [(cell.x, cell.y) for cell in cells]
    levels = [len({point[axis] for point in points}) for axis in (0, 1)]
    powers = tuple(p for p in _POWERS if p[0] < levels[0] and p[1] < levels[1])
    terms = _terms(points, cells, scales, powers)
    if np.linalg.matrix_rank(terms) < len(powers):
        raise ValueError(
            f"{len(cells)} cells do not determine a polynomial of {len(powers)} terms: add cells"
        )
    scores = np.array([cell.scores for cell in cells])
    by_seed = np.linalg.lstsq(terms, scores, rcond=None)[0].T
    return Surface(tuple(cells), scales, higher_is_better, powers, by_seed, _resampled(by_seed))


def _resampled(by_seed: Float64[np.ndarray, "seeds terms"]) -> Float64[np.ndarray, "_ terms"]:
    seeds = len(by_seed)
    generator = np.random.default_rng(0)
    mean = by_seed.mean(axis=0)
    weights = generator.standard_normal((RESAMPLES, seeds)) / math.sqrt(seeds * (seeds - 1))
    chi = np.sqrt(generator.chisquare(seeds - 1, (RESAMPLES, 1)) / (seeds - 1))
    return np.asarray(mean + (weights @ (by_seed - mean)) / chi)


def _terms(
    points: Sequence[Point],
    cells: Sequence[Cell],
    scales: tuple[Scale, Scale],
    powers: Sequence[tuple[int, int]],
) -> Float64[np.ndarray, "points terms"]:
    """Products of powers of both settings, each scaled to -1 to 1 over the grid."""
    columns = []
    for axis in (0, 1):
        grid = _on(np.array([(cell.x, cell.y)[axis] for cell in cells]), scales[axis])
        values = _on(np.array([point[axis] for point in points]), scales[axis])
        columns.append((2 * values - grid.min() - grid.max()) / np.ptp(grid))
    return np.stack([columns[0] ** i * columns[1] ** j for i, j in powers], axis=1)


def _on(values: Float64[np.ndarray, " n"], scale: Scale) -> Float64[np.ndarray, " n"]:
    values = values.astype(np.float64)
    return np.log(values) if scale == "log" else values


def _spaced(levels: Sequence[float], scale: Scale) -> list[float]:
    """Even steps from the smallest to the largest level, and the levels themselves."""
    make = np.geomspace if scale == "log" else np.linspace
    return sorted({*make(levels[0], levels[-1], _STEPS).tolist()[1:-1], *levels})


def _refuse_unfit(cells: Sequence[Cell], scales: tuple[Scale, Scale]) -> None:
    seeds = {len(cell.scores) for cell in cells}
    if len(seeds) != 1 or min(seeds) < 2:
        raise ValueError(f"a surface needs the same two seeds or more in each cell, not {seeds}")
    for axis, scale in enumerate(scales):
        levels = {(cell.x, cell.y)[axis] for cell in cells}
        if len(levels) < 2:
            raise ValueError(f"setting {'xy'[axis]} has one level, {levels.pop()}: nothing to fit")
        if scale == "log" and min(levels) <= 0:
            raise ValueError(
                f"setting {'xy'[axis]} is {min(levels)}: a log scale needs more than 0"
            )
