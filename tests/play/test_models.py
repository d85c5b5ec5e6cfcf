"""Which models the page shows."""

import shutil

import pytest
from random_models import random_model, variant

from babyllama.errors import InputError
from babyllama.play.finding import find_models
from babyllama.play.opening import Opening, load


def loaded(**given):
    return load(find_models(given), Opening())


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


def test_a_model_that_reads_in_another_way_is_refused(tokenizer, tmp_path):
    masked = random_model("bert", variant(tokenizer, masks=True), tmp_path / "masked")
    with pytest.raises(InputError, match="is masked, not a causal language model"):
        loaded(masked=masked)
