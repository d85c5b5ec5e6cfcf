"""Which model of a run is published, and which of its files."""

import pytest
from small_folders import small_run

from babyllama.errors import InputError
from babyllama.publish.choosing import chosen_model, models_with_folders, published_files
from babyllama.recipe import Given
from babyllama.runs.run import read_run


def test_without_a_name_the_only_distilled_student_is_chosen(tiny_recipe, tmp_path):
    run = read_run(small_run(tmp_path / "run", tiny_recipe).folder)
    assert chosen_model(run, None).name == "distilled"
    assert chosen_model(run, "llama").name == "llama"
    assert [model.name for model in models_with_folders(run)] == [
        "llama", "gpt2", "distilled", "twin"
    ]  # fmt: skip


def test_a_model_that_the_run_did_not_train_is_refused(tiny_recipe, tmp_path):
    teachers = {**tiny_recipe.teachers, "old": Given(path="models/old")}
    recipe = tiny_recipe.model_copy(update={"teachers": teachers})
    run = read_run(small_run(tmp_path / "run", recipe).folder)
    assert "old" not in [model.name for model in models_with_folders(run)]
    with pytest.raises(InputError, match=r"old was given to .*, which did not train it"):
        chosen_model(run, "old")


def test_several_distilled_students_need_a_name(tiny_recipe, tmp_path):
    students = {"second": tiny_recipe.students["distilled"], **tiny_recipe.students}
    two = tiny_recipe.model_copy(update={"students": students})
    run = read_run(small_run(tmp_path / "run", two).folder)
    with pytest.raises(InputError, match=r"2 distilled students\n  .*--model llama \| gpt2"):
        chosen_model(run, None)


def test_files_are_those_of_the_model_or_of_one_checkpoint_without_the_log():
    files = ["config.json", "training.jsonl", "chck_1M/config.json", "chck_2M/config.json"]
    manifest = {"files": {name: {"size": 1} for name in files}}
    assert published_files(manifest).keys() == {"config.json"}
    assert published_files(manifest, "chck_2M").keys() == {"chck_2M/config.json"}
