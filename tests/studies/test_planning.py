"""The plan of a study: what is made once, what that takes, what is left."""

import pytest

from babyllama.pipeline import timing
from babyllama.pipeline.planning import plan
from babyllama.pipeline.sharing import Machine
from babyllama.studies.cells import trials_of
from babyllama.studies.planning import plan_study, time_left, total_flops


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


def test_the_time_left_is_that_of_what_is_not_made_and_a_shape_is_timed_once(
    small_study, tmp_path, monkeypatch
):
    timed = []
    monkeypatch.setattr(timing, "trial_flops", lambda part, _: timed.append(part) or 1e6)
    study = small_study(vary={"students.distilled.training.epochs": [1, 2]}, compare=[
        {"ours": "epochs=1", "theirs": "epochs=2"}])  # fmt: skip
    planned = plan_study(trials_of(study, tmp_path), tmp_path)
    stages = time_left(planned, Machine(cores=2), None)
    assert sum(stage.flops for stage in stages) == total_flops(planned.open())
    assert len(timed) == 2, "of LLaMA, which students have too, and of GPT-2; not of epochs"
    assert {stage.taken for stage in stages} == {1}, "run gives each of two models one core"
    assert {stage.taken for stage in time_left(planned, Machine(cores=2), 1)} == {2}


def test_finished_trainings_of_a_study_say_how_fast_more_seeds_are(finished, small_study):
    planned = plan_study(trials_of(small_study(seeds=3), finished), finished)
    stages = time_left(planned, Machine(cores=1), 1)
    assert {stage.name for stage in stages} == {"teachers/llama", "teachers/gpt2", "signal",
                                                "students/distilled", "students/twin"}  # fmt: skip
    assert {stage.speed.known for stage in stages} == {"finished"}


def test_nothing_is_left_of_a_finished_study(finished, small_study):
    planned = plan_study(trials_of(small_study(), finished), finished)
    assert time_left(planned, Machine(cores=1), 1) == []
