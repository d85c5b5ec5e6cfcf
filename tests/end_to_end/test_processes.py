"""The real command in several processes, and what a cluster does to it."""

import json
import os
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from safetensors.torch import load_file
from small_runs import SMALL, babyllama, terminate_at_a_step, terminate_at_progress

TESTS = Path(__file__).parent.parent
MAIN = [
    sys.executable, "-c",
    "import small_runs; small_runs.draw_few_pairs()\n"
    "from babyllama.cli import main; main()",
]  # fmt: skip
PATH = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])


def settings(*more):
    return [part for setting in [*SMALL, *more] for part in ("--set", setting)]


def same(one, other):
    first, second = (load_file(folder / "model.safetensors") for folder in (one, other))
    return first.keys() == second.keys() and all((first[k] == second[k]).all() for k in first)


def test_all_processes_of_torchrun_make_a_run_together(tmp_path):
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--no-python",
                "--nproc-per-node", "2"]  # fmt: skip
    command = [*launcher, *MAIN, "run", "mini", "--run-dir", str(tmp_path / "run"), *settings()]
    done = subprocess.run(command, capture_output=True, text=True, check=False,
                          env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": PATH},
                          timeout=400)  # fmt: skip
    assert done.returncode == 0, done.stderr
    for model in ("teachers/gpt2", "students/distilled"):
        manifest = json.loads((tmp_path / "run" / model / "manifest.json").read_text())
        assert manifest["facts"]["processes"] == 2
    assert done.stdout.count("Report: ") == 1  # the first process alone prints
    assert done.stderr.count("corpus: building") == 1
    assert "Warning: find_unused" not in done.stderr
    again = babyllama("run", "mini", "--run-dir", tmp_path / "run", *settings())
    assert again.returncode == 0
    assert "building" not in again.stderr


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A corpus, a tokenizer and tokens made by the real commands."""
    folder = tmp_path_factory.mktemp("inputs")
    made = babyllama("run", "mini", "--run-dir", folder, "--until", "tokens", *settings())
    assert made.returncode == 0, made.stderr
    return folder


def pretraining(inputs, out):
    return [
        "pretrain", "mini", "--model", "llama", "--tokens", str(inputs / "tokens"),
        "--tokenizer", str(inputs / "tokenizer"), "--out", str(out),
        *settings("teachers.llama.training.log_every=1"),
    ]  # fmt: skip


def test_a_preempted_process_saves_and_exits_with_75(inputs, tmp_path):
    uninterrupted = babyllama(*pretraining(inputs, tmp_path / "uninterrupted"))
    assert uninterrupted.returncode == 0, uninterrupted.stderr
    cut = babyllama(*pretraining(inputs, tmp_path / "cut"), first=partial(terminate_at_a_step, 5))
    assert cut.returncode == 75, cut.stderr
    assert "The same command resumes" in cut.stderr
    assert list((tmp_path / "cut.partial" / "checkpoints").glob("step-*"))
    again = babyllama(*pretraining(inputs, tmp_path / "cut"))
    assert again.returncode == 0, again.stderr
    assert same(tmp_path / "uninterrupted", tmp_path / "cut")


CUT = [
    sys.executable, "-c",
    "import small_runs; small_runs.terminate_at_a_step(5)\n"
    "from babyllama.cli import main; main()",
]  # fmt: skip


def test_a_cluster_stops_and_restarts_processes_without_a_launcher(inputs, tmp_path):
    """As in the batch script of docs/training.md: ranks by environment; one is preempted."""

    def together(*mains):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        ours = {"OMP_NUM_THREADS": "1", "PYTHONPATH": PATH, "TORCH_CPP_LOG_LEVEL": "ERROR",
                "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}  # fmt: skip
        processes = [
            subprocess.Popen(
                [*main, *pretraining(inputs, tmp_path / "m")], text=True,
                env={**os.environ, **ours, "RANK": str(rank), "LOCAL_RANK": str(rank)},
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )
            for rank, main in enumerate(mains)
        ]  # fmt: skip
        printed = [process.communicate()[1] for process in processes]
        return [process.returncode for process in processes], printed

    codes, printed = together(MAIN, CUT)
    assert codes == [75, 75], printed
    assert "stopped" in printed[0]
    # Rank 1 prints nothing, unless this machine is so busy that it waits for rank 0.
    assert [line for line in printed[1].splitlines() if not line.startswith("waiting for")] == []
    codes, printed = together(MAIN, MAIN)
    assert codes == [0, 0], printed
    assert (tmp_path / "m" / "manifest.json").exists()


def test_a_stage_without_checkpoints_exits_with_75_too(inputs, tmp_path):
    command = ("tokenize", inputs / "corpus", inputs / "tokenizer", tmp_path / "t")
    ended = babyllama(*command, first=terminate_at_progress)
    assert ended.returncode == 75, ended.stderr
    assert babyllama(*command).returncode == 0
