"""A study's history has an entry for each change, with the trials that were finished by then."""

import json

import pytest

from babyllama.studies.cells import trials_of
from babyllama.studies.history import HISTORY, read_history, record, unnamed_trials
from babyllama.studies.store import ADDRESSES


def finish(trial):
    trial.folder.mkdir(parents=True)
    (trial.folder / ADDRESSES).write_text("{}", encoding="utf-8")


@pytest.mark.parametrize(
    "change",
    [
        {"seeds": 3},
        {"decide": {"smallest": {"blimp": 5}}},
        {"set": {"students.distilled.alpha": 0.3}},
        {"vary": {"students.distilled.temperature": [1, 2, 4]}},
        {"unlike": "mark"},
        {"recipe": "mini"},
    ],
)
def test_whatever_changes_is_recorded_once(small_study, tmp_path, change):
    record(small_study(), tmp_path)
    for trial in trials_of(small_study(), tmp_path):
        finish(trial)
    for _ in range(2):
        record(small_study(**change), tmp_path)
    assert [each.finished for each in read_history(tmp_path)] == [0, 4]


def test_a_recipe_that_was_moved_is_no_change(small_study, tmp_path):
    record(small_study(recipe="/a/base.yaml"), tmp_path)
    record(small_study(recipe="/b/base.yaml"), tmp_path)
    assert len(read_history(tmp_path)) == 1


def test_the_history_of_an_older_release_is_read_and_continued(small_study, tmp_path):
    rule = small_study().model_dump(
        mode="json", include={"compare", "decide", "measure", "student"}
    )
    old = [{"rule": rule, "finished_trials": 0}]
    (tmp_path / HISTORY).write_text(json.dumps(old), encoding="utf-8")
    record(small_study(), tmp_path)
    first, second = read_history(tmp_path)
    assert (first.rule, first.seeds, first.others) == (second.rule, None, None)
    assert second.seeds == (0, 1)


def test_finished_trials_that_the_study_does_not_name_are_found(small_study, tmp_path):
    for trial in trials_of(small_study(seeds=3), tmp_path)[:3]:
        finish(trial)
    assert unnamed_trials(trials_of(small_study(), tmp_path), tmp_path) == ("temperature=1 seed 2",)
