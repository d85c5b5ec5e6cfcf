"""`babyllama lm-eval` hands everything on to lm-evaluation-harness."""

import pytest
from commands import invoke, refused

from babyllama.evaluation import harness


def test_every_argument_is_passed_on_options_too(monkeypatch):
    passed = []
    monkeypatch.setattr(harness, "run_harness", passed.extend)
    arguments = ["run", "--model", "babyllama-ensemble", "--tasks", "blimp", "--help"]
    assert invoke("lm-eval", *arguments).exit_code == 0
    assert passed == arguments


@pytest.mark.parametrize("option", [["--output_path", "{}"], ["--output_path={}"], ["-o", "{}"]])
def test_a_place_that_the_harness_cannot_write_is_refused_before_it_scores(
    monkeypatch, tmp_path, option
):
    monkeypatch.setattr(harness, "run_harness", pytest.fail)
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.json").mkdir()
    for name, fault in (("file", "is a file, not a folder"), ("folder.json", "is a folder, not")):
        place = [part.format(tmp_path / name) for part in option]
        assert fault in refused("lm-eval", "run", *place)
