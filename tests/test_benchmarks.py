"""The benchmarks run, in their smallest settings; the numbers mean nothing."""

import json
import os
import random
import subprocess
import sys
from itertools import count
from types import SimpleNamespace

import pytest
import torch

from babyllama.console import stderr_console
from babyllama.recipe import LlamaShape

SHAPE = {"model_type": "llama", "hidden_size": 16, "intermediate_size": 32,
         "num_hidden_layers": 1, "num_attention_heads": 2}  # fmt: skip


@pytest.fixture(autouse=True)
def as_it_was():
    """A benchmark may change its process: undo that for later tests."""
    environment, threads = dict(os.environ), torch.get_num_threads()
    yield
    os.environ.clear()
    os.environ.update(environment)
    torch.set_num_threads(threads)
    stderr_console.quiet = False


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Run one benchmark with tiny models, as the command line does."""
    from benchmarks import made_up, stored_signal, whole_bill

    shapes = (LlamaShape(**SHAPE), LlamaShape(**SHAPE | {"hidden_size": 24}))
    monkeypatch.setattr(made_up, "teacher_shapes", lambda _layers: shapes)
    monkeypatch.setattr(made_up, "VOCAB_SIZE", 320)
    for module in (stored_signal, whole_bill):
        monkeypatch.setattr(module, "VOCAB_SIZE", 320)
        monkeypatch.setattr(module, "STUDENT", LlamaShape(**SHAPE))
        monkeypatch.setattr(module, "BATCH", 2)
    # Compilation would take longer than everything else.
    for place in ("training.compilation", "training.distillation", "training.pretraining"):
        monkeypatch.setattr(f"babyllama.{place}.can_compile", lambda: False)
    monkeypatch.setattr(stored_signal, "can_compile", lambda: False)

    def run(module, *arguments):
        out = tmp_path / "out.json"
        monkeypatch.setattr(sys, "argv", ["benchmark", *arguments, "--out", str(out)])
        module.main()
        return json.loads(out.read_text())

    return run


def test_every_kind_of_signal_is_timed_beside_the_text(small, monkeypatch):
    from babyllama.recipe import HiddenSignal
    from benchmarks import stored_signal

    kinds = stored_signal.KINDS | {
        name: HiddenSignal(kind="hidden", bytes_per_token=4)
        for name in ("coded 64 B", "coded 32 B")
    }
    monkeypatch.setattr(stored_signal, "KINDS", kinds)
    monkeypatch.setattr(stored_signal, "TOKENS", 1_024)
    found = small(stored_signal, "--precision", "float32", "--repeats", "1")
    assert set(found["float32"]["steps"]) == {stored_signal.TEXT, *kinds}
    assert set(found["reading"]) == set(stored_signal.PLAIN)


def test_the_bill_counts_signal_students_and_peer(small, monkeypatch):
    from benchmarks import whole_bill

    monkeypatch.setattr(whole_bill, "WINDOWS", 4)
    found = small(whole_bill, "--peer-steps", "2")
    assert len(found["peer's step"]) == 2
    assert found["storing"] > 0 < found["second student"]


def test_students_of_one_signal_are_timed_beside_their_steps_and_an_online_one(small, monkeypatch):
    from benchmarks import study_speed

    monkeypatch.setattr(study_speed, "STUDENT", LlamaShape(**SHAPE))
    monkeypatch.setattr(study_speed, "WINDOWS", 4)
    monkeypatch.setattr(study_speed, "BATCH", 2)
    found = small(study_speed, "students", "--students", "1")
    ours = found["storing"] + found["students in full"]
    assert found["online to ours"] == pytest.approx(found["one online student"] / ours)
    assert 0 < found["students' steps"] < found["students in full"]


def test_the_engine_is_timed_beside_plain_calls_and_two_jobs_beside_one(small, monkeypatch):
    from benchmarks import study_speed

    made = []
    monkeypatch.setattr(study_speed, "run_study", lambda *asked, jobs: made.append((asked, jobs)))
    found = small(study_speed, "engine", "--cells", "3")
    assert (found["trials"], len(made)) == (6, 4), "warm, bare, with the engine, again"
    assert set(small(study_speed, "jobs")["seconds"]) == {"1", "2"}
    assert [jobs for _, jobs in made[4:]] == [1, 2]


def test_finished_students_are_not_trained_again(tmp_path, monkeypatch, capsys, tokens, tokenizer):
    from benchmarks import equal_learning

    out = tmp_path / "equal.json"
    monkeypatch.setattr(equal_learning, "WINDOW", 16)
    folders = ["--tokens", str(tokens), "--tokenizer", str(tokenizer), "--out", str(out)]
    chosen = ["--teacher", "not/asked", "--seeds", "1", "--kinds", "online"]
    monkeypatch.setattr(sys, "argv", ["benchmark", *folders, *chosen])
    results = {
        f"{kind}, seed {seed}": {"dev_cross_entropy": 5.0 + value, "steps": 3}
        for kind, value in (("online", 0.0), ("twin", 0.5))
        for seed in (0, 1)
    }
    asked = equal_learning._arguments()
    equal_learning.keep(out, equal_learning.setting_of(asked), results)
    equal_learning.main()
    assert "| twin |  | 5.5000 | +0.5000 | +0.5000 to +0.5000 | 2 |" in capsys.readouterr().out


@pytest.fixture
def speed(small, monkeypatch, tmp_path):
    """`benchmarks.training_speed` in one of its modes, with a tiny model and one step of each."""
    import yaml

    from babyllama.recipe import load_recipe
    from benchmarks import training_speed

    recipe = load_recipe("mini").model_dump(mode="json")
    student = recipe["students"]["distilled"]
    student["model"] |= SHAPE
    student["training"] |= {"batch_size": 2, "window": 16}
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(recipe))
    uncompiled = [setting for setting in training_speed.SETTINGS if not setting["compiled"]]
    monkeypatch.setattr(training_speed, "SETTINGS", uncompiled)

    def run(*mode):
        few = ("--steps", "1", "--rounds", "1", "--precision", "float32")
        found = small(training_speed, "--recipe", str(path), *mode, *few)
        return found if "processes" in found else found["a GPT-2 of its size, float32"]

    return run


def test_training_is_timed_beside_the_peers_and_the_floor(speed, monkeypatch):
    from benchmarks import training_speed

    setting = {"compiled": False, "attention": "sdpa"}
    best = {("gpt2", "float32"): dict.fromkeys(training_speed.PEERS, setting)}
    monkeypatch.setattr(training_speed, "BEST", best)
    found = speed()
    assert set(found["contenders"]) == {"ours", *training_speed.PEERS}
    assert all(len(each["seconds"][0]) == 1 for each in found["contenders"].values())
    assert found["contenders"]["Trainer"]["setting"] == "as it is, sdpa"
    assert min(found["products"]) > 0


def test_the_peers_settings_are_tried(speed):
    found = speed("--settings")
    assert [len(each) for each in found.values()] == [2, 2]


def test_the_cost_of_log_guard_and_checkpoints_is_measured(speed, monkeypatch):
    from benchmarks import training_speed

    ticks = count()  # a clock that moves by one each time it is read
    clock = SimpleNamespace(perf_counter=lambda: float(next(ticks)))
    monkeypatch.setattr(training_speed, "time", clock)
    found = speed("--overhead")
    costs = {"guard", "log", "words counted", "products measured", "checkpoint", "model saved"}
    assert set(found["shares"]) == costs
    assert {name: share for name, share in found["shares"].items() if share <= 0} == {}


def test_the_profile_divides_a_step_into_its_parts(speed):
    shares = speed("--profile")["shares"]
    assert sum(shares.values()) == pytest.approx(1)
    assert {"products", "loss: products", "optimiser"} <= set(shares)


def test_two_processes_are_timed_beside_one(speed):
    assert speed("--processes")["processes"]["ratio"] > 0


def test_tokens_are_timed_beside_the_library_alone(small, corpus):
    from benchmarks import token_speed

    found = small(token_speed, str(corpus), "--vocab-size", "300", "--repeats", "1")

    assert found["bytes"] == sum(file.stat().st_size for file in corpus.glob("*/*.txt"))
    assert len(found["seconds"]) == 5
    assert all(ratio > 0 for ratio in found["ratios"].values())


def test_scoring_is_timed_beside_the_peers_and_the_floor(small, monkeypatch, tmp_path):
    from benchmarks import evaluation_speed

    pairs = [("The cats see it.", "The cats sees it."), ("A dog runs.", "A dog run.")]
    lines = [json.dumps({"sentence_good": good, "sentence_bad": bad}) for good, bad in pairs]
    (tmp_path / "pairs.jsonl").write_text("\n".join(lines))
    monkeypatch.setattr(evaluation_speed, "VOCAB_SIZE", 300)
    monkeypatch.setattr(evaluation_speed, "MASKED_VOCAB_SIZES", (320,))
    data = ("--data", str(tmp_path / "pairs.jsonl"))
    sizes = ("--masked-pairs", "2", "--batch-sizes", "2", "--rounds", "2")
    found = small(evaluation_speed, *data, *sizes, "--precision", "float32", "bfloat16")
    assert found["float32"]["decisions_that_differ"] == 0
    assert found["float32"]["largest_difference_in_nats"] < 1e-3
    assert found["bfloat16"]["decisions_that_differ_from_float32"] == 0
    assert found["masked"][0]["largest_difference_in_nats"] < 1e-3
    assert found["float32"]["tokens_left"] < found["float32"]["tokens"]


class _Study:
    """A command that makes a study's files, unless it is killed before its time."""

    def __init__(self, out, files, moments):
        self.out, self.files, self.moments = out, files, moments

    def wait(self, moment=None):
        if moment is not None and self.moments and self.moments.pop(0):
            raise subprocess.TimeoutExpired("study", moment)
        for name, text in self.files.items():
            path = self.out / "trials/base/seed-0" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return 0

    def poll(self):
        return 0

    def kill(self):
        self.moments.append(False)


