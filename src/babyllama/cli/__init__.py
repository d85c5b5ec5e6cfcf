"""The command line: it parses arguments, calls the package and prints the results.

Nothing heavy is imported before a command needs it, so that `--help` answers at once. This is the
one place where an `InputError` becomes a message and exit code 2.
"""

import io
import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from babyllama.cli import (
    comparing,
    curves,
    data,
    evaluation,
    exporting,
    finetuning,
    generating,
    harness,
    leaks,
    lessons,
    listing,
    playing,
    publishing,
    releases,
    running,
    showing,
    starting,
    studying,
    teaching,
)
from babyllama.cli.allocator import keep_freed_memory
from babyllama.cli.arguments import launched_process
from babyllama.cli.failures import OUR_MISTAKE, explained, report_our_mistake
from babyllama.cli.usage import legible_types, legible_usage_errors
from babyllama.console import (
    RUN_AGAIN,
    STANDARD_OUTPUT,
    Interrupted,
    print_error,
    print_line,
    print_status,
    silence,
    visible_cell,
)
from babyllama.errors import InputError, command
from babyllama.runs.launched import Launched

# RANK and WORLD_SIZE, and what Accelerate takes for them.
_LAUNCHERS_VARIABLES = (
    "RANK", "WORLD_SIZE", "LOCAL_RANK", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE",
)  # fmt: skip
# What resumes after it was stopped; `evaluate` does with --out.
_RESUME = frozenset((
    "run", "study", "tokenize", "pretrain", "signal", "sample", "distill", "curves", "finetune",
    "publish", "submission", "corpus clean", "corpus fetch", "corpus synthesize", "tokenizer train",
))  # fmt: skip


def main() -> None:
    """The `babyllama` command."""
    _open_closed_streams()
    signal.signal(signal.SIGTERM, _end)
    try:
        prepare_environment()
        _take_place(launched_process())
        app(prog_name="babyllama")  # also under `python -m`
    except InputError as error:  # of the launcher's variables; the commands' own are shown below
        _show(error)
        sys.exit(2)
    except Exception as error:
        if known := explained(error):  # of typer's own output, such as --help
            _show(known)
            sys.exit(2)
        report_our_mistake(error)
        sys.exit(OUR_MISTAKE)
    finally:
        _drop_unwritable_output()


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    """End on SIGTERM before a command has begun, or while it is ending after another SIGTERM."""
    signal.signal(number, signal.SIG_IGN)  # a cluster may send it again
    sys.exit(RUN_AGAIN)


def prepare_environment() -> None:
    """Set what libraries read from the environment when they are loaded, and the allocator."""
    keep_freed_memory()
    # Waiting threads sleep instead of spinning: on a CPU that has other work too, spinning costs
    # training most of its speed (docs/log.md). torch reads this when it is loaded, so it is set
    # here; a value that the user has set stays.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # On a CPU, torch keeps a compiled product of matrices for each of the last 1,024 shapes, about
    # 1 MB each, in two caches. Scoring has hundreds of shapes, a training a few dozen.
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64")
    os.environ.setdefault("LRU_CACHE_CAPACITY", "64")
    # We print progress bars and messages of our own.
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")


class _Commands(TyperGroup):
    """Turns what a command raises into a message and an exit code."""

    def make_context(self, info_name: str | None, args: list[str], *more: Any, **named: Any) -> Any:
        self._arguments = list(args)
        with legible_usage_errors(self._arguments):
            return super().make_context(info_name, args, *more, **named)

    def list_commands(self, ctx: Any) -> list[str]:
        """By panel, in the order in which one may want them; groups of commands lead theirs."""
        panels = [START, STEPS, MODELS, SCORES, UPKEEP]
        return sorted(
            super().list_commands(ctx),
            key=lambda name: (
                panels.index(vars(self.commands[name])["rich_help_panel"]),
                not hasattr(self.commands[name], "commands"),
            ),
        )

    def invoke(self, ctx: Any) -> Any:
        try:
            with preemptible(), legible_usage_errors(self._arguments):
                _refuse_other_bytes(self._arguments)
                result = super().invoke(ctx)
            _leave_processes()
            return result
        except InputError as error:
            _show(error)
            raise typer.Exit(2) from None
        except (Interrupted, KeyboardInterrupt) as error:
            raise typer.Exit(_stopped(error, self._arguments)) from None
        except BrokenPipeError as error:
            if error.filename == STANDARD_OUTPUT or _nobody_reads_output():
                _leave_closed_pipe()
            raise RuntimeError("a helper process has ended") from error  # not as typer takes it
        except Exception as error:
            known = explained(error)
            if known is None:
                raise
            _show(known)
            raise typer.Exit(2) from error


def _stopped(error: BaseException, arguments: list[str]) -> int:
    """Say how to go on where something is saved, else nothing; the exit code."""
    if _resumes(arguments):
        print_status("stopped; finished work is saved. The same command resumes:")
        print_status(f"  {command(*sys.argv[1:])}", style="bold")
    return RUN_AGAIN if isinstance(error, Interrupted) else 128 + signal.SIGINT


def _resumes(arguments: list[str]) -> bool:
    """Whether a command keeps what it has finished when it is stopped."""
    named = " ".join(arguments[:2]) if arguments[:1] in (["corpus"], ["tokenizer"]) else (
        next(iter(arguments), "")
    )  # fmt: skip
    if named == "evaluate":
        return any(each.partition("=")[0] == "--out" for each in arguments)
    return named in _RESUME and "--dry-run" not in arguments


