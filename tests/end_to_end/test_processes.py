"""The real command in several processes, and what a cluster does to it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest
from safetensors.torch import load_file
from small_runs import SMALL, babyllama

MAIN = [sys.executable, "-c", "from babyllama.cli import main; main()"]


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
                          env=os.environ | {"OMP_NUM_THREADS": "1"}, timeout=400)  # fmt: skip
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


def pretrain(inputs, out, **environment):
    command = [
        *MAIN, "pretrain", "mini", "--model", "llama", "--tokens", str(inputs / "tokens"),
        "--tokenizer", str(inputs / "tokenizer"), "--out", str(out),
        *settings("teachers.llama.training.epochs=6", "teachers.llama.training.log_every=1"),
    ]  # fmt: skip
    return subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
                            text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip


def wait_for_steps(out, process):
    log = out.with_name(out.name + ".partial") / "training.jsonl"
    while process.poll() is None and not (log.exists() and len(log.read_text().split("\n")) > 5):
        time.sleep(0.01)


def test_a_preempted_process_saves_and_exits_with_75(inputs, tmp_path):
    uninterrupted = pretrain(inputs, tmp_path / "uninterrupted")
    uninterrupted.communicate()
    process = pretrain(inputs, tmp_path / "cut")
    wait_for_steps(tmp_path / "cut", process)
    process.send_signal(signal.SIGTERM)
    _, printed = process.communicate()
    assert process.returncode == 75, printed
    assert "The same command resumes" in printed
    assert list((tmp_path / "cut.partial" / "checkpoints").glob("step-*"))
    again = pretrain(inputs, tmp_path / "cut")
    again.communicate()
    assert again.returncode == 0
    assert same(tmp_path / "uninterrupted", tmp_path / "cut")


def test_a_cluster_stops_and_restarts_processes_without_a_launcher(inputs, tmp_path):
    """As in the batch script of docs/training.md: ranks by environment; one is preempted."""

    def start():
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        return [
            pretrain(inputs, tmp_path / "m", RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE="2",
                     MASTER_ADDR="127.0.0.1", MASTER_PORT=port)
            for rank in range(2)
        ]  # fmt: skip

    processes = start()
    wait_for_steps(tmp_path / "m", processes[0])
    processes[1].send_signal(signal.SIGTERM)
    printed = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [75, 75], printed
    assert "stopped" in printed[0]
    assert printed[1].strip() == ""  # it prints nothing
    processes = start()
    for process in processes:
        process.communicate()
    assert [process.returncode for process in processes] == [0, 0]
    assert (tmp_path / "m" / "manifest.json").exists()


def test_a_stage_without_checkpoints_exits_with_75_too(inputs, tmp_path):
    script = (
        "import os, signal, threading, pathlib, sys\n"
        "partial = pathlib.Path(sys.argv.pop(1))\n"
        "def watch():\n"
        "    while not partial.is_dir(): pass\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "threading.Thread(target=watch, daemon=True).start()\n"
        "from babyllama.cli import main; main()\n"
    )
    command = [sys.executable, "-c", script, tmp_path / "t.partial", "tokenize",
               inputs / "corpus", inputs / "tokenizer", tmp_path / "t"]  # fmt: skip
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 75, ended.stderr
    assert babyllama(*command[4:]).returncode == 0
