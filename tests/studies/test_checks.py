"""A study is refused before anything is made, and `--dry-run` refuses what the run would."""

import re

import pytest

from babyllama.errors import InputError
from babyllama.pipeline import planning
from babyllama.studies import checks
from babyllama.studies.checks import check_inputs, chosen_trials
from babyllama.studies.planning import plan_study

GRID = {"students.distilled.temperature": [1, 2]}
MODELS = [{"ours": "distilled", "theirs": "twin"}]


def refusal(study, out):
    with pytest.raises(InputError) as caught:
        chosen_trials(study, out)
    return f"{caught.value}"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"student": "distiled"}, "student is 'distiled'.*Did you mean distilled"),
        ({"student": "llama"}, "cell temperature=1 has no such student"),
        ({"vary": {"seed": [1, 2]}}, "vary: seed has no effect.*Use `seeds:`"),
        ({"vary": [{"name": "a", "set": {"seed": 4}}]}, "vary: seed has no effect"),
        ({"set": {"seed": 5}}, "study small: set: seed has no effect"),
        (
            {"set": {"students.distilled.temperature": 3}},
            "students.distilled.temperature is in vary",
        ),
        (
            {"vary": {"students.distilled.temperature": [1, 1.0]}},
            "cells temperature=1 and temperature=1.0",
        ),
        ({"vary": [{"name": "a"}, {"name": "b"}]}, "cells a and b have the same recipe"),
        (
            {"decide": {"smallest": {"dev_cross_entropi": 0.1}}},
            "decide.smallest.dev_cross_entropi.*Did you mean dev_cross_entropy",
        ),
        ({"measure": ["dev_cross_entropi"]}, "Did you mean dev_cross_entropy"),
    ],
)
def test_what_names_nothing_or_has_no_effect_is_refused(small_study, tmp_path, changes, says):
    said = refusal(small_study(**{"compare": MODELS, **changes}), tmp_path)
    assert re.search(says, " ".join(said.split()))


def test_a_change_for_every_cell_that_one_named_cell_replaces_is_kept(small_study, tmp_path):
    path = "students.distilled.temperature"
    study = small_study(
        set={path: 3}, vary=[{"name": "a"}, {"name": "b", "set": {path: 4}}], compare=MODELS
    )
    found = [
        trial.recipe.students["distilled"].temperature for trial in chosen_trials(study, tmp_path)
    ]
    assert found == [3, 3, 4, 4]


def test_a_margin_of_a_benchmark_that_this_scale_does_not_have_is_kept(small_study, tmp_path):
    rule = {"smallest": {"ewok": 1, "grammar": 1, "copying/text": 0.1, "nats_above_entropy": 0.1}}
    assert len(chosen_trials(small_study(decide=rule), tmp_path)) == 4


def test_one_cell_may_be_chosen(small_study, tmp_path):
    assert {t.cell for t in chosen_trials(small_study(), tmp_path, "temperature=2")} == {
        "temperature=2"
    }
    with pytest.raises(InputError, match="--only temperature=3: no such cell"):
        chosen_trials(small_study(), tmp_path, "temperature=3")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"evaluation.benchmarks": {"blimp": "/nowhere/blimp"}},
            "study small: cell temperature=1: .*/nowhere/blimp",
        ),
        ({"students.distilled.training.window": 100_000}, "the model has only 64 positions"),
        ({"corpus.source.path": "/nowhere"}, "/nowhere"),
    ],
)
def test_what_the_run_would_refuse_is_refused(small_study, tmp_path, change, says):
    planned = plan_study(chosen_trials(small_study(set=change), tmp_path), tmp_path)
    with pytest.raises(InputError, match=says):
        check_inputs(small_study(), planned, tmp_path)


def test_a_full_disk_is_refused_with_an_option_that_the_command_has(
    small_study, tmp_path, monkeypatch
):
    planned = plan_study(chosen_trials(small_study(), tmp_path), tmp_path)
    monkeypatch.setattr(planning, "free_disk", lambda _: 10)
    with pytest.raises(InputError, match="--out DIR") as caught:
        check_inputs(small_study(), planned, tmp_path)
    assert "--run-dir" not in f"{caught.value}"
    monkeypatch.undo()
    monkeypatch.setattr(checks, "free_disk", lambda _: 10)
    with pytest.raises(InputError, match=r"(?s)its disk has 10 bytes free.*--out DIR"):
        check_inputs(small_study(), planned, tmp_path)
