"""The declared comparisons: sentences and forest plots, or a table of many."""

from babyllama.studies.cells import cells_of
from babyllama.studies.comparing import Pair, Side
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


def test_what_teachers_gain_in_each_cell_of_a_grid_is_drawn(study, findings_of):
    made = study(
        name="gain",
        vary={"corpus.words": [5_000, 15_000], "students.distilled.training.epochs": [3, 6]},
        compare=[{"ours": "distilled", "theirs": "twin", "expect": "better"}],
        measure=["dev_cross_entropy"],
    )  # fmt: skip
    pairs = [
        Pair(Side(cell.name, "distilled"), Side(cell.name, "twin"), "better")
        for cell in cells_of(made)
    ]
    means = {"distilled": (0.72, 1.70), "twin": (0.71, 1.80)}
    found = findings_of(made, lambda _: means, pairs)
    (forest,) = comparisons(found, *decide_all(made, pairs, found.outcomes)).figures
    for cell in cells_of(made):
        assert f">{cell.name}<" in forest.svg
    assert forest.svg.count(">distilled minus twin<") == len(pairs)