def _show(error: InputError) -> None:
    """Print an error; a process that is silent otherwise prints it with its rank."""
    try:
        rank = launched_process().rank
    except InputError:  # of the variables themselves
        rank = 0
    who = f"error on rank {rank}" if rank else "error"
    parts = [visible_cell(error.what), error.why, error.mend]
    print_error("\n  ".join(part for part in parts if part), who)


def _take_place(launched: Launched) -> None:
    """Print on rank 0 alone; hide what a launcher left behind from the libraries."""
    if launched.is_alone:
        rank = os.environ.get("RANK", "0")
        if rank != "0":
            print_status(f"RANK is {rank}, but there is one process: RANK is ignored")
        # Accelerate reads them, and would wait for processes that nobody has started.
        for name in _LAUNCHERS_VARIABLES:
            os.environ.pop(name, None)
        return
    if not launched.is_first:
        silence()
    # Silences torch's warning about the search for unused parameters: training/processes.py.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")


def _refuse_other_bytes(arguments: list[str]) -> None:
    """Refuse arguments that are not text: no name or file of ours could hold them."""
    for each in arguments:
        if not each.isascii() and any("\ud800" <= character <= "\udfff" for character in each):
            raise InputError(
                f"{each} is not UTF-8",
                mend="Write text in UTF-8; rename a file or folder with such a name.",
            )


def _open_closed_streams() -> None:
    """Open what the caller has closed; make standard output print any text.

    Without this the next file that is opened would get the number of standard output.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _nobody_reads_output() -> bool:
    """Whether standard output is a pipe without a reader: a library's error does not say which."""
    output = select.poll()
    output.register(1, 0)  # errors are reported in any case
    return any(event & select.POLLERR for _, event in output.poll(0))


def _leave_closed_pipe() -> NoReturn:
    """End quietly if whoever reads our output has ended, as after `| head`."""
    _drop_unwritable_output()
    sys.exit(128 + signal.SIGPIPE)


def _drop_unwritable_output() -> None:
    """Drop output that cannot be written; else Python tries again at its exit, with code 120.

    Nothing is lost in silence: `console` flushes every line, so printing it has failed already.
    """
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _leave_processes() -> None:
    """Destroy torch's process group, if there is one."""
    # Ctrl-C while torch is imported leaves parts of it behind.
    if {"torch", "torch.distributed"} <= sys.modules.keys():
        from torch import distributed

        if distributed.is_available() and distributed.is_initialized():
            distributed.destroy_process_group()


@contextmanager
def preemptible() -> Iterator[None]:
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


legible_types()


def _group(help_text: str) -> typer.Typer:
    return typer.Typer(help=help_text, no_args_is_help=True, pretty_exceptions_enable=False)


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Small language models from little data, distilled from teacher models.",
)


def _print_version(is_asked: bool) -> bool:
    if is_asked:
        print_line(f"babyllama {metadata.version('babyllama')}")
        raise typer.Exit
    return is_asked


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Options without a command."""


corpus_app = _group("Fetch a corpus, identify it, clean it, count it, or generate one.")
tokenizer_app = _group("Train a tokenizer, or see how one cuts a text.")

corpus_app.command()(data.clean)
corpus_app.command()(data.stats)
corpus_app.command()(data.synthesize)
corpus_app.command("leaks")(leaks.leaks)
corpus_app.command()(releases.fetch)
corpus_app.command()(releases.identify)
tokenizer_app.command("train")(data.tokenizer_train)
tokenizer_app.command("stats")(data.tokenizer_stats)

START, STEPS, MODELS, SCORES, UPKEEP = "Start", "Steps", "Models", "Scores", "Upkeep"
app.command(rich_help_panel=START)(running.run)
app.command(rich_help_panel=START)(starting.init)
app.command(rich_help_panel=START)(running.recipes)
app.command(rich_help_panel=START)(showing.show)
app.command(rich_help_panel=START)(comparing.report)
app.command(rich_help_panel=START)(studying.study)
app.command(rich_help_panel=START)(studying.studies)
app.command(rich_help_panel=START)(lessons.lesson)
app.add_typer(corpus_app, name="corpus", rich_help_panel=STEPS)
app.add_typer(tokenizer_app, name="tokenizer", rich_help_panel=STEPS)
app.command(rich_help_panel=STEPS)(data.tokenize)
app.command(rich_help_panel=STEPS)(teaching.pretrain)
app.command(rich_help_panel=STEPS)(teaching.signal)
app.command(rich_help_panel=STEPS)(teaching.sample)
app.command(rich_help_panel=STEPS)(teaching.distill)
app.command(rich_help_panel=MODELS)(playing.play)
app.command(rich_help_panel=MODELS)(generating.generate)
app.command(rich_help_panel=MODELS)(exporting.export)
app.command(rich_help_panel=MODELS)(publishing.publish)
app.command(rich_help_panel=MODELS)(publishing.submission)
app.command(rich_help_panel=SCORES)(evaluation.evaluate)
app.command(rich_help_panel=SCORES)(comparing.compare)
app.command(rich_help_panel=SCORES)(curves.curves)
app.command(rich_help_panel=SCORES)(finetuning.finetune)
app.command("lm-eval", rich_help_panel=SCORES, context_settings=harness.PASS_ARGUMENTS_ON)(
    harness.lm_eval
)
app.command(rich_help_panel=UPKEEP)(listing.ls)
app.command(rich_help_panel=UPKEEP)(running.watch)
app.command(rich_help_panel=UPKEEP)(running.verify)
app.command(rich_help_panel=UPKEEP)(listing.doctor)
