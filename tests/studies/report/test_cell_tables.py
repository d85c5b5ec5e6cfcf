"""Tables of cells, and the figure that fits."""

from dataclasses import replace

from babyllama.studies.report.cell_tables import every_cell, every_model, other_models
from babyllama.studies.study import ABOVE_ENTROPY


def test_one_way_grids_have_curves_and_two_way_grids_heat_maps(curve, grid):
    assert [each.file for each in every_cell(curve).figures] == ["cells-0.svg", "cells-1.svg"]
    assert "bands" in every_cell(curve).figures[0].caption
    assert "half the 95% interval" in every_cell(grid).figures[0].caption


def test_a_study_of_one_cell_shows_the_dev_loss_of_student_and_twin(claim):
    (curves,) = every_model(claim).figures
    assert curves.file == "curves.svg"
    assert ">distilled<" in curves.svg
    assert ">twin<" in curves.svg
    assert ">llama<" not in curves.svg  # a teacher


def test_a_study_of_one_cell_has_all_models_in_one_table(claim):
    (table,) = every_model(claim).tables
    assert [row[0] for row in table.rows] == ["distilled", "twin", "llama"]
    assert table.head == ("model", "seeds", "dev_cross_entropy", "grammar")
    outcomes = tuple(
        replace(each, values={**each.values, ABOVE_ENTROPY: 0.85}) for each in claim.outcomes
    )
    (known,) = every_model(replace(claim, outcomes=outcomes)).tables
    assert (known.head[-1], known.rows[0][-1]) == (ABOVE_ENTROPY, "0.850 (0.850 to 0.850)")


def test_what_cells_share_has_one_row(grid):
    assert other_models(grid) is None  # it has the main students alone
    twins = tuple(
        replace(each, model="twin", values={"dev_cross_entropy": 2.0 + each.seed, "grammar": 70.0})
        for each in grid.outcomes
    )
    first, second = (cell.name for cell in grid.cells[:2])
    few = tuple(each for each in twins if each.cell in (first, second))
    (table,) = other_models(replace(grid, outcomes=(*grid.outcomes, *few))).tables
    assert [row[:3] for row in table.rows] == [("twin", f"{first}, {second}", "3 of 3")]
    (table,) = other_models(replace(grid, outcomes=(*grid.outcomes, *twins))).tables
    assert [row[:2] for row in table.rows] == [("twin", "every cell")]


def test_a_cell_without_a_value_is_missing(claim):
    (table,) = every_cell(claim).tables
    assert "missing" not in table.rows[0]
    without = claim.study.model_copy(update={"measure": ("grammar", "blimp")})
    object.__setattr__(claim, "study", without)
    try:
        assert every_cell(claim).tables[0].rows[0][-1] == "missing"
    finally:
        object.__setattr__(claim, "study", without.model_copy(update={"measure": None}))
