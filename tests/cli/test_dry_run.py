import zipfile

import pytest
from commands import babyllama, refused

from babyllama.pipeline import planning, timing


def test_the_plan_of_the_paper_shows_the_papers_sizes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    printed = babyllama("run", "strict-small", "--dry-run", "--device", "H100")
    for parameters in ("704,928,768", "359,973,888", "58,343,936"):
        assert parameters in printed
    assert "not found: the plan assumes 10,000,000 words" in printed
    assert "Disk:" in printed
    assert "Time on one h100: about 27 min" in printed  # the list of recipes says 30
    assert "an assumed share of the peak" in printed
    assert "Memory to train" not in printed  # it would be that of this machine
    assert "Free disk" not in printed
    assert not list(tmp_path.iterdir())


def test_the_plan_says_what_is_done_with_each_stage_and_the_time_here(tmp_path, monkeypatch):
    monkeypatch.setattr(timing, "trial_flops", lambda *_: 1e10)
    folder = tmp_path / "run"
    printed = babyllama("run", "mini", "--run-dir", folder, "--dry-run")
    assert "make" in printed
    assert "Training and signal: 2.17 TFLOP left of 2.17 TFLOP" in printed
    assert "Time here: about" in printed
    assert "Memory to train distilled on this" in printed
    assert "steps of this shape, timed now" in printed
    assert "too little" not in printed
    monkeypatch.setattr(planning, "free_disk", lambda _: 10_000_000)
    printed = babyllama("run", "mini", "--run-dir", folder, "--dry-run")
    assert "Free disk: 9.5 MiB, too little: the run would be refused" in printed
    assert not folder.exists()


def test_a_plan_that_the_run_would_refuse_is_refused_before_a_step_is_timed(tmp_path, monkeypatch):
    monkeypatch.setattr(timing, "trial_flops", lambda *_: pytest.fail("a step was timed"))
    setting = "students.distilled.training.window=100000"
    said = refused("run", "mini", "--run-dir", tmp_path / "run", "--dry-run", "--set", setting)
    assert "the model has only 256 positions" in said


def test_the_plan_refuses_a_text_that_the_run_would_refuse(tmp_path):
    (tmp_path / "a.csv").write_text("text,n\none,1\n")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("../a.txt", "one")
    (tmp_path / "a.yaml").write_text(
        "extends: mini\ncorpus:\n  source: {kind: table, path: %s, column: body}\n"
        % (tmp_path / "a.csv")
    )
    assert "has no column body" in refused("run", tmp_path / "a.yaml", "--dry-run")
    (tmp_path / "b.yaml").write_text(
        "extends: mini\ncorpus:\n  source: {kind: folder, path: %s}\n" % (tmp_path / "a.zip")
    )
    assert "../a.txt" in refused("run", tmp_path / "b.yaml", "--dry-run")


def test_the_plan_says_what_a_text_is_cut_to(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    printed = babyllama("run", "strict-small", "--dry-run", "--set", "corpus.words=15000")
    assert "assumes 10,000,000 words, of which corpus.words keeps 15,000" in printed
