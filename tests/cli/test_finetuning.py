"""`babyllama finetune`: mistakes are refused before anything is trained."""

import pytest
from commands import refused


@pytest.fixture
def model(tmp_path):
    (tmp_path / "twin").mkdir()
    return tmp_path / "twin"


def test_a_launcher_is_refused(model, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    printed = refused("finetune", model, "--task", "rte=data", "--out", tmp_path / "scores.json")
    assert "finetune runs in one process only" in printed


def test_a_task_without_data_is_refused(model, tmp_path):
    printed = refused("finetune", model, "--task", "rte", "--out", tmp_path / "scores.json")
    assert "--task rte is not NAME=PATH" in printed


def test_two_models_of_one_name_are_refused(model, tmp_path):
    printed = refused(
        "finetune", model, model, "--task", "rte=a", "--out", tmp_path / "scores.json"
    )
    assert "model twin is given twice" in printed


def test_a_results_file_that_cannot_be_written_is_refused(model, tmp_path):
    (tmp_path / "file").write_text("")
    out = tmp_path / "file" / "scores.json"
    assert "cannot be written" in refused("finetune", model, "--task", "rte=a", "--out", out)
