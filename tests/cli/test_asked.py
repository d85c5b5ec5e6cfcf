"""Models that a command was asked for: single ones, and a run that stands for its own."""

import shutil

import pytest

from babyllama.cli.asked import asked_of
from babyllama.errors import InputError
from babyllama.recipe import EQUAL_WEIGHTS, to_yaml
from babyllama.runs.layout import Layout
from babyllama.runs.manifests import write_manifest

MADE = {"stage": "pretraining", "version": 1, "recipe": {}, "inputs": {}, "seed": 3}


@pytest.fixture
def layout(tiny_recipe, teachers, tmp_path):
    """A run whose teachers are finished."""
    layout = Layout(tmp_path / "run")
    for folder in teachers:
        write_manifest(shutil.copytree(folder, layout.teacher(folder.name)), MADE, leave_out=())
    layout.recipe.write_text(to_yaml(tiny_recipe))
    return layout


def test_a_run_is_its_finished_models_and_the_ensemble_of_its_teachers(layout, tiny_recipe):
    asked = asked_of([layout.folder], mean_of=None)
    one, two = layout.teachers(tiny_recipe).values()
    assert [(each.name, each.folders) for each in asked.models] == [
        ("llama", [one]), ("gpt2", [two]), ("ensemble", [one, two])
    ]  # fmt: skip
    assert asked.rules == tiny_recipe.evaluation.rules
    assert asked.benchmarks.keys() >= tiny_recipe.evaluation.benchmarks.keys()


def test_beside_another_model_a_runs_models_have_its_name_and_nothing_of_its_recipe(
    layout, teachers
):
    asked = asked_of([layout.folder, teachers[0]], mean_of=None)
    names = [each.name for each in asked.models]
    assert names == ["run/llama", "run/gpt2", "run/ensemble", "llama"]
    assert (asked.benchmarks, asked.rules) == ({}, "honest")
    assert asked.why_none.endswith("belongs to no run, so no recipe names its benchmarks.")


def test_models_of_runs_with_the_same_benchmarks_have_these(layout, tmp_path):
    teacher = layout.teacher("llama")
    both = asked_of([layout.folder, teacher], mean_of=None)
    assert both.benchmarks == asked_of([layout.folder], mean_of=None).benchmarks != {}
    other = shutil.copytree(layout.folder, tmp_path / "other")  # its own copy of the same pairs
    for folder in (layout.folder, other):
        (Layout(folder).minimal_pairs).mkdir(parents=True, exist_ok=True)
        (Layout(folder).minimal_pairs / "a.jsonl").write_text("{}")
    assert asked_of([layout.folder, other], mean_of=None).benchmarks
    (Layout(other).minimal_pairs / "a.jsonl").write_text('{"x": 1}')
    found = asked_of([layout.folder, other], mean_of=None)
    assert not found.benchmarks
    assert "have different benchmarks" in found.why_none


def test_models_are_averaged_as_asked_but_not_those_of_a_run(layout, teachers):
    *_, ensemble = asked_of(teachers, mean_of="probabilities").models
    assert (ensemble.folders, ensemble.mixing.mean_of) == (teachers, "probabilities")
    assert asked_of(teachers, mean_of=None).models[0].mixing == EQUAL_WEIGHTS
    with pytest.raises(InputError, match=r"--ensemble averages models, and .*run is a run"):
        asked_of([layout.folder, *teachers], mean_of="logits")


def test_a_run_without_a_finished_model_is_refused_with_the_command_that_trains(layout):
    shutil.rmtree(layout.folder / "teachers")
    with pytest.raises(InputError, match="has no finished model") as refused:
        asked_of([layout.folder], mean_of=None)
    assert "babyllama run" in refused.value.mend
