"""`babyllama evaluate`: finished scores are kept; mistakes are refused before any scoring."""

import io
import json
import re
import shutil

import pytest
from commands import invoke
from other_processes import kill, start
from random_models import random_run
from rich.console import Console

from babyllama import console
from babyllama.cli.evaluation import _beside_each_other, show_scores, show_worst
from babyllama.evaluation import evaluate
from babyllama.runs.manifests import write_manifest
from babyllama.scores.results import model_result


@pytest.fixture
def pairs(tmp_path):
    line = {"sentence_good": "The cat sees a dog.", "sentence_bad": "The cat see a dog."}
    (tmp_path / "own.jsonl").write_text(json.dumps(line))
    return tmp_path / "own.jsonl"


class Scored:
    """Names of the models that are scored; Ctrl-C comes before the one called `stop`."""

    def __init__(self):
        self.names, self.stop = [], None
        self.evaluate = evaluate.evaluate

    def __call__(self, models, benchmarks, *, name, **options):
        if name == self.stop:
            raise KeyboardInterrupt
        self.names.append(name)
        return self.evaluate(models, benchmarks, name=name, **options)


@pytest.fixture
def scored(monkeypatch):
    counting = Scored()
    monkeypatch.setattr(evaluate, "evaluate", counting)
    return counting


def command(teachers, pairs, *more):
    return invoke("evaluate", *teachers, "--benchmark", f"own={pairs}", *more)


