"""The real command on a small embedded corpus: run, skip, rebuild, kill, damage."""

import json
import os
import shutil
import signal
import subprocess
import sys
from functools import partial

import pytest
from commands import invoke
from small_runs import SMALL, babyllama, kill_when_begun


def run(folder, *, settings=(), first=None):
    chosen = [part for setting in [*SMALL, *settings] for part in ("--set", setting)]
    return babyllama("run", "mini", "--run-dir", folder, *chosen, first=first)


def built(result):
    return [line.partition(":")[0] for line in result.stderr.splitlines() if ": building" in line]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A complete small run, and what it printed."""
    folder = tmp_path_factory.mktemp("runs") / "mini"
    result = run(folder)
    assert result.returncode == 0, result.stderr
    return folder, result


@pytest.fixture
def copy(finished, tmp_path):
    """A copy of that run, which a test may damage."""
    shutil.copytree(finished[0], tmp_path / "run")
    return tmp_path / "run"


def test_one_command_makes_everything(finished):
    folder, result = finished
    first, where, models, *_ = result.stdout.splitlines()
    assert "student" in first
    assert where == f"Report: {folder / 'report' / 'index.html'}"
    assert models.strip() == "Models"
    assert f"babyllama play {folder}" in result.stdout
    made = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {
        "recipe.yaml", "corpus/train/stories.txt", "corpus/dev/child_talk.txt", "corpus/stats.json",
        "tokenizer/tokenizer.json", "tokens/train.bin", "tokens/dev.documents.npy",
        "teachers/llama/model.safetensors", "teachers/gpt2/training.jsonl",
        "signal/shard-00000.safetensors", "students/distilled/model.safetensors",
        "students/twin/training.jsonl", "evaluation/distilled.json", "evaluation/ensemble.json",
        "evaluation/predictions/twin/grammar.jsonl", "report/index.html", "report/report.md",
    } <= made  # fmt: skip
    assert not [name for name in made if ".partial" in name or "checkpoints" in name]


def test_scores_have_their_rules_and_intervals(finished):
    result = json.loads((finished[0] / "evaluation" / "distilled.json").read_text())
    assert result["rules"]["name"] == "honest"
    assert result["rules"]["context"] == "<s>"
    scores = result["benchmarks"]["grammar"]
    low, high = scores["interval"]
    assert 0 <= low <= scores["score"] <= high <= 100
    assert scores["n"] == sum(each["n"] for each in scores["subtasks"].values())
    assert result["dev"]["cross_entropy"] > 0


def test_models_are_ordinary_folders_that_generate(finished):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    for part in ("teachers/llama", "teachers/gpt2", "students/distilled", "students/twin"):
        model = AutoModelForCausalLM.from_pretrained(finished[0] / part)
        tokenizer = AutoTokenizer.from_pretrained(finished[0] / part)
        ids = tokenizer("The", return_tensors="pt")["input_ids"]
        made = model.generate(ids, max_new_tokens=4, do_sample=False, pad_token_id=0)
        assert made.shape[1] > ids.shape[1]
    printed = babyllama("generate", finished[0] / "students/twin", "--prompt", "The", "--n", 2)
    assert len(printed.stdout.strip().splitlines()) == 2


def test_a_run_stands_where_models_do(finished, tmp_path):
    folder = finished[0]
    models = ["llama", "gpt2", "distilled", "twin"]
    (written,) = json.loads(
        invoke("generate", folder, "--prompt", "The", "--max-new-tokens", 2, "--json").stdout
    )
    assert list(written["texts"]) == models

    shown = json.loads(invoke("show", folder, "--json").stdout)
    assert shown["state"] == "complete"
    own = {each["name"]: each["scores"] for each in shown["models"]}
    assert "complete" in invoke("show", folder).stdout

    assert invoke("evaluate", folder, "--out", tmp_path / "scores.json").exit_code == 0
    again = json.loads((tmp_path / "scores.json").read_text())
    scored = {name: each["benchmarks"]["grammar"]["score"] for name, each in again.items()}
    assert list(scored) == [*models, "ensemble"]
    assert scored == {name: own[name]["grammar"] for name in scored}


def test_runs_are_compared_setting_by_setting_and_role_by_role(finished, copy):
    recipe = copy / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("temperature: 2.0", "temperature: 1.0"))
    shown = invoke("compare", finished[0], copy)
    assert "students.distilled.temperature 2.0 → 1.0" in shown.stdout
    assert "best teacher, run" in shown.stdout
    assert "distilled.json" not in shown.stdout
    found = json.loads(invoke("compare", finished[0], copy, "--json").stdout)
    assert found["settings"]["title"] == "Settings that differ"
    assert found["models"]["title"] == "Models by role"
    assert found["comparisons"]


def test_a_second_run_builds_nothing(copy):
    """The folder stands for the run and its recipe."""
    result = babyllama("run", copy)
    assert result.returncode == 0
    assert built(result) == []


def test_a_complete_run_is_recognised_without_torch(copy):
    script = (
        "import sys; sys.argv = ['babyllama', 'run', sys.argv[1], '--run-dir', sys.argv[2]]\n"
        "from babyllama.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script, copy / "recipe.yaml", copy],
                   check=True, capture_output=True)  # fmt: skip


def test_a_changed_alpha_rebuilds_only_the_student_and_what_follows(copy):
    result = run(copy, settings=["students.distilled.alpha=0.9"])
    assert result.returncode == 0, result.stderr
    assert built(result) == ["students/distilled", "evaluation", "report"]
    assert "alpha was 0.5, now 0.9" in result.stderr


def test_a_flipped_byte_is_found_and_the_folder_rebuilt(copy):
    weights = copy / "students" / "twin" / "model.safetensors"
    before = weights.read_bytes()
    weights.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    verified = babyllama("verify", copy)
    assert verified.returncode == 1
    assert "students/twin/model.safetensors has changed" in verified.stdout
    result = run(copy)
    assert built(result) == ["students/twin"]  # the same bits, so nothing that follows has changed
    assert weights.read_bytes() == before


def test_after_a_kill_in_any_stage_the_same_command_resumes(finished, tmp_path):
    """SIGKILL when a stage's unfinished folder appears; the models come out bit for bit."""
    folder = tmp_path / "run"
    for name in ("source", "corpus", "tokenizer", "tokens", "teachers/llama"):
        shutil.copytree(finished[0] / name, folder / name)
    unfinished = ["teachers/gpt2", "signal", "students/distilled", "evaluation"]
    for before, stage in zip(unfinished[:1] + unfinished, unfinished, strict=False):
        killed = run(folder, first=partial(kill_when_begun, folder / f"{stage}.partial"))
        assert killed.returncode == -signal.SIGKILL
        assert built(killed)[0] == before
    result = run(folder)
    assert result.returncode == 0, result.stderr
    assert built(result) == ["evaluation", "report"]
    for part in ("teachers/gpt2", "students/distilled", "students/twin"):
        one, other = (root / part / "model.safetensors" for root in (finished[0], folder))
        assert one.read_bytes() == other.read_bytes()


