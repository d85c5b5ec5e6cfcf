"""The plan of a study: what is made once, what that takes, what is left."""

import pytest

from babyllama.pipeline.planning import plan
from babyllama.studies.cells import trials_of
from babyllama.studies.planning import plan_study, total_flops


def test_what_trials_share_counts_once(small_study, tmp_path):
    trials = trials_of(small_study(), tmp_path)
    planned = plan_study(trials, tmp_path)
    alone = plan(trials[0].recipe, tmp_path / "alone")
    distilled = next(each.flops for each in alone.models if each.name == "distilled")
    # Two seeds of a run, and the student of the second temperature for each.
    assert total_flops(planned.needs.values()) == pytest.approx(2 * alone.flops + 2 * distilled)
    assert len(planned.open()) == len(planned.needs)


def test_what_is_read_comes_before_what_reads_it(small_study, tmp_path):
    needs = plan_study(trials_of(small_study(), tmp_path), tmp_path).needs
    places = {folder: number for number, folder in enumerate(needs)}
    for folder, need in needs.items():
        assert all(places[each] < places[folder] for each in need.made.needs)


def test_a_given_teacher_takes_nothing(finished, small_study, tmp_path):
    teacher = str((finished / "trials/temperature=1/seed-0/teachers/gpt2").resolve())
    study = small_study(vary={}, set={"teachers.gpt2": {"path": teacher}})
    needs = plan_study(trials_of(study, tmp_path), tmp_path).needs.values()
    assert {need.made.name: need.flops for need in needs}["teachers/gpt2"] == 0
