"""The real command, or a function, in a process of its own; settings that make `mini` small."""

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

SMALL = [
    "corpus.source.words=3000", "corpus.source.dev_words=700", "tokenizer.vocab_size=400",
    *(f"teachers.{name}.training.{field}" for name in ("llama", "gpt2")
      for field in ("epochs=1", "batch_size=4", "window=32", "precision=float32")),
    "teachers.llama.model.hidden_size=32", "teachers.llama.model.num_hidden_layers=1",
    "teachers.gpt2.model.n_embd=32", "teachers.gpt2.model.n_layer=1",
    "students.distilled.model.hidden_size=32", "students.distilled.model.num_hidden_layers=1",
    *(f"students.distilled.training.{field}"
      for field in ("epochs=2", "batch_size=4", "window=32", "precision=float32")),
]  # fmt: skip

# Each runs in a new process, forked from one that has already imported the slow libraries.
_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload([
    "babyllama.cli", "babyllama.pipeline.stages", "babyllama.training.pretraining",
    "babyllama.training.distillation", "babyllama.evaluation.of_run", "babyllama.report",
    "transformers.models.auto.modeling_auto", "transformers.models.auto.tokenization_auto",
    "transformers.models.llama.modeling_llama", "transformers.models.gpt2.modeling_gpt2",
    "torch", "torch._dynamo", "accelerate",
])  # fmt: skip


def babyllama(*arguments, cwd=None, first=None):
    """Run a command as a shell would and wait for it; `first` is called in its process before."""
    return in_a_process(_main, ["babyllama", *map(str, arguments)], cwd or Path.cwd(), first)


def in_a_process(function, *arguments):
    """Call a function of a module here in a new process; its exit code and what it printed."""
    with tempfile.TemporaryDirectory() as printed:
        files = [Path(printed) / name for name in ("out", "err")]
        process = _server.Process(target=_printing_to, args=(files, function, arguments))
        process.start()
        process.join()
        out, err = (file.read_text(encoding="utf-8") for file in files)
        return subprocess.CompletedProcess(arguments, process.exitcode, out, err)


def draw_few_pairs():
    """Let this process draw a tenth of the pairs of `mini`: they would take most of a small run."""
    from babyllama.data.synthetic import minimal_pairs

    minimal_pairs.PAIRS_PER_UID = 20


def terminate_at_a_step(step):
    """Let this process send itself SIGTERM, as a cluster would, at a step of a training."""
    from babyllama.training.gradient import Gradients

    compute = Gradients.compute

    def at_a_step(gradients, batch, number, stop):
        if number == step:
            os.kill(os.getpid(), signal.SIGTERM)
        return compute(gradients, batch, number, stop)

    Gradients.compute = at_a_step


def kill_when_begun(partial):
    """Let this process kill itself when the unfinished folder of a stage has two files."""

    def watch():
        while not (partial.is_dir() and len(os.listdir(partial)) > 1):
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def terminate_at_progress():
    """Let this process send itself SIGTERM when a bar first moves."""
    from babyllama.console import ProgressBar

    ProgressBar.advance = lambda *_: os.kill(os.getpid(), signal.SIGTERM)


def _printing_to(files, function, arguments):
    for descriptor, file in enumerate(files, start=1):
        with file.open("wb") as opened:
            os.dup2(opened.fileno(), descriptor)
    function(*arguments)


def _main(argv, cwd, first):
    os.chdir(cwd)
    sys.argv = argv
    draw_few_pairs()
    if first:
        first()
    from babyllama.cli import main

    main()