def test_stages_side_by_side_give_the_same_bits_also_after_a_kill(finished, tmp_path):
    """On two cores both teachers are begun before the first is done."""
    folder = tmp_path / "run"
    for name in ("source", "corpus", "tokenizer", "tokens"):
        shutil.copytree(finished[0] / name, folder / name)
    script = (
        "import os, signal, sys, threading, time, pathlib\n"
        "teachers = pathlib.Path(sys.argv.pop(1))\n"
        "logs = [teachers / f'{name}.partial/training.jsonl' for name in ('llama', 'gpt2')]\n"
        "def watch():\n"
        "    while not all(log.exists() for log in logs): time.sleep(0.01)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "if teachers.name == 'teachers': threading.Thread(target=watch, daemon=True).start()\n"
        "from babyllama.cli import main; main()\n"
    )
    chosen = [part for setting in SMALL for part in ("--set", setting)]
    killed, resumed = (
        subprocess.run(
            [sys.executable, "-c", script, watched, "run", "mini", "--run-dir", folder, *chosen],
            capture_output=True, text=True, check=False,
            env=os.environ | {"OMP_NUM_THREADS": "2"},
        )
        for watched in (folder / "teachers", "nothing")
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL
    assert resumed.returncode == 0, resumed.stderr
    assert sorted(built(resumed))[:2] == ["evaluation", "report"]
    for file in sorted(finished[0].rglob("*")):
        if file.suffix in (".safetensors", ".jsonl", ".key") and file.name != "training.jsonl":
            same = folder / file.relative_to(finished[0])
            assert same.read_bytes() == file.read_bytes(), file


def test_a_locked_run_names_its_holder(copy):
    from filelock import FileLock

    (copy / ".holder").write_text("process 4242 on elsewhere")
    with FileLock(copy / ".lock"):
        result = run(copy)
    assert result.returncode == 2
    assert "process 4242 on elsewhere" in result.stderr


def test_the_single_commands_give_the_same_tokens_and_twin(finished, tmp_path):
    """Whatever `run` does, a user can do stage by stage."""
    folder = finished[0]
    recipe = folder / "recipe.yaml"
    names = ("clean", "tokenizer", "tokens", "llama", "signal", "student", "source")
    at = {name: tmp_path / name for name in names}
    common = ("--tokens", at["tokens"], "--tokenizer", at["tokenizer"])
    for arguments in (
        ("corpus", "synthesize", at["source"], "--words", 3000, "--dev-words", 700, "--seed", 0),
        ("corpus", "clean", at["source"], at["clean"]),
        ("tokenizer", "train", at["clean"], at["tokenizer"], "--vocab-size", 400),
        ("tokenize", at["clean"], at["tokenizer"], at["tokens"]),
        ("pretrain", recipe, "--model", "llama", *common, "--out", at["llama"]),
        ("signal", folder / "teachers/llama", folder / "teachers/gpt2", "--tokens", at["tokens"],
         "--kind", "hidden", "--window", 32, "--out", at["signal"]),
        ("distill", recipe, *common, "--signal", at["signal"], "--out", at["student"]),
        ("evaluate", at["student"], folder / "students/twin", "--ensemble",
         "--benchmark", f"grammar={folder / 'source/minimal_pairs'}", "--out",
         tmp_path / "scores.json"),
        ("report", folder, "--out", tmp_path / "report"),
    ):  # fmt: skip
        result = babyllama(*arguments)
        assert result.returncode == 0, result.stderr
    for one, other in (
        (at["tokens"] / "train.bin", folder / "tokens/train.bin"),
        (at["llama"] / "model.safetensors", folder / "teachers/llama/model.safetensors"),
        (at["student"] / "model.safetensors", folder / "students/distilled/model.safetensors"),
    ):
        assert one.read_bytes() == other.read_bytes()
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert set(scores) == {"student", "twin", "ensemble"}
