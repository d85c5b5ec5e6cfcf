"""Several processes: they train one model as one process would, and none of them hangs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file
from small_trainings import run, same, with_training

from babyllama.errors import InputError
from babyllama.training.loop import refuse_uneven

SCRIPT = Path(__file__).with_name("launched.py")


def launch(part, tokens, tokenizer, out, how=None, *, processes=2, **environment):
    more = [json.dumps(how)] if how else []
    return subprocess.run(
        [
            sys.executable, "-m", "torch.distributed.run", "--standalone",
            "--nproc-per-node", str(processes), str(SCRIPT), part.model_dump_json(),
            *map(str, (tokens, tokenizer, out)), *more,
        ],
        env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


def weights(folder):
    return load_file(folder / "model.safetensors")


def furthest(one, other):
    return max(float((one[name] - other[name]).abs().max()) for name in one)


@pytest.fixture(scope="module")
def plain(tiny_recipe):
    return with_training(tiny_recipe.pretraining("llama"), batch_size=16, checkpoint_every=10)


@pytest.fixture(scope="module")
def by_two(plain, tokens, tokenizer, tmp_path_factory):
    out = tmp_path_factory.mktemp("launched") / "by_two"
    # A launcher's own settings are not the recipe's.
    done = launch(plain, tokens, tokenizer, out, ACCELERATE_MIXED_PRECISION="bf16")
    assert done.returncode == 0, done.stderr
    return out, done


def test_two_processes_equal_one_at_the_same_global_batch(
    plain, by_two, tokens, tokenizer, tmp_path
):
    facts, _ = run(plain, tokens, tokenizer, tmp_path / "one")
    one, two = weights(tmp_path / "one"), weights(by_two[0])
    assert furthest(one, two) < 1e-5
    manifest = json.loads((by_two[0] / "manifest.json").read_text())
    assert manifest["facts"]["processes"] == 2
    assert manifest["facts"]["dev_cross_entropy"] == pytest.approx(facts["dev_cross_entropy"])
    assert manifest["facts"]["words_seen"] == facts["words_seen"]


def test_only_the_first_process_writes(by_two):
    logged = [json.loads(line) for line in (by_two[0] / "training.jsonl").read_text().splitlines()]
    steps = [line["step"] for line in logged if "loss" in line]
    assert steps == sorted(set(steps))
    assert not (by_two[0] / "checkpoints").exists()


def test_a_model_shared_out_over_processes_is_the_same_model(
    plain, by_two, tokens, tokenizer, tmp_path
):
    part = with_training(plain, shard=True)
    done = launch(part, tokens, tokenizer, tmp_path / "sharded")
    assert done.returncode == 0, done.stderr
    assert weights(tmp_path / "sharded").keys() == weights(by_two[0]).keys()
    assert furthest(weights(tmp_path / "sharded"), weights(by_two[0])) < 1e-5


HARD = {  # everything at once that keeps a state or draws at random
    "micro_batch_size": 4,
    "precision": "bfloat16",
    "optimizer": {"kind": "sam", "around": {"kind": "muon"}},
    "windows": {"kind": "shifted", "passes": 2},
    "average": {"kind": "ema", "decay": 0.9},
}


@pytest.mark.parametrize(
    ("name", "changes", "how"),
    [
        ("gpt2", HARD, {"do": "kill", "at": 33, "rank": 1}),
        ("gpt2", {"shard": True, "average": {"kind": "last"}}, {"do": "out of luck", "at": 33}),
    ],
)
def test_processes_that_ended_early_go_on_to_the_same_bits(
    name, changes, how, tiny_recipe, tokens, tokenizer, tmp_path
):
    part = with_training(
        tiny_recipe.pretraining(name), batch_size=16, checkpoint_every=10, **changes
    )
    whole = launch(part, tokens, tokenizer, tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr
    ended = launch(part, tokens, tokenizer, tmp_path / "ended", how)
    assert ended.returncode != 0
    if how["do"] == "kill":
        assert "SIGKILL" in ended.stderr
    else:
        assert "RuntimeError: out of luck" in ended.stderr
    again = launch(part, tokens, tokenizer, tmp_path / "ended")
    assert again.returncode == 0, again.stderr
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "ended"))


def test_a_checkpoint_of_another_number_of_processes_is_refused(plain, tokens, tokenizer, tmp_path):
    launch(plain, tokens, tokenizer, tmp_path / "m", {"do": "kill", "at": 25})
    with pytest.raises(InputError) as raised:
        run(plain, tokens, tokenizer, tmp_path / "m.partial")
    said = str(raised.value)
    assert "was written by 2 processes, now there are 1" in said
    assert "Start 2 processes" in said


def test_a_batch_that_processes_cannot_share_is_refused(plain):
    refuse_uneven(plain.training, 4)
    with pytest.raises(InputError, match=r"batch_size is 16, which 3 processes do not divide"):
        refuse_uneven(plain.training, 3)
    with pytest.raises(InputError) as raised:
        refuse_uneven(with_training(plain, micro_batch_size=8).training, 4)
    assert "training.micro_batch_size 8 in each of 4 processes" in str(raised.value)
    assert "training.batch_size=32" in str(raised.value)
