"""The forest plot has a row for each UID, in bands of groups, and the score's own difference."""

import itertools

from babyllama.report.forest import against_twin, by_group, forest_figure
from babyllama.report.scored_run import scored_run
from babyllama.runs.run import read_run


def test_rows_are_in_bands_of_groups_with_the_largest_gain_on_top(make_run):
    scored = scored_run(read_run(make_run()))
    rows = by_group(against_twin(scored).uids)
    groups = [each.group for each in rows]
    assert sum(a != b for a, b in itertools.pairwise(groups)) == len(set(groups)) - 1
    npi = [each.tested.difference.value for each in rows if each.group == "npi"]
    assert npi == sorted(npi)
    drawn = forest_figure(scored)
    for words in ("npi any", "gap filler", "npi", "grammar", "student minus twin"):
        assert words in drawn


def test_nothing_is_drawn_without_a_twin(make_run):
    folder = make_run(items=10)
    (folder / "evaluation/twin.json").unlink()
    assert forest_figure(scored_run(read_run(folder))) is None
