"""The command line: it parses arguments, calls the package and prints the results.

Nothing heavy is imported before a command needs it, so that `--help` answers at once. This is the
one place where an `InputError` becomes a message and exit code 2.
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
    # Waiting threads sleep instead of spinning: on a CPU that has other work too, spinning costs
    # training most of its speed (docs/log.md). torch reads this when it is loaded, so it is set
    # here; a value that the user has set stays.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if int(os.environ.get("RANK", 0)) > 0:
        silence()
    if int(os.environ.get("WORLD_SIZE", 1)) > 1:
        # Silences torch's warning about the search for unused parameters: training/processes.py.
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    # We print progress bars and messages of our own.
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
            who = f"error on rank {rank}" if rank else "error"
            stderr_console.print(who, style="bold red", end=": ")
            print_status(str(error))
            raise typer.Exit(2) from None
        except (Interrupted, KeyboardInterrupt) as error:
            again = shlex.join(["babyllama", *sys.argv[1:]])
            print_status("stopped; finished work is saved. The same command resumes:")
            print_status(f"  {again}", style="bold")
            code = RUN_AGAIN if isinstance(error, Interrupted) else 1
            raise typer.Exit(code) from None


def _leave_processes() -> None:
    """Destroy torch's process group, if there is one."""
    if "torch.distributed" in sys.modules:
        from torch import distributed

        if distributed.is_available() and distributed.is_initialized():
            distributed.destroy_process_group()


@contextmanager
def _preemptible() -> Iterator[None]:
    """Turn SIGTERM, which a cluster sends before it kills a job, into `Interrupted`.

    While a model trains, `console.stoppable` handles the signal instead: it saves first.
    """

    def stop(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)  # a cluster may send it again
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
    help="Small language models from little data, distilled from teacher models.",
)
corpus_app = _group("Clean a corpus, count it, or generate one.")
tokenizer_app = _group("Train a tokenizer.")

corpus_app.command()(data.clean)
corpus_app.command()(data.stats)
corpus_app.command()(data.synthesize)
tokenizer_app.command("train")(data.tokenizer_train)

# `--help` shows panels in the order of their first command; groups come last in theirs.
RUNS, STEPS, SCORES, MODELS = "Runs", "Single steps", "Scores", "Models"
app.command(rich_help_panel=RUNS)(running.run)
app.command(rich_help_panel=RUNS)(running.recipes)
app.command(rich_help_panel=RUNS)(running.watch)
app.command(rich_help_panel=RUNS)(comparing.report)
app.command(rich_help_panel=RUNS)(running.verify)
app.command(rich_help_panel=STEPS)(data.tokenize)
app.command(rich_help_panel=STEPS)(teaching.pretrain)
app.command(rich_help_panel=STEPS)(teaching.signal)
app.command(rich_help_panel=STEPS)(teaching.distill)
app.command(rich_help_panel=SCORES)(evaluation.evaluate)
app.command(rich_help_panel=SCORES)(finetuning.finetune)
app.command(rich_help_panel=SCORES)(curves.curves)
app.command(rich_help_panel=SCORES)(comparing.compare)
app.command("lm-eval", rich_help_panel=SCORES, context_settings=harness.PASS_ARGUMENTS_ON)(
    harness.lm_eval
)
app.command(rich_help_panel=MODELS)(teaching.generate)
app.command(rich_help_panel=MODELS)(publishing.submission)
app.add_typer(corpus_app, name="corpus", rich_help_panel=STEPS)
app.add_typer(tokenizer_app, name="tokenizer", rich_help_panel=STEPS)
