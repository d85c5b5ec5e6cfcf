"""What a grid says of its best setting."""

import numpy as np

from babyllama.studies.comparing import Pair, Side
from babyllama.studies.report.best_setting import best_setting


def test_the_best_setting_of_a_grid_is_told_with_what_was_left_out(grid, claim):
    lines = best_setting(grid).text
    assert (
        lines[0] == "dev_cross_entropy: cells that lack a seed and are left out of the surface: 1."
    )
    assert lines[1].startswith("dev_cross_entropy is best at temperature 2")
    assert "the best setting is not shown to be better than temperature=2,alpha=0.5" in lines[2]
    assert best_setting(claim) is None


def test_large_values_have_no_exponent(study, findings_of):
    made = study(
        name="words",
        vary={"corpus.words": [1_500, 5_000, 15_000],
              "students.distilled.training.epochs": [3, 6, 12]},
        measure=["dev_cross_entropy"],
    )  # fmt: skip

    def means(cell):
        words, epochs = cell.changes.values()
        return {"distilled": (0.7, 9 - 0.5 * np.log(words) - 0.3 * np.log(epochs))}

    side = Side("words=1500,epochs=3", "distilled")
    other = Side("words=15000,epochs=12", "distilled")
    (line, *_) = best_setting(findings_of(made, means, [Pair(side, other, "better")])).text
    assert "best at words 15,000 (95% interval 15,000 to 15,000) and epochs 12" in line
