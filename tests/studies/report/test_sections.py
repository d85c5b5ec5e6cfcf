"""Sections of the page: the best setting, cells, cost, dev loss and benchmarks."""

from babyllama.studies.comparing import Side
from babyllama.studies.report.best_setting import best_setting
from babyllama.studies.report.cell_tables import every_cell, other_models
from babyllama.studies.report.comparisons import comparisons
from babyllama.studies.report.cost import cost
from babyllama.studies.report.decided import decide_all
from babyllama.studies.report.dev_loss import correlation
from babyllama.studies.report.findings import folder_of


def test_the_best_setting_of_a_grid_is_told_with_what_was_left_out(grid, claim):
    lines = best_setting(grid).text
    assert (
        lines[0] == "dev_cross_entropy: cells that lack a seed and are left out of the surface: 1."
    )
    assert lines[1].startswith("dev_cross_entropy is best at temperature 2")
    assert "the best setting is not shown to be better than temperature=2,alpha=0.5" in lines[2]
    assert best_setting(claim) is None


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


def test_few_comparisons_get_sentences_and_forest_plots(claim, grid):
    found = comparisons(claim, *decide_all(claim.study, claim.pairs, claim.outcomes))
    assert len(found.figures) == 2
    assert found.points[0].startswith("distilled is better than twin on dev_cross_entropy: 0.0")
    many = comparisons(grid, *decide_all(grid.study, grid.pairs, grid.outcomes))
    assert many.figures == ()
    assert all("seeds have both" in point for point in many.points)
    assert [len(table.rows) for table in many.tables] == [14]


def test_a_model_that_trials_share_is_counted_once(claim):
    (table,) = cost(claim).tables
    assert table.rows[-1][:3] == ("together", "9", "9.0T")
    assert folder_of(claim.outcomes[0]).name == claim.outcomes[0].model
    assert Side("base", "twin") in claim.found


def test_the_dev_loss_is_correlated_over_models(claim):
    (line,) = correlation(claim).text
    assert "over 9 models of 3 trials" in line
