"""Cells and trials: what is varied, what is kept."""

import pytest

from babyllama.errors import InputError
from babyllama.studies.cells import BASE, cells_of, recorded_trials, trials_of
from babyllama.studies.study import load_study

TEXT = """name: mine
question: Which?
recipe: mini
vary:
  students.distilled.temperature: [1, 2]
seeds: 2
compare: [{ours: temperature=1, theirs: temperature=2}]
"""


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
    assert caught.value.what.startswith("study small: vary, cell temperatur=1: ")
    assert "temperature" in f"{caught.value.why} {caught.value.mend}"


def test_nobody_wrote_set_on_the_command_line(tmp_path):
    text = TEXT.replace("temperature", "temprature")
    path = tmp_path / "mine.yaml"
    for changed, says in (
        (text, f"{path}: vary, cell temprature=1: students.distilled.temprature is not a field"),
        (TEXT + "set: {corpus.wrods: 9}\n", f"{path}: set: corpus.wrods is not a field"),
        (TEXT.replace("mini", "minni"), f"{path}: recipe 'minni' not found"),
    ):
        path.write_text(changed, encoding="utf-8")
        with pytest.raises(InputError) as caught:
            trials_of(load_study(str(path)), tmp_path)
        assert caught.value.what == says
    path.write_text(TEXT, encoding="utf-8")
    with pytest.raises(InputError, match=r"^--set corpus\.wrods=9: corpus"):
        trials_of(load_study(str(path), settings=["corpus.wrods=9"]), tmp_path)


def test_a_change_keeps_the_type_of_its_value(small_study, tmp_path):
    """JSON writes 1e-06, which YAML 1.1 reads as text."""
    values = [1e-6, 1e-5]
    path = "students.distilled.model.settings.layer_norm_eps"
    model = {"model_type": "other", "architecture": "gpt_neox", "settings": {
        "hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 1,
        "intermediate_size": 32}}  # fmt: skip
    vary = {path: values, "corpus.source.path": ["1e-6", "a: {b}\n'c' \"é\""]}
    study = small_study(vary=vary, set={"students.distilled.model": model})
    found = [trial.recipe for trial in trials_of(study, tmp_path)[::2]]
    settings = [each.students["distilled"].model.settings for each in found]
    assert [each["layer_norm_eps"] for each in settings] == [1e-6, 1e-6, 1e-5, 1e-5]
    assert [f"{each.corpus.source.path}" for each in found[:2]] == vary["corpus.source.path"]


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