def test_kills_go_on_in_another_copy_and_a_file_that_differs_is_named(monkeypatch, tmp_path):
    from benchmarks import kills

    right = {"students/twin/model.safetensors": "weights", "evaluation/blimp.json": "scores"}
    wrong = right | {"evaluation/blimp.json": "others"}

    def measured(killed_files):
        moments = [True, False, True]  # killed, ended by itself, killed

        def begin(_study, out, _engine):
            return _Study(out, killed_files if "killed" in out.name else right, moments)

        monkeypatch.setattr(kills, "begin", begin)
        folder = tmp_path / killed_files["evaluation/blimp.json"]
        folder.mkdir()
        return kills.measure(folder, "local", 2, random.Random(0))

    found = measured(right)
    assert (found["kills"], found["files_of_each"], found["different"]) == (2, 2, [])
    named = measured(wrong)["different"]
    assert named
    assert {name.partition("/")[2] for name in named} == {
        "trials/base/seed-0/evaluation/blimp.json"
    }


def test_the_page_is_timed_on_a_run_of_random_models(small, monkeypatch, tiny_recipe):
    pytest.importorskip("uvicorn", reason="the extra `play` is not installed")
    from benchmarks import play_speed

    monkeypatch.setattr(play_speed, "load_recipe", lambda _name: tiny_recipe)
    monkeypatch.setattr(play_speed, "made_text", lambda *_, **__: "the cat sees a dog " * 400)
    monkeypatch.setattr(play_speed, "TOKENS", 20)
    monkeypatch.setattr(play_speed, "start", lambda *_: (1.0, 2.0))
    monkeypatch.setattr(play_speed, "import_libraries", lambda: None)
    found = small(play_speed, "--repeats", "1")
    assert {len(each) for each in found["milliseconds"].values()} == {1}
    assert "floor of the text" in found["milliseconds"]
    assert found["seconds to the page"] == [1.0] * 3
