"""`babyllama evaluate`: what is scored stays scored, and what is asked for in vain is refused."""

import json

import pytest
from typer.testing import CliRunner

import babyllama.evaluation.evaluate
from babyllama.cli import app


@pytest.fixture
def pairs(tmp_path):
    line = {"sentence_good": "The cat sees a dog.", "sentence_bad": "The cat see a dog."}
    (tmp_path / "own.jsonl").write_text(json.dumps(line))
    return tmp_path / "own.jsonl"


class Scored:
    """Names of the models that are scored; Ctrl-C comes before the one called `stop`."""

    def __init__(self):
        self.names, self.stop = [], None
        self.evaluate = babyllama.evaluation.evaluate

    def __call__(self, models, benchmarks, *, name, **options):
        if name == self.stop:
            raise KeyboardInterrupt
        self.names.append(name)
        return self.evaluate(models, benchmarks, name=name, **options)


@pytest.fixture
def scored(monkeypatch):
    counting = Scored()
    monkeypatch.setattr(babyllama.evaluation.evaluate, "evaluate", counting)
    return counting


def command(teachers, pairs, *more):
    words = ["evaluate", *map(str, teachers), "--benchmark", f"own={pairs}", *map(str, more)]
    return CliRunner().invoke(app, words)


def test_an_interrupted_command_goes_on_after_the_models_that_are_scored(
    teachers, pairs, scored, tmp_path
):
    out, items = tmp_path / "scores.json", tmp_path / "items"
    more = ("--out", out, "--predictions", items)
    scored.stop = "gpt2"
    assert command(teachers, pairs, *more).exit_code != 0
    assert not out.exists()
    scored.stop = None
    assert command(teachers, pairs, *more).exit_code == 0
    assert scored.names == ["llama", "gpt2"]
    assert [*json.loads(out.read_text())] == ["llama", "gpt2"]
    assert not (tmp_path / "scores.json.parts").exists()


def test_what_was_scored_by_other_rules_or_lost_its_predictions_is_scored_again(
    teachers, pairs, scored, tmp_path
):
    out, items = tmp_path / "scores.json", tmp_path / "items"
    more = ("--out", out, "--predictions", items)
    scored.stop = "gpt2"
    command(teachers, pairs, *more)
    command(teachers, pairs, *more, "--rules", "2024")
    (items / "llama" / "own.jsonl").unlink()
    command(teachers, pairs, *more, "--rules", "2024")
    assert scored.names == ["llama"] * 3


def test_a_mean_without_an_ensemble_is_refused(teachers, pairs):
    found = command(teachers, pairs, "--mean-of", "probabilities")
    assert found.exit_code == 2
    assert "--ensemble" in found.output


@pytest.mark.parametrize("which", ["model", "benchmark"])
def test_what_is_not_there_is_named(teachers, pairs, scored, tmp_path, which):
    absent = tmp_path / "nowhere"
    models, data = ([absent], pairs) if which == "model" else (teachers, absent)
    found = command(models, data, "--out", tmp_path / "scores.json")
    assert (found.exit_code, scored.names) == (2, [])
    assert "nowhere" in found.output
