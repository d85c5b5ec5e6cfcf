"""`babyllama submission`: missing parts are listed, and the last line says whether any are."""

import pytest
from commands import babyllama, refused

from babyllama.publish import submission


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
