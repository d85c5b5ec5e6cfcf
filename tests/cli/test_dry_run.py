from commands import babyllama

from babyllama.pipeline import timing


def test_the_plan_of_the_paper_shows_the_papers_sizes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    printed = babyllama("run", "strict-small", "--dry-run", "--device", "H100")
    for parameters in ("704,928,768", "359,973,888", "58,343,936"):
        assert parameters in printed
    assert "not found: the plan assumes 10,000,000 words" in printed
    assert "Disk:" in printed
    assert "Time on one h100: about 27 min" in printed  # the list of recipes says 30
    assert "an assumed share of the peak" in printed
    assert not list(tmp_path.iterdir())


def test_the_plan_says_what_is_done_with_each_stage_and_the_time_here(tmp_path, monkeypatch):
    monkeypatch.setattr(timing, "trial_flops", lambda *_: 1e10)
    folder = tmp_path / "run"
    printed = babyllama("run", "mini", "--run-dir", folder, "--dry-run")
    assert "make" in printed
    assert "Training and signal: 2.17 TFLOP left of 2.17 TFLOP" in printed
    assert "Time here: about" in printed
    assert "steps of this shape, timed now" in printed
    assert not folder.exists()
