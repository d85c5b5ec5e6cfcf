"""Tables of cells, and the figure that fits."""

from babyllama.studies.report.cell_tables import every_cell, other_models


def test_one_way_grids_have_curves_and_two_way_grids_heat_maps(curve, grid, claim):
    assert [each.file for each in every_cell(curve).figures] == ["cells-0.svg", "cells-1.svg"]
    assert "bands" in every_cell(curve).figures[0].caption
    assert "half the 95% interval" in every_cell(grid).figures[0].caption
    assert every_cell(claim).figures == ()


def test_models_beside_the_main_students_have_a_table(claim, grid):
    (table,) = other_models(claim).tables
    assert [row[0] for row in table.rows] == ["twin", "llama"]
    assert other_models(grid) is None


def test_a_cell_without_a_value_is_missing(claim):
    (table,) = every_cell(claim).tables
    assert "missing" not in table.rows[0]
    without = claim.study.model_copy(update={"measure": ("grammar", "blimp")})
    object.__setattr__(claim, "study", without)
    try:
        assert every_cell(claim).tables[0].rows[0][-1] == "missing"
    finally:
        object.__setattr__(claim, "study", without.model_copy(update={"measure": None}))
