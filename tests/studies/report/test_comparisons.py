"""The declared comparisons: sentences and forest plots, or a table of many."""

from babyllama.studies.report.comparisons import comparisons
from babyllama.studies.report.decided import decide_all


def test_few_comparisons_get_sentences_and_forest_plots(claim, grid):
    found = comparisons(claim, *decide_all(claim.study, claim.pairs, claim.outcomes))
    assert len(found.figures) == 2
    assert found.points[0].startswith("distilled is better than twin on dev_cross_entropy: 0.0")
    many = comparisons(grid, *decide_all(grid.study, grid.pairs, grid.outcomes))
    assert many.figures == ()
    assert all("seeds have both" in point for point in many.points)
    assert [len(table.rows) for table in many.tables] == [14]
