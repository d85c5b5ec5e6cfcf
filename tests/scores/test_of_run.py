"""A run, or a model's folder in it, stands for the scores that the run gave the model."""

from pathlib import Path

import pytest
from result_files import benchmark, result

from babyllama.errors import InputError
from babyllama.recipe import load_recipe, to_yaml
from babyllama.scores.entrants import NamedSource, read_entrants
from babyllama.scores.of_run import models_of_run, scores_in_run

WEAK, STRONG = {"a": "0100" * 20}, {"a": "1101" * 20}


@pytest.fixture
def run(written, tmp_path):
    """A run of the mini recipe with scores of student and twin."""
    folder = tmp_path / "my run"
    for name, uids in (("distilled", STRONG), ("twin", WEAK)):
        written(f"my run/evaluation/{name}.json", result(name, {"x": benchmark(uids)}))
        (folder / "students" / name).mkdir(parents=True)
    (folder / "recipe.yaml").write_text(to_yaml(load_recipe("mini")), encoding="utf-8")
    return folder


def test_a_run_is_its_main_student_and_a_models_folder_the_model(run, tmp_path, monkeypatch):
    assert scores_in_run(run) == run / "evaluation" / "distilled.json"
    assert scores_in_run(run / "students" / "twin") == run / "evaluation" / "twin.json"
    assert scores_in_run(run / "students") is None
    assert scores_in_run(tmp_path) is None
    monkeypatch.chdir(run / "students")
    assert scores_in_run(Path("twin")).name == "twin.json"


def test_models_of_a_run_are_compared_by_their_folders(run):
    twin, student = read_entrants([run / "students" / "twin", run])
    assert (twin.name, student.name) == ("twin", "distilled")
    assert student.answers["x"].score == 75.0


def test_two_runs_are_told_apart_by_path_or_by_a_name_of_ones_own(run, written, tmp_path):
    written("other/evaluation/distilled.json", result("distilled", {"x": benchmark(WEAK)}))
    (tmp_path / "other" / "recipe.yaml").write_text((run / "recipe.yaml").read_text())
    found = read_entrants([run, tmp_path / "other"])
    assert [each.name for each in found] == [str(run), str(tmp_path / "other")]
    twin = run / "students" / "twin"
    found = read_entrants([tmp_path / "other", twin])  # two runs, though the names differ
    assert [each.name for each in found] == [str(tmp_path / "other"), str(twin)]
    found = read_entrants([NamedSource("old", run), NamedSource("new", tmp_path / "other")])
    assert [each.name for each in found] == ["old", "new"]


def test_what_a_run_lacks_is_named_with_a_command_that_can_be_pasted(run):
    (run / "evaluation" / "twin.json").unlink()
    with pytest.raises(
        InputError, match=r"my run has no scores of twin(.|\n)*babyllama run '.*my run'"
    ):
        scores_in_run(run / "students" / "twin")
    with pytest.raises(
        InputError, match=r"stands for its model distilled alone(.|\n)*students/distilled'"
    ):
        read_entrants([run])
    assert [path.name for path in models_of_run(run)][-2:] == ["distilled", "twin"]


def test_one_name_for_several_models_is_refused(written):
    both = {name: result(name, {"x": benchmark(WEAK)}) for name in ("one", "two")}
    path = written("both.json", both)
    with pytest.raises(InputError, match=r"both\.json holds 2 models, but gets one name: mine"):
        read_entrants([NamedSource("mine", path), path])
