"""A study whose cells are a grid: its settings as axes, and its response surface."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from babyllama.scores.surfaces import Cell as Scored
from babyllama.scores.surfaces import Scale, Surface, fitted
from babyllama.studies.cells import Cell
from babyllama.studies.study import StudyRecipe

_LOG_FROM = 4  # times the smallest value: a setting that spans more is shown on a log scale


@dataclass(frozen=True)
class Axis:
    """A varied field.

    Attributes:
        name: the last part of its path.
        levels: its values, in the file's order.
    """

    path: str
    name: str
    levels: tuple[object, ...]

    @property
    def numbers(self) -> tuple[float, ...] | None:
        """The levels as numbers; None where one is none."""
        if any(isinstance(x, bool) or not isinstance(x, int | float) for x in self.levels):
            return None
        return tuple(float(x) for x in self.levels if isinstance(x, int | float))

    @property
    def scale(self) -> Scale:
        """Logarithmic where all levels are above 0 and span a factor of 4 or more."""
        numbers = self.numbers or (0.0,)
        return "log" if min(numbers) > 0 and max(numbers) >= _LOG_FROM * min(numbers) else "linear"


def axes_of(study: StudyRecipe) -> list[Axis]:
    """The fields of a grid that have several values; empty where the cells are no grid."""
    if not isinstance(study.vary, dict):
        return []
    return [
        Axis(path, path.rpartition(".")[2], tuple(values))
        for path, values in study.vary.items()
        if len(values) > 1
    ]


def at(axes: Sequence[Axis], cell: Cell) -> tuple[int, ...]:
    """Where a cell is in the grid."""
    return tuple(axis.levels.index(cell.changes[axis.path]) for axis in axes)


def surface_of(
    axes: Sequence[Axis],
    cells: Sequence[Cell],
    scores: Mapping[str, Mapping[int, float]],
    seeds: Sequence[int],
    *,
    higher_is_better: bool,
) -> Surface | str:
    """The response surface of a two-way grid of numbers, or why there is none.

    Args:
        scores: of each cell's main student, by seed. Cells that lack a seed are left out.
    """
    if len(axes) != 2 or any(axis.numbers is None for axis in axes):
        return "it takes two settings that are numbers"
    complete = [cell for cell in cells if set(scores[cell.name]) == set(seeds)]
    points = [
        Scored(
            float(str(cell.changes[axes[0].path])),
            float(str(cell.changes[axes[1].path])),
            tuple(scores[cell.name][seed] for seed in seeds),
        )
        for cell in complete
    ]
    try:
        return fitted(
            points, scales=(axes[0].scale, axes[1].scale), higher_is_better=higher_is_better
        )
    except ValueError as error:
        return str(error)
