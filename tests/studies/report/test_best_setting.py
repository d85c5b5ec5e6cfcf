"""What a grid says of its best setting."""

from babyllama.studies.report.best_setting import best_setting


def test_the_best_setting_of_a_grid_is_told_with_what_was_left_out(grid, claim):
    lines = best_setting(grid).text
    assert (
        lines[0] == "dev_cross_entropy: cells that lack a seed and are left out of the surface: 1."
    )
    assert lines[1].startswith("dev_cross_entropy is best at temperature 2")
    assert "the best setting is not shown to be better than temperature=2,alpha=0.5" in lines[2]
    assert best_setting(claim) is None