def test_an_interrupted_command_resumes_after_the_models_that_are_scored(
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


def test_a_model_is_scored_again_under_other_rules_or_without_its_predictions(
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
def test_a_path_that_does_not_exist_is_named(teachers, pairs, scored, tmp_path, which):
    absent = tmp_path / "nowhere"
    models, data = ([absent], pairs) if which == "model" else (teachers, absent)
    found = command(models, data, "--out", tmp_path / "scores.json")
    assert (found.exit_code, scored.names) == (2, [])
    assert "nowhere" in found.output


def result(**fields):
    return model_result(fields, "twin.json", name="twin")


def scores(**more):
    fixed = {"score": 75.0, "interval": [70.0, 80.0], "chance": 50.0, "unit": "percent", "n": 4}
    return {**fixed, **more}


def test_scores_are_a_row_per_model_and_benchmark_with_every_average(capsys):
    many = scores(
        interval_clustered=[60.0, 90.0], subtasks={"a": {"score": 80.0}, "b": {"score": 70.0}},
        aggregates={"uids": 75.0, "pairs": 74.25},
    )  # fmt: skip
    show_scores([result(rules={"name": "2023"}, benchmarks={"own": scores(), "blimp": many})])
    printed = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "Scores, rules: 2023" in printed
    assert "twin own 75.0 70.0 to 80.0 50.0 percent 4" in printed
    assert "twin blimp 75.0 70.0 to 80.0 60.0 to 90.0 50.0 percent 4" in printed
    assert "twin blimp 75.00 74.25" in printed
    words = '"other UIDs too": the interval over other phenomena of the same kind as well.'
    assert words in printed
    show_scores([result(rules={"name": "2023"}, benchmarks={"own": scores()})])
    assert "other UIDs" not in capsys.readouterr().out


def test_a_narrow_terminal_keeps_the_score_of_guessing(monkeypatch):
    shown = Console(file=io.StringIO(), force_terminal=True, width=60, color_system=None)
    monkeypatch.setattr(console, "_results", lambda: shown)
    many = scores(interval_clustered=[60.0, 90.0])
    show_scores([result(rules={"name": "2023"}, benchmarks={"blimp": many})])
    printed = shown.file.getvalue()
    assert "guessing" in printed.splitlines()[1]
    assert "Columns that did not fit: other UIDs too, unit, n." in printed


def test_worst_errors_show_each_words_surprisal(capsys):
    pair = {
        "benchmark": "own", "UID": "agreement", "pairID": "3", "group": "g", "margin": 2.5,
        "right": [("cats", 1.0), ("see", 4.5)], "preferred": [("cats", 1.0), ("sees", 2.0)],
    }  # fmt: skip
    show_worst(result(benchmarks={}, worst=[pair]))
    captured = capsys.readouterr()
    assert "own agreement 3: 2.5 nats" in captured.err
    assert [line.rstrip() for line in captured.out.splitlines()] == [
        "    right  cats see",
        "           1.0  4.5",
        "preferred  cats sees",
        "           1.0  2.0",
    ]


def test_a_long_sentence_goes_on_below_with_each_number_under_its_word():
    words = [(f"word{number}", float(number)) for number in range(30)]
    lines = [
        "".join(part if isinstance(part, str) else part[0] for part in line).rstrip()
        for line in _beside_each_other({"right": words, "preferred": words[:2]})
    ]
    assert max(map(len, lines)) <= 120
    for above, below in zip(lines[::2], lines[1::2], strict=True):
        starts = [found.start() for found in re.finditer("word", above)]
        assert starts == [found.start() for found in re.finditer(r"\d+\.\d", below)]
    assert "".join(lines).count("word") == 32


HOLDER = """
import sys
from pathlib import Path
from babyllama.runs.lock import locked

with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_two_commands_do_not_write_the_same_scores(pairs, tmp_path):
    process = start(HOLDER, tmp_path / "scores.json.parts")
    try:
        refused = command([tmp_path], pairs, "--out", tmp_path / "scores.json")
    finally:
        kill(process)
    assert refused.exit_code == 2
    assert "scores.json is in use by another run: process" in refused.output


@pytest.mark.parametrize("name", ["evaluate", "finetune", "generate"])
def test_a_model_that_has_changed_since_it_was_finished_is_refused(name, pairs, tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    (model / "model.safetensors").write_bytes(b"weights")
    made = {"stage": "k", "version": 1, "recipe": {}, "inputs": {}, "seed": 3}
    write_manifest(model, made, leave_out=())
    (model / "model.safetensors").write_bytes(b"other")
    more = {
        "evaluate": ["--benchmark", f"own={pairs}"],
        "finetune": ["--task", f"rte={tmp_path}", "--out", tmp_path / "x.json"],
        "generate": ["--prompt", "a"],
    }
    refused = invoke(name, model, *more[name])
    assert refused.exit_code == 2
    assert "model.safetensors has 5 bytes where its manifest says 7" in refused.output


HOSTILE = "[/red]\x1b]0;title\x07[bold]\n\u202e"
SHOWN = r"[/red]\x1b]0;title\x07[bold]\n\u202e"


def test_scores_and_worst_errors_show_hostile_names_as_they_are(capsys):
    pair = {
        "benchmark": HOSTILE, "UID": HOSTILE, "pairID": HOSTILE, "group": HOSTILE, "margin": 2.5,
        "right": [(HOSTILE, 1.0)], "preferred": [(HOSTILE, 9.0)],
    }  # fmt: skip
    fields = {"rules": {"name": HOSTILE}, "benchmarks": {HOSTILE: scores()}, "worst": [pair]}
    hostile = model_result(fields, "x.json", name=HOSTILE)
    show_scores([hostile])
    show_worst(hostile)
    captured = capsys.readouterr()
    assert captured.out.replace("\n", "").replace(" ", "").count(SHOWN) == 5
    assert captured.err.count(SHOWN) == 4
    assert not {"\x1b", "\x07", "\u202e"} & set(captured.out + captured.err)


def test_models_of_a_run_are_measured_on_its_dev_text(
    tiny_recipe, tokens, tokenizer, pairs, tmp_path
):
    layout = random_run(tmp_path / "run", tiny_recipe, tokens, tokenizer)
    student, out = layout.student("distilled"), tmp_path / "scores.json"
    found = command([student], pairs, "--out", out)
    assert found.exit_code == 0, found.output
    assert "Predictions of unseen text, the run's dev text" in found.output
    assert "calibration error" in found.output
    assert "cross_entropy/frequency" not in found.output
    measures = {each["name"]: each for each in json.loads(out.read_text("utf-8"))["measures"]}
    assert measures["teacher_kl"]["value"] > 0
    assert any(name.startswith("cross_entropy/frequency/") for name in measures)
    copied = shutil.copytree(student, tmp_path / "copied")  # of no run: no text is known
    found = command([copied], pairs)
    assert (found.exit_code, "dev text" in found.output) == (0, False)
