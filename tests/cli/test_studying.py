"""The commands `study` and `studies`."""

import io
import json

import pytest
import yaml
from commands import babyllama, invoke, refused
from rich.console import Console

from babyllama import console
from babyllama.cli import studying
from babyllama.pipeline import timing
from babyllama.runs import manifests
from babyllama.runs.layout import STUDY
from babyllama.studies.running import ENVIRONMENT


def test_the_plan_says_what_is_made_once_and_asks_nothing_of_the_disk(tmp_path):
    out = tmp_path / "study"
    printed = babyllama("study", "temperature-alpha", "--seeds", "2", "--out", out, "--dry-run")
    assert "30 trials (15 cells, 2 seeds)" in printed
    assert "teachers 4 0" in printed
    assert "students 32 0" in printed
    assert not out.exists()


def test_the_plan_of_a_study_with_a_shared_store_looks_into_it_and_writes_nothing(tmp_path):
    out, store = tmp_path / "study", tmp_path / "store"
    options = ("--out", out, "--store", store, "--dry-run")
    assert "teachers 8 0" in babyllama("study", "demo", *options)
    assert not out.exists()
    assert not store.exists()


def test_studies_are_listed_with_their_questions():
    assert "Does a student of an ensemble beat its twin" in babyllama("studies")
    listed = json.loads(invoke("studies", "--json").output)
    assert "replication" in [each["name"] for each in listed]
    printed = invoke("studies", "temperature-alpha").output
    assert yaml.safe_load(printed)["vary"]["students.distilled.temperature"] == [1, 2, 4]


def test_studies_have_their_questions_on_a_narrow_terminal_too(monkeypatch):
    shown = Console(file=io.StringIO(), force_terminal=True, width=60, color_system=None)
    monkeypatch.setattr(console, "_results", lambda: shown)
    studying.studies(name=None, as_json=False)
    assert "Does a student of two teachers beat" in shown.file.getvalue()


def test_a_wrong_study_is_refused_before_its_folder_is_made(tmp_path):
    file = tmp_path / "mine.yaml"
    text = invoke("studies", "--json").output
    study = json.loads(text)[0]
    file.write_text(json.dumps({**study, "seeds": 1}), encoding="utf-8")
    out = tmp_path / "out"
    assert "ewer than two seeds" in refused("study", file, "--out", out)
    file.write_text(json.dumps({**study, "recipe": "minni"}), encoding="utf-8")
    assert f"{file}: recipe 'minni' not found" in refused("study", file, "--out", out)
    assert not out.exists()


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("students.distilled.training.window=100000", "the model has only 256 positions"),
        ("students.distilled.model.hidden_size=200000", "--out DIR"),
        ("evaluation.benchmarks.blimp=/nowhere/blimp", "/nowhere/blimp does not exist"),
    ],
)
def test_a_dry_run_refuses_what_the_run_would_and_times_nothing(
    tmp_path, monkeypatch, setting, says
):
    monkeypatch.setattr(timing, "trial_flops", lambda *_: pytest.fail("a step was timed"))
    options = ("study", "replication", "--seeds", "2", "--out", tmp_path / "out", "--set", setting)
    assert says in refused(*options, "--dry-run")
    assert says in refused(*options)
    assert not (tmp_path / "out").exists()


def test_a_study_folder_goes_on_with_the_study_and_is_no_run(tmp_path):
    folder = tmp_path / "there"
    folder.mkdir()
    text = invoke("studies", "replication").output.replace("seeds: 5", "seeds: 2")
    (folder / "study.yaml").write_text(text, encoding="utf-8")
    assert "2 trials (1 cell, 2 seeds)" in babyllama("study", folder, "--dry-run")
    for command in ("report", "compare"):
        said = refused(command, folder)
        assert f"{folder} is a study, not a run It has no report yet." in said
        assert f"babyllama study {folder}" in said
    page = folder / "report/index.html"
    page.parent.mkdir()
    page.touch()
    assert f"Its report: {page}." in refused("compare", folder, folder)


def test_a_study_has_its_folder_in_studies_unless_another_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    other = tmp_path / "studies/replication/notes.txt"
    other.parent.mkdir(parents=True)
    other.write_text("mine", encoding="utf-8")
    said = refused("study", "replication", "--seeds", "2", "--dry-run")
    assert "studies/replication exists and holds no study" in said


def test_a_dry_run_refuses_another_store_and_other_versions(tmp_path, monkeypatch):
    monkeypatch.setattr(timing, "trial_flops", lambda *_: pytest.fail("a step was timed"))
    out = tmp_path / "study"
    (out / "store").mkdir(parents=True)
    (out / STUDY).write_text(invoke("studies", "demo").output, encoding="utf-8")
    options = ("demo", "--out", out, "--dry-run")
    assert "Omit --store" in refused("study", *options, "--store", tmp_path / "other")

    versions = {**manifests.versions(), "torch": "1.0"}
    (out / ENVIRONMENT).write_text(json.dumps({"versions": versions}), encoding="utf-8")
    assert "made by other versions: torch 1.0 ->" in refused("study", *options)
