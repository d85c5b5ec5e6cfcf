"""The command line: parses, calls, prints.

Nothing heavy is imported before a command needs it, so that `--help` answers at once. The one
place where an `InputError` becomes a message and exit code 2.
"""

import os
import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import typer
from typer.core import TyperGroup

from babyllama.cli import (
    comparing,
    curves,
    data,
    evaluation,
    finetuning,
    harness,
    publishing,
    running,
    teaching,
)
from babyllama.console import RUN_AGAIN, Interrupted, print_status, silence, stderr_console
from babyllama.errors import InputError


def main() -> None:
    """The `babyllama` command."""
    # Threads that wait for each other sleep instead of spinning. On a processor that does anything
    # else as well, spinning costs training most of its speed: see docs/log.md. It is read when
    # torch is loaded, so it is set before that; a user's own setting stays.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if int(os.environ.get("RANK", 0)) > 0:
        silence()
    if int(os.environ.get("WORLD_SIZE", 1)) > 1:
        # torch warns that looking for unused parameters costs time: see training/processes.py.
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    # Our own bars and messages are what a person follows.
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    app()


class _Commands(TyperGroup):
    """Turns what a command raises into a message and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            with _preemptible():
                result = super().invoke(ctx)
            _leave_processes()
            return result
        except InputError as error:
            rank = int(os.environ.get("RANK", 0))
            stderr_console.quiet = False  # an error on one rank is printed by that rank
            who = f"error in process {rank}" if rank else "error"
            stderr_console.print(who, style="bold red", end=": ")
            print_status(str(error))
            raise typer.Exit(2) from None
        except (Interrupted, KeyboardInterrupt) as error:
            again = shlex.join(["babyllama", *sys.argv[1:]])
            print_status("stopped; finished work is kept. The same command resumes:")
            print_status(f"  {again}", style="bold")
            code = RUN_AGAIN if isinstance(error, Interrupted) else 1
            raise typer.Exit(code) from None


def _leave_processes() -> None:
    """Part from the processes that worked together, if any did."""
    if "torch.distributed" in sys.modules:
        from torch import distributed

        if distributed.is_available() and distributed.is_initialized():
            distributed.destroy_process_group()


@contextmanager
def _preemptible() -> Iterator[None]:
    """Take SIGTERM, a cluster's notice, for a request to stop; a training first saves itself."""

    def stop(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)  # clusters repeat themselves
        raise Interrupted

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _group(help_text: str) -> typer.Typer:
    return typer.Typer(help=help_text, no_args_is_help=True, pretty_exceptions_enable=False)


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Small language models from little data, taught by an ensemble that ran once.",
)
corpus_app = _group("Text: clean it, count it, make some.")
tokenizer_app = _group("Tokenizers.")
app.add_typer(corpus_app, name="corpus")
app.add_typer(tokenizer_app, name="tokenizer")

app.command()(running.run)
app.command()(running.recipes)
app.command()(data.tokenize)
app.command()(teaching.pretrain)
app.command()(teaching.signal)
app.command()(teaching.distill)
app.command()(evaluation.evaluate)
app.command()(comparing.compare)
app.command()(curves.curves)
app.command()(finetuning.finetune)
app.command("lm-eval", context_settings=harness.PASSED_ON)(harness.lm_eval)
app.command()(publishing.submission)
app.command()(teaching.generate)
app.command()(comparing.report)
app.command()(running.watch)
app.command()(running.verify)
corpus_app.command()(data.clean)
corpus_app.command()(data.stats)
corpus_app.command()(data.synthesize)
tokenizer_app.command("train")(data.tokenizer_train)
