"""Which stages of a run wait for which. tests/end_to_end/test_line.py makes them side by side."""

import pytest
import torch

from babyllama.pipeline import side_by_side
from babyllama.pipeline.memory import TrainingMemory
from babyllama.pipeline.planning import Plan, PlannedModel
from babyllama.pipeline.sharing import Machine
from babyllama.pipeline.stages import stages
from babyllama.runs.artefact import Status


@pytest.fixture
def jobs(tiny_recipe, tmp_path, monkeypatch):
    """A function: which stages are complete -> the jobs for the others, by name."""
    memory = TrainingMemory(1, 2, 3, 4, 5, 6, 7)
    names = [*tiny_recipe.teachers, *tiny_recipe.students]
    planned = Plan(
        models=tuple(PlannedModel(name, 100, 0, 0.0, lambda: memory) for name in names),
        train_tokens=0, counted=True, signal_bytes=0, flops=0.0, disk_bytes=0,
        signal_flops=0.0, device=torch.device("cpu"),
    )  # fmt: skip

    def make(complete=(), machine=Machine(cores=4)):  # noqa: B008
        monkeypatch.setattr(
            side_by_side.artefact,
            "status",
            lambda stage: Status("complete" if stage.name in complete else "missing"),
        )
        long = [each for each in stages(tiny_recipe, tmp_path) if side_by_side._is_long(each)]
        unfinished = side_by_side._unfinished(long)
        made = side_by_side._jobs(tiny_recipe, tmp_path, unfinished, planned, machine)
        return {job.name: job for job in made}

    return make


def test_teachers_and_twin_wait_for_nothing_and_the_student_for_its_teachers(jobs):
    needs = {name: set(job.needs) for name, job in jobs().items()}
    teachers = {"teachers/llama", "teachers/gpt2"}
    assert needs == {
        "teachers/llama": set(),
        "teachers/gpt2": set(),
        "signal": teachers,
        "students/distilled": {"signal"},
        "students/twin": set(),
    }


def test_what_is_complete_is_no_job_and_keeps_nobody_waiting(jobs):
    complete = {"teachers/llama", "teachers/gpt2", "signal"}
    assert {name: set(job.needs) for name, job in jobs(complete).items()} == {
        "students/distilled": set(),
        "students/twin": set(),
    }


def test_what_reads_an_unfinished_stage_is_made_again(jobs):
    complete = {"teachers/llama", "signal", "students/distilled", "students/twin"}
    assert list(jobs(complete)) == ["teachers/gpt2", "signal", "students/distilled"]


def test_a_job_says_what_it_takes(jobs):
    made = jobs()
    assert {name: job.threads for name, job in made.items()} == dict.fromkeys(made, 2)
    assert made["teachers/llama"].memory == made["students/twin"].memory == 28
    assert made["signal"].memory == 800, "the weights of two teachers"
    assert jobs(machine=Machine(cores=4, gpus=2))["signal"].memory == 0, "each has a GPU to itself"
