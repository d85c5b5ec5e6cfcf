"""Cells and trials: what is varied, what is kept."""

import pytest

from babyllama.errors import InputError
from babyllama.studies.cells import BASE, cells_of, recorded_trials, trials_of
from babyllama.studies.study import load_study


def test_a_grid_has_a_cell_for_each_combination(small_study):
    vary = {
        "students.distilled.temperature": [1, 2.5],
        "students.distilled.training.windows": [
            {"kind": "fixed"},
            {"kind": "shifted", "passes": 2},
        ],
    }
    assert [cell.name for cell in cells_of(small_study(vary=vary))] == [
        "temperature=1,windows=fixed",
        "temperature=1,windows=shifted-2",
        "temperature=2.5,windows=fixed",
        "temperature=2.5,windows=shifted-2",
    ]


def test_fields_of_one_name_are_told_apart(small_study):
    vary = {"teachers.llama.training.epochs": [1], "teachers.gpt2.training.epochs": [2]}
    assert (
        cells_of(small_study(vary=vary))[0].name == "llama_training_epochs=1,gpt2_training_epochs=2"
    )


def test_a_study_that_varies_nothing_has_one_cell(small_study):
    assert [cell.name for cell in cells_of(small_study(vary={}))] == [BASE]


def test_a_trial_has_its_cells_changes_and_its_seed(small_study, tmp_path):
    trials = trials_of(small_study(), tmp_path)
    found = [(t.recipe.students["distilled"].temperature, t.recipe.seed) for t in trials]
    assert found == [(1, 0), (1, 1), (2, 0), (2, 1)]
    assert trials[1].folder == tmp_path / "trials/temperature=1/seed-1"


def test_seeds_do_not_change_the_text(tmp_path):
    study = load_study("replication", seeds=2)
    assert {t.recipe.corpus.source.seed for t in trials_of(study, tmp_path)} == {0}


def test_a_change_that_names_no_field_is_refused_with_the_cell(small_study, tmp_path):
    with pytest.raises(InputError) as caught:
        trials_of(small_study(vary={"students.distilled.temperatur": [1]}), tmp_path)
    assert "cell temperatur=1" in caught.value.what
    assert "temperature" in f"{caught.value.why} {caught.value.mend}"


def test_a_signal_that_is_chosen_automatically_is_stored_where_it_can_be(small_study, tmp_path):
    windows = {"students.distilled.training.windows": [{"kind": "fixed"}, {"kind": "jittered"}]}
    study = small_study(set={"signal": {"kind": "auto"}}, vary=windows)
    kinds = [trial.recipe.signal.kind for trial in trials_of(study, tmp_path)]
    assert kinds == ["hidden", "hidden", "online", "online"]


def test_the_epochs_of_a_twin_with_matched_compute_follow_from_its_cell(small_study, tmp_path):
    vary = {"students.distilled.training.epochs": [2, 20]}
    compare = [{"ours": "epochs=2", "theirs": "epochs=20"}]
    change = {"students.twin.compute": "matched"}
    study = small_study(vary=vary, set=change, compare=compare)
    few, _, many, _ = (
        trial.recipe.pretraining("twin").training.epochs for trial in trials_of(study, tmp_path)
    )
    assert 2 < few < many


def test_a_recipe_that_is_written_in_a_study_needs_no_name(small_study, tmp_path):
    study = small_study(recipe={"extends": "mini"}, vary={})
    assert trials_of(study, tmp_path)[0].recipe.tokenizer.vocab_size == 1280


def test_results_are_read_where_the_base_recipe_is_gone(small_study, finished, tmp_path, capsys):
    study = small_study()
    kept = recorded_trials(study, finished)
    moved = study.model_copy(update={"recipe": str(tmp_path / "gone.yaml")})
    assert recorded_trials(moved, finished) == kept
    assert "gone.yaml is not there: the recipes in" in capsys.readouterr().err
    with pytest.raises(InputError, match="the base recipe of") as caught:
        recorded_trials(moved, tmp_path)
    assert "recipe.yaml is missing" in caught.value.why
