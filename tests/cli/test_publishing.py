"""`babyllama submission` lists missing parts; `publish` prints its plan, asks, prints addresses."""

from types import SimpleNamespace

import pytest
from commands import babyllama, refused
from small_folders import small_run

from babyllama.cli import publishing
from babyllama.publish import hub, submission


@pytest.mark.parametrize(
    ("missing", "state"), [([], "complete"), (["blimp: run it"], "incomplete")]
)
def test_missing_parts_are_listed(monkeypatch, tmp_path, missing, state):
    monkeypatch.setattr(submission, "write_submission", lambda *_, **__: missing)
    printed = babyllama("submission", tmp_path, "--out", tmp_path / "out", "--partial")
    assert printed.endswith(f"one folder per branch: {state}.")
    assert ("missing: blimp: run it" in printed) == bool(missing)


def test_a_run_that_does_not_exist_is_refused(tmp_path):
    assert "nowhere" in refused("submission", tmp_path / "nowhere", "--out", tmp_path / "out")


@pytest.fixture
def run(tiny_recipe, tmp_path):
    return small_run(tmp_path / "run", tiny_recipe).folder


def test_a_plan_is_a_table_of_files_and_what_is_left_out(run):
    printed = babyllama("publish", run, "--repo", "me/tiny", "--dry-run")
    assert "me/tiny would hold branch/file size" in printed
    assert "main/model.safetensors 7 bytes" in printed
    assert "main/README.md" in printed
    assert "Left out: manifest.json" in printed
    assert printed.endswith("A new repository would be public; --private makes it private.")


def test_a_plan_of_all_models_has_a_table_for_each(run):
    options = ("--model", "all", "--dry-run", "--private")
    printed = babyllama("publish", run, "--repo", "me/tiny", *options)
    for name in ("llama", "gpt2", "distilled", "twin"):
        assert f"me/tiny-{name} would hold" in printed
    assert printed.endswith("A new repository would be private.")


def test_addresses_are_printed_as_they_come(monkeypatch, tmp_path):
    monkeypatch.setattr(hub, "publish_models", lambda *_, **__: iter(["https://hub/me/tiny"]))
    printed = babyllama("publish", tmp_path, "--repo", "tiny")
    assert printed == "Published: https://hub/me/tiny"


@pytest.fixture
def asking(monkeypatch):
    """Publishing that has something to ask."""

    def publish(*_, confirm, **__):
        return iter(["kept", "overwritten"][confirm("tiny has other content: main/a")].split())

    monkeypatch.setattr(hub, "publish_models", publish)


@pytest.mark.usefixtures("asking")
def test_without_a_terminal_nothing_is_overwritten(tmp_path):
    said = refused("publish", tmp_path, "--repo", "tiny")
    assert "tiny has other content: main/a There is no terminal" in said
    assert "--yes" in said
    assert babyllama("publish", tmp_path, "--repo", "tiny", "--yes") == "Published: overwritten"


@pytest.mark.usefixtures("asking")
@pytest.mark.parametrize(("answer", "done"), [(True, "overwritten"), (False, "kept")])
def test_a_terminal_is_asked(tmp_path, monkeypatch, answer, done):
    asked = []
    terminal = SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr(publishing, "sys", terminal)
    monkeypatch.setattr(
        publishing.typer, "confirm", lambda question, **_: bool(asked.append(question)) or answer
    )
    assert babyllama("publish", tmp_path, "--repo", "tiny") == f"Published: {done}"
    assert asked == ["tiny has other content: main/a. Overwrite what differs, keep the rest?"]


def test_a_folder_that_is_no_run_is_not_published(tmp_path):
    said = refused("publish", tmp_path / "nowhere", "--repo", "tiny")
    assert "is not a run" in said
    assert "babyllama publish runs/mini --repo NAME" in said
