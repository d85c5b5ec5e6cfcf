"""`babyllama lm-eval` hands everything on to lm-evaluation-harness."""

from commands import invoke

from babyllama.evaluation import harness


def test_every_argument_is_passed_on_options_too(monkeypatch):
    passed = []
    monkeypatch.setattr(harness, "run_harness", passed.extend)
    arguments = ["run", "--model", "babyllama-ensemble", "--tasks", "blimp", "--help"]
    assert invoke("lm-eval", *arguments).exit_code == 0
    assert passed == arguments
