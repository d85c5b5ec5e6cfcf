"""Several processes: they train the same model as one process, and none of them hangs.

A launch takes longer than what is trained in it, so each launch trains several models.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file
from small_trainings import lines, run, same, with_training

from babyllama.errors import InputError
from babyllama.training.processes import Processes

SCRIPT = Path(__file__).with_name("launched.py")
HARD = {  # everything at once that has a state or is random
    "micro_batch_size": 16,
    "precision": "bfloat16",
    "optimizer": {"kind": "sam", "around": {"kind": "muon"}},
    "windows": {"kind": "shifted", "passes": 2},
    "average": {"kind": "ema", "decay": 0.9},
}


@pytest.fixture(scope="module")
def launch(tokens, tokenizer):
    """Train in two processes; `trainings` are pairs of a part of a recipe and a folder."""

    def start(trainings, how=None, **environment):
        listed = [[part.model_dump(mode="json"), str(out)] for part, out in trainings]
        more = [json.dumps(how)] if how else []
        return subprocess.run(
            [
                sys.executable, "-m", "torch.distributed.run", "--standalone",
                "--nproc-per-node", "2", str(SCRIPT), str(tokens), str(tokenizer),
                json.dumps(listed), *more,
            ],
            env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
            capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip

    return start


@pytest.fixture(scope="module")
def parts(tiny_recipe):
    def part(name, **changes):
        few = {"batch_size": 64, "checkpoint_every": 3}
        return with_training(tiny_recipe.pretraining(name), **few, **changes)

    return {
        "plain": part("llama"),
        "sharded": part("llama", shard=True),
        "hard": part("gpt2", **HARD),
        "sharded, with dropout": part("gpt2", shard=True, average={"kind": "last"}),
    }


@pytest.fixture(scope="module")
def uninterrupted(parts, launch, tmp_path_factory):
    """Every part, trained by two processes without an interruption."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    trainings = [(part, folder / name) for name, part in parts.items()]
    # A launcher's own settings are not the recipe's.
    done = launch(trainings, ACCELERATE_MIXED_PRECISION="bf16")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def ended(parts, launch, tmp_path_factory):
    """Two trainings that end in their second epoch: a process is killed, another one fails."""
    folder = tmp_path_factory.mktemp("ended")
    for name, how, message in (
        ("hard", {"do": "kill", "at": 11, "rank": 1}, "SIGKILL"),
        ("sharded, with dropout", {"do": "out of luck", "at": 11}, "RuntimeError: out of luck"),
    ):
        done = launch([(parts[name], folder / name)], how)
        assert done.returncode != 0
        assert message in done.stderr
    return folder


def weights(folder):
    return load_file(folder / "model.safetensors")


def furthest(one, other):
    return max(float((one[name] - other[name]).abs().max()) for name in one)


def test_two_processes_equal_one_at_the_same_global_batch(
    parts, uninterrupted, tokens, tokenizer, tmp_path
):
    facts, _ = run(parts["plain"], tokens, tokenizer, tmp_path / "one")
    assert furthest(weights(tmp_path / "one"), weights(uninterrupted / "plain")) < 1e-5
    manifest = json.loads((uninterrupted / "plain" / "manifest.json").read_text())
    assert manifest["facts"]["processes"] == 2
    assert manifest["facts"]["dev_cross_entropy"] == pytest.approx(facts["dev_cross_entropy"])
    assert manifest["facts"]["words_seen"] == facts["words_seen"]


def test_only_the_first_process_writes(uninterrupted):
    logged = lines(uninterrupted / "plain")
    steps = [line["step"] for line in logged if "loss" in line]
    assert steps == sorted(set(steps))
    assert not (uninterrupted / "plain" / "checkpoints").exists()


def test_a_sharded_model_is_the_same_model(uninterrupted):
    assert weights(uninterrupted / "sharded").keys() == weights(uninterrupted / "plain").keys()
    assert furthest(weights(uninterrupted / "sharded"), weights(uninterrupted / "plain")) < 1e-5


def test_processes_that_ended_early_resume_to_the_same_bits(
    parts, launch, uninterrupted, ended, tmp_path
):
    shutil.copytree(ended, tmp_path / "again")
    names = [path.stem for path in sorted(ended.glob("*.partial"))]
    assert len(names) == 2
    done = launch([(parts[name], tmp_path / "again" / name) for name in names])
    assert done.returncode == 0, done.stderr
    for name in names:
        assert same(weights(uninterrupted / name), weights(tmp_path / "again" / name)), name


def test_a_checkpoint_of_another_number_of_processes_is_refused(
    parts, ended, tokens, tokenizer, tmp_path
):
    shutil.copytree(ended / "hard.partial", tmp_path / "hard")
    with pytest.raises(InputError) as raised:
        run(parts["hard"], tokens, tokenizer, tmp_path / "hard")
    message = str(raised.value)
    assert "was written by 2 processes, now there are 1" in message
    assert "Start 2 processes" in message


def test_shares_of_a_batch_are_disjoint_and_complete():
    processes = Processes()
    processes.count, shares = 3, []
    for processes.rank in range(3):
        shares += range(8)[processes.share(8)]
    assert shares == list(range(8))


def test_fewer_windows_than_processes_are_refused():
    processes = Processes()
    processes.count = 3
    with pytest.raises(InputError, match="2 windows cannot be shared by 3 processes"):
        processes.share(2)
