"""A worker: a process that does one job of a run after another, started by `pipeline.workers`.

It reads jobs from standard input and answers on standard output, a line of JSON each. When the
input ends, because the process that started it is done or was killed, the worker ends at once: it
never writes to a run that nobody holds.
"""

import importlib
import json
import os
import queue
import sys
import threading
import traceback
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, TextIO

from babyllama.cli import preemptible, prepare_environment
from babyllama.cli.failures import explained
from babyllama.console import Interrupted, Send, send_output_to
from babyllama.errors import InputError


def main() -> None:
    """Do jobs until the input ends."""
    prepare_environment()
    answers = _take_standard_output()
    send_output_to(lambda message: _send(answers, {"output": message}))
    jobs: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read_jobs, args=(jobs,), daemon=True).start()
    _import_training()  # while the first stages are made
    while True:
        _send(answers, do(json.loads(jobs.get())))


def do(job: Mapping[str, Any]) -> dict[str, Any]:
    """Call a job's function.

    Args:
        job: `function`, as module:name; its `arguments`; `threads` that torch may use.

    Returns:
        one of `done`; `stopped`, after a SIGTERM or Ctrl-C; `refused`, the parts of an
        `InputError`, which a full disk is as well; `fault`, the traceback of any other exception.
    """
    import torch

    torch.set_num_threads(job["threads"])
    module, name = job["function"].split(":")
    try:
        with preemptible():
            getattr(importlib.import_module(module), name)(**job["arguments"])
    except (Interrupted, KeyboardInterrupt):
        return {"stopped": True}
    except Exception as error:
        known = error if isinstance(error, InputError) else explained(error)
        if known is None:
            return {"fault": traceback.format_exc()}
        return {"refused": [known.what, known.why, known.mend]}
    return {"done": True}


def do_in_folder(job: Mapping[str, Any], folder: str, send: Send) -> dict[str, Any]:
    """In a task of a cluster: do a job as it would be done in a folder of another machine.

    Args:
        folder: what relative paths begin at.
        send: sends what the job prints.
    """
    prepare_environment()
    with suppress(OSError):  # a folder that is not shared: then no path begins there
        os.chdir(folder)
    send_output_to(send)
    try:
        return do(job)
    finally:
        send_output_to(None)


def _take_standard_output() -> TextIO:
    """Keep standard output for answers; what libraries print goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    return answers


def _send(answers: TextIO, message: Mapping[str, Any]) -> None:
    answers.write(json.dumps(message) + "\n")


def _read_jobs(jobs: "queue.SimpleQueue[str]") -> None:
    for line in sys.stdin:
        jobs.put(line)
    os._exit(1)


def _import_training() -> None:
    for module in ("training.distillation", "evaluation.evaluate"):
        importlib.import_module(f"babyllama.{module}")


if __name__ == "__main__":
    main()
