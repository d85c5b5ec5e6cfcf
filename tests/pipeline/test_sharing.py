"""Threads and GPUs of the stages of a run."""

from pathlib import Path

import pytest
import torch

from babyllama.pipeline.sharing import Machine, this_machine, threads_of, with_share
from babyllama.recipe import Recipe
from babyllama.runs.artefact import Stage


@pytest.mark.parametrize(
    ("stage", "threads"),
    [
        ("teachers/llama", 4),  # 2 teachers
        ("students/distilled", 2),  # 3 students
        ("signal", 2),
        ("evaluation", 1),  # 5 models, and 8 cores
        ("tokens", 8),
        ("report", 8),
    ],
)
def test_stages_that_can_run_side_by_side_share_the_cores(tiny_recipe, stage, threads):
    tree = tiny_recipe.model_dump(mode="json")
    tree["students"]["second"] = tree["students"]["distilled"]
    assert threads_of(Recipe.model_validate(tree), stage, Machine(cores=8)) == threads


def test_students_that_wait_for_each_other_do_not_share_the_cores(tiny_recipe):
    tree = tiny_recipe.model_dump(mode="json")
    for name, teacher in (("second", "distilled"), ("third", "second")):
        tree["students"][name] = tree["students"]["distilled"] | {"teachers": [teacher]}
    recipe = Recipe.model_validate(tree)
    assert threads_of(recipe, "students/second", Machine(cores=8)) == 4
    assert threads_of(recipe, "students/distilled", Machine(cores=8)) == 4


def test_a_stage_has_a_thread_however_few_cores_there_are(tiny_recipe):
    assert threads_of(tiny_recipe, "teachers/llama", Machine(cores=1)) == 1


def test_a_stage_on_a_gpu_has_all_threads_and_one_gpu(tiny_recipe):
    machine = Machine(cores=8, gpus=2)
    assert threads_of(tiny_recipe, "teachers/llama", machine) == 8
    assert machine.capacity == 2
    assert machine.taken_by(8) == 1


def test_a_stage_is_built_with_its_share_and_the_threads_are_restored(tiny_recipe, tmp_path):
    seen = []

    def build(folder: Path) -> dict[str, object]:
        seen.append((folder, torch.get_num_threads()))
        return {"made": True}

    before = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        stage = Stage("llama", tmp_path, "pretraining", 1, tiny_recipe, {}, build)
        facts = with_share(stage, tiny_recipe, "teachers/llama").build(tmp_path)
        assert torch.get_num_threads() == this_machine().cores == 4
    finally:
        torch.set_num_threads(before)
    assert (facts, seen) == ({"made": True}, [(tmp_path, 2)])
