"""`babyllama curves`: mistakes are refused before anything is scored."""

from pathlib import Path

import pytest
import yaml
from commands import invoke, refused

from babyllama.recipe import load_recipe, to_yaml
from babyllama.runs.layout import Layout


def test_a_folder_without_a_recipe_is_refused(tmp_path):
    assert "is not a run" in refused("curves", tmp_path, "--benchmark", "blimp=data")


@pytest.fixture
def run(tmp_path):
    (tmp_path / "recipe.yaml").write_text(to_yaml(load_recipe("mini")))
    return tmp_path


def test_a_run_is_scored_on_its_own_benchmarks_under_its_own_rules(run, monkeypatch):
    asked = []

    def curves(folder, benchmarks, *, rules, **_more):
        asked.append((folder, benchmarks, rules))
        return []

    monkeypatch.setattr("babyllama.evaluation.learning_curves.learning_curves", curves)
    recipe = load_recipe("mini", ("evaluation.rules='2023'", "evaluation.benchmarks={blimp: data}"))
    (run / "recipe.yaml").write_text(to_yaml(recipe))
    invoke("curves", run)
    invoke("curves", run, "--benchmark", "mine=pairs", "--rules", "honest")
    assert asked == [
        (run, {"grammar": Layout(run).minimal_pairs, "blimp": Path("data")}, "2023"),
        (run, {"mine": Path("pairs")}, "honest"),
    ]


def test_a_run_without_benchmarks_needs_one(run):
    tree = load_recipe("mini").model_dump(mode="json")
    tree["corpus"]["source"] = {"kind": "folder", "path": "texts"}
    (run / "recipe.yaml").write_text(yaml.safe_dump(tree))
    assert "has no benchmarks" in refused("curves", run)


def test_children_are_refused_without_their_benchmark(run):
    printed = refused("curves", run, "--benchmark", "blimp=data", "--children", "words.csv")
    assert "--children words.csv is only used by aoa_2025" in printed


def test_two_benchmarks_of_one_name_are_refused(tmp_path):
    printed = refused("curves", tmp_path, "--benchmark", "blimp=a", "--benchmark", "blimp=b")
    assert "--benchmark blimp is given twice" in printed
