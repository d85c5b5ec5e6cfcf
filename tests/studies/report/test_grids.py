"""Grids: axes, scales, and surfaces where cells are complete."""

import pytest

from babyllama.scores.surfaces import Surface
from babyllama.studies.cells import cells_of
from babyllama.studies.report.grids import Axis, at, axes_of, surface_of


def test_axes_are_the_fields_that_vary(study, grid):
    assert [axis.name for axis in axes_of(grid.study)] == ["temperature", "alpha"]
    assert axes_of(study()) == []
    assert axes_of(study(vary=[{"name": "one"}])) == []
    one = study(vary={"students.distilled.temperature": [1, 2], "batch_size": [8]})
    assert [axis.name for axis in axes_of(one)] == ["temperature"]
    assert at(axes_of(grid.study), cells_of(grid.study)[7]) == (1, 2)


def test_what_spans_a_factor_of_four_is_on_a_log_scale():
    assert Axis("a", "a", (1, 2, 4)).scale == "log"
    assert Axis("a", "a", (1, 2, 3)).scale == "linear"
    assert Axis("a", "a", (0, 1)).scale == "linear"
    assert Axis("a", "a", ("adam", "sam")).numbers is None
    assert Axis("a", "a", (True, False)).numbers is None


def test_cells_that_lack_a_seed_are_left_out_of_the_surface(grid):
    axes, cells = axes_of(grid.study), grid.cells
    scores = {c.name: grid.values(grid.main(c), "dev_cross_entropy") for c in cells}
    found = surface_of(axes, cells, scores, (0, 1, 2), higher_is_better=False)
    assert isinstance(found, Surface)
    assert len(found.cells) == 14
    assert found.optimum.x == pytest.approx(2, rel=0.1)
    few = {name: own if "alpha=0.5" in name else {} for name, own in scores.items()}
    assert "one level" in surface_of(axes, cells, few, (0, 1, 2), higher_is_better=False)
    words = [Axis(axes[0].path, "a", ("x", "y")), axes[1]]
    assert "numbers" in surface_of(words, cells, scores, (0, 1, 2), higher_is_better=False)
