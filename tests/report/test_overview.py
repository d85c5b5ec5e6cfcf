"""Several runs beside each other: each student against its own twin."""

from babyllama.report.labelled import Labelled
from babyllama.report.overview import overview
from babyllama.report.scored_run import scored_run
from babyllama.report.wording import judged
from babyllama.runs.run import read_run


def test_a_row_has_a_runs_scores_and_their_difference_and_dashes_for_what_it_lacks(make_run):
    whole = scored_run(read_run(make_run("one", items=40)))
    folder = make_run("two", items=40)
    (folder / "evaluation/twin.json").unlink()
    table = overview([Labelled("one", whole), Labelled("two", scored_run(read_run(folder)))])
    student, twin = (whole.run.model(name) for name in ("distilled", "twin"))
    scores = [f"{whole.result(model, 'grammar').score:.1f}" for model in (student, twin)]
    difference = judged(whole.pair(student, twin, "grammar").difference)
    assert table.rows == (
        ("one", "7", "grammar", *scores, difference),
        ("two", "7", "grammar", scores[0], "–", "–"),
    )
