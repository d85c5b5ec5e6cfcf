"""Which models the page shows."""

import shutil

import pytest
from random_models import random_model, variant

from babyllama.errors import InputError
from babyllama.models.precision import pick_device
from babyllama.play.models import load_cast


def loaded(**given):
    return load_cast(given, device=pick_device())


def names(group):
    return [model.name for model in group.models]


def test_a_run_gives_its_teachers_their_ensemble_students_and_twins(cast, group, play_run):
    assert names(group) == ["llama", "gpt2", "ensemble", "distilled", "twin"]
    roles = ["teacher", "teacher", "ensemble", "student", "twin"]
    assert [model.role for model in group.models] == roles
    assert (group.reference, group.positions, cast.notes) == ("ensemble", 256, ())
    assert cast.runs == {"": play_run.folder}
    assert list(cast.lessons) == ["distilled"]
    assert cast.lessons["distilled"].teachers == ("llama", "gpt2")


def test_a_run_beside_a_model_has_its_name_before_those_of_its_models(
    play_run, tokenizer, tmp_path
):
    single = random_model("gpt2", variant(tokenizer), tmp_path / "single")
    found = loaded(mine=play_run.folder, single=single)
    assert names(found.groups[0])[-2:] == ["mine/twin", "single"]
    assert found.groups[0].reference == "mine/ensemble"
    assert found.lessons["mine/distilled"].teachers == ("mine/llama", "mine/gpt2")


def test_models_of_other_vocabularies_are_shown_apart(play_run, tokenizer, tmp_path):
    library = variant(tokenizer)
    library.add_tokens(["xylophone"])
    other = random_model("llama", library, tmp_path / "other")
    found = loaded(mine=play_run.student("twin"), other=other)
    assert [names(group) for group in found.groups] == [["mine"], ["other"]]
    assert [group.reference for group in found.groups] == [None, None]
    assert found.notes[0].startswith("Models of different vocabularies are shown apart")


def test_an_unfinished_model_is_left_out_and_named(play_run, tmp_path):
    folder = tmp_path / "unfinished"
    shutil.copytree(play_run.folder, folder)
    (folder / "teachers" / "gpt2" / "manifest.json").unlink()
    found = loaded(run=folder)
    assert names(found.groups[0]) == ["llama", "distilled", "twin"]
    assert found.groups[0].reference == "llama"
    assert (found.lessons, len(found.notes)) == ({}, 1)
    assert "teacher gpt2" in found.notes[0]


def test_folders_without_models_to_show_are_refused(play_run, tokenizer, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty is neither a run nor a model"):
        loaded(empty=tmp_path / "empty")
    (tmp_path / "fresh").mkdir()
    shutil.copytree(play_run.tokens, tmp_path / "fresh" / "tokens")
    shutil.copy(play_run.recipe, tmp_path / "fresh")
    with pytest.raises(InputError, match="no finished model to play with"):
        loaded(fresh=tmp_path / "fresh")
    masked = random_model("bert", variant(tokenizer, masks=True), tmp_path / "masked")
    with pytest.raises(InputError, match="is masked, not a causal language model"):
        loaded(masked=masked)


def test_two_models_of_one_name_are_refused(play_run):
    with pytest.raises(InputError, match="two models are called a/twin"):
        loaded(**{"a": play_run.folder, "a/twin": play_run.student("twin")})
