"""The command line: parses, calls, prints.

Nothing heavy is imported before a command needs it, so that `--help` answers at once. The one
place where an `InputError` becomes a message and exit code 2.
"""

import json
import os
import shlex
import signal as signals
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from babyllama.cli.arguments import refuse_unwritable_place
from babyllama.cli.comparing import compare
from babyllama.cli.curves import curves
from babyllama.cli.evaluation import evaluate
from babyllama.cli.finetuning import finetune
from babyllama.cli.harness import PASSED_ON, lm_eval
from babyllama.cli.submission import submission
from babyllama.console import (
    RUN_AGAIN,
    Interrupted,
    format_bytes,
    format_count,
    format_duration,
    print_result,
    print_status,
    silence,
    stderr_console,
    table,
)
from babyllama.errors import InputError

if TYPE_CHECKING:
    from babyllama.pipeline.stages import Launched
    from babyllama.recipe import Recipe
    from babyllama.runs.artefact import Stage


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
        signals.signal(number, signals.SIG_IGN)  # clusters repeat themselves
        raise Interrupted

    try:
        before = signals.signal(signals.SIGTERM, stop)
    except ValueError:  # not the main thread
        yield
        return
    try:
        yield
    finally:
        signals.signal(signals.SIGTERM, before)


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

Settings = Annotated[
    list[str] | None, typer.Option("--set", help="Change a field of the recipe: key.path=value.")
]
RecipeName = Annotated[str, typer.Argument(help="A built-in recipe's name, or a YAML file.")]
Out = Annotated[Path, typer.Option("--out", help="The folder to write.")]
Tokens = Annotated[Path, typer.Option("--tokens", help="A folder written by `tokenize`.")]
Tokenizer = Annotated[
    Path, typer.Option("--tokenizer", help="A folder written by `tokenizer train`.")
]


@app.command()
def run(
    recipe: RecipeName,
    run_dir: Annotated[
        Path | None, typer.Option(help="The run's folder; runs/NAME unless told otherwise.")
    ] = None,
    settings: Settings = None,
    until: Annotated[str | None, typer.Option(help="Stop after this stage.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan only.")] = False,
) -> None:
    """Raw text in, an evaluated student out: every stage that is not complete yet.

    Under `torchrun` or `accelerate launch` models are trained by all processes together.

    Example: `babyllama run mini`
    """
    from babyllama.pipeline import run as line_of_run
    from babyllama.recipe import load_recipe
    from babyllama.runs import artefact

    loaded = load_recipe(recipe, tuple(settings or ()))
    folder = run_dir or Path("runs") / loaded.name
    launched = _launched()
    line_of_run.refuse_other_run(loaded, folder)
    loaded = _settled(loaded, folder, launched)
    line = line_of_run.selected(loaded, folder, until)
    if dry_run:
        _show_plan(loaded, folder, line)
        return
    is_first = launched.rank == 0
    if is_first and any(artefact.status(stage).state != "complete" for stage in line):
        from babyllama.pipeline.checks import refuse_impossible

        refuse_impossible(loaded, folder, processes=launched.count)
    line_of_run.run(loaded, folder, until=until, launched=launched)
    if launched.rank > 0:
        return
    report = artefact.read_manifest(folder / "report")
    if report and until in (None, "report"):
        print(report["facts"]["first_sentence"])
        print(f"Report: {folder / 'report' / 'index.html'}")


@app.command()
def recipes(
    name: Annotated[str | None, typer.Argument(help="A recipe to print.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    settings: Settings = None,
) -> None:
    """List the built-in recipes, or print one, fully resolved.

    Example: `babyllama recipes mini > mine.yaml`
    """
    from babyllama.recipe import built_in_recipes, load_recipe, to_json, to_yaml

    if name:
        loaded = load_recipe(name, tuple(settings or ()))
        print(to_json(loaded) if as_json else to_yaml(loaded), end="\n" if as_json else "")
    elif as_json:
        print(json.dumps(built_in_recipes()))
    else:
        for each in built_in_recipes():
            print(each)


@corpus_app.command()
def clean(
    src: Annotated[Path, typer.Argument(help="A folder with train/ and dev/, or plain files.")],
    out: Annotated[Path, typer.Argument(help="The folder to write.")],
    domain: Annotated[
        str | None, typer.Option(help="Clean every file as this domain, whatever its name.")
    ] = None,
    rules: Annotated[Literal["paper", "thorough"], typer.Option(help="Which cleaners.")] = (
        "thorough"
    ),
    dev_fraction: Annotated[
        float, typer.Option(min=0.001, max=0.5, help="Kept for dev where there is no dev/.")
    ] = 0.05,
) -> None:
    """Clean a corpus, a file a domain, and count it.

    Example: `babyllama corpus clean data/babylm_10M clean --rules paper`
    """
    from babyllama.pipeline import stages
    from babyllama.recipe import CorpusRecipe, FolderSource

    source = FolderSource(kind="folder", path=src, dev_fraction=dev_fraction)
    recipe = CorpusRecipe(source=source, rules=rules)
    _complete(stages.corpus_stage(src, recipe, out, domain=domain))


@corpus_app.command()
def stats(
    folder: Annotated[Path, typer.Argument(help="A corpus: train/ and dev/, or plain files.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Count a corpus by split and domain.

    Example: `babyllama corpus stats clean`
    """
    from babyllama.data.statistics import corpus_statistics

    counted = corpus_statistics(folder)
    if as_json:
        print(json.dumps(counted, indent=1, ensure_ascii=False))
        return
    columns = ("documents", "lines", "words", "characters")
    for split in ("train", "dev"):
        rows = [
            (name, *(f"{row[column]:,}" for column in columns))
            for name, row in [
                *counted[split]["domains"].items(),
                ("total", counted[split]["total"]),
            ]
        ]
        print_result(table(split, ("domain", *columns), rows))


@corpus_app.command()
def synthesize(
    out: Annotated[Path, typer.Argument(help="The folder to write.")],
    words: Annotated[int, typer.Option(help="White-space words of training text.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 0,
    dev_words: Annotated[
        int | None, typer.Option(help="White-space words of dev text; a fifth by default.")
    ] = None,
) -> None:
    """Write English-like text of known entropy, and minimal pairs.

    Example: `babyllama corpus synthesize grammar --words 100000 --seed 1`
    """
    from babyllama.pipeline import stages
    from babyllama.recipe import SyntheticSource, parse

    tree = {
        "kind": "synthetic",
        "words": words,
        "dev_words": max(200, words // 5) if dev_words is None else dev_words,
    }
    recipe = parse(SyntheticSource, tree, "corpus synthesize")
    _complete(stages.source_stage(recipe, out, seed=seed))


@tokenizer_app.command("train")
def tokenizer_train(
    corpus: Annotated[Path, typer.Argument(help="A clean corpus.")],
    out: Annotated[Path, typer.Argument(help="The folder to write.")],
    vocab_size: Annotated[int, typer.Option(help="Tokens, the three special ones included.")] = (
        16_000
    ),
) -> None:
    """Train byte-level BPE on a corpus's training text.

    Example: `babyllama tokenizer train clean tokenizer --vocab-size 16000`
    """
    from babyllama.pipeline import stages
    from babyllama.recipe import TokenizerRecipe, parse

    recipe = parse(TokenizerRecipe, {"vocab_size": vocab_size}, "tokenizer train")
    _complete(stages.tokenizer_stage(corpus, recipe, out))


@app.command()
def tokenize(
    corpus: Annotated[Path, typer.Argument(help="A clean corpus.")],
    tokenizer: Annotated[Path, typer.Argument(help="A tokenizer folder.")],
    out: Annotated[Path, typer.Argument(help="The folder to write.")],
    layout: Annotated[
        Literal["lines", "stream"], typer.Option(help="Where <s> and </s> stand.")
    ] = "lines",
) -> None:
    """Write a corpus as memory-mapped streams of tokens.

    Example: `babyllama tokenize clean tokenizer tokens`
    """
    from babyllama.pipeline import stages
    from babyllama.recipe import TokensRecipe

    _complete(stages.tokens_stage(corpus, tokenizer, TokensRecipe(layout=layout), out))


@app.command()
def pretrain(
    recipe: RecipeName,
    model: Annotated[str, typer.Option(help="The teacher or student of the recipe to train.")],
    tokens: Tokens,
    tokenizer: Tokenizer,
    out: Out,
    settings: Settings = None,
) -> None:
    """Train one model of a recipe on text alone: a teacher, or a twin.

    Example: `babyllama pretrain mini --model gpt2 --tokens tokens --tokenizer tokenizer --out gpt2`
    """
    from babyllama.pipeline import stages
    from babyllama.recipe import load_recipe

    loaded = load_recipe(recipe, tuple(settings or ()))
    part = loaded.pretraining(model)
    _complete(stages.pretraining_stage(part, tokens, tokenizer, out, loaded.seed))


@app.command()
def signal(
    teachers: Annotated[list[Path], typer.Argument(help="Model folders.")],
    tokens: Tokens,
    out: Out,
    kind: Annotated[
        Literal["hidden", "topk", "sampled"],
        typer.Option(help="hidden: last hidden states. topk, sampled: a few tokens a position."),
    ] = "hidden",
    precision: Annotated[
        Literal["bfloat16", "int8"] | None, typer.Option(help="Of hidden states: bfloat16.")
    ] = None,
    bytes_per_token: Annotated[
        int | None, typer.Option(help="Transform-code hidden states into so many bytes a token.")
    ] = None,
    k: Annotated[int | None, typer.Option("--k", help="Tokens a position: topk, sampled.")] = None,
    temperature: Annotated[
        list[float] | None,
        typer.Option(help="topk, sampled: what it can be read at, 1 and 2; repeatable."),
    ] = None,
    weight: Annotated[
        list[float] | None, typer.Option(help="A weight a teacher, in their order; repeatable.")
    ] = None,
    mean_of: Annotated[
        Literal["logits", "probabilities"], typer.Option(help="What is averaged over teachers.")
    ] = "logits",
    window: Annotated[int, typer.Option(help="Tokens a window.", min=8)] = 128,
    passes: Annotated[
        int, typer.Option(help="Passes at even offsets, for `shifted` windows.", min=1, max=64)
    ] = 1,
    processes: Annotated[
        int, typer.Option(help="Processes that write together on this machine.", min=1)
    ] = 1,
) -> None:
    """Run the teachers once and store what they say, for any number of students.

    Under `torchrun` its processes write together.

    Example: `babyllama signal llama gpt2 --tokens tokens --bytes-per-token 64 --out signal`
    """
    from babyllama.pipeline import stages
    from babyllama.recipe import FixedWindows, ShiftedWindows, parse_stored_signal
    from babyllama.runs import artefact

    asked = {
        "kind": kind, "precision": precision, "bytes_per_token": bytes_per_token, "k": k,
        "temperatures": temperature, "weights": weight, "mean_of": mean_of,
    }  # fmt: skip
    given = {name: value for name, value in asked.items() if value is not None}
    recipe = parse_stored_signal(given, "signal")
    placing = ShiftedWindows(kind="shifted", passes=passes) if passes > 1 else FixedWindows()
    offsets = placing.offsets(window)
    launched = _launched()
    if launched.rank > 0:
        from babyllama.signals.store import SignalSource, write_share

        source = SignalSource(tuple(teachers), tokens, recipe, window, offsets)
        partial = artefact.partial_folder(out)
        write_share(source, partial, launched.rank, launched.count, finished=out)
        return
    alone = launched.count == 1
    stage = stages.signal_stage(
        teachers, tokens, recipe, out, window=window, offsets=offsets,
        processes=processes if alone else launched.count, alone=alone,
    )  # fmt: skip
    _complete(replace(stage, together=False))  # the others need no call: they wait for the folder
    _show_fidelity(out)


@app.command()
def distill(
    recipe: RecipeName,
    tokens: Tokens,
    tokenizer: Tokenizer,
    out: Out,
    teacher: Annotated[
        list[Path] | None, typer.Option(help="A teacher to run beside the student; repeatable.")
    ] = None,
    signal_folder: Annotated[
        Path | None, typer.Option("--signal", help="A folder written by `signal`.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="The student of the recipe; its first distilled one.")
    ] = None,
    alpha: Annotated[float | None, typer.Option(help="Weight of the text.")] = None,
    temperature: Annotated[float | None, typer.Option(help="T of the KL.")] = None,
    weight: Annotated[
        list[float] | None, typer.Option(help="A weight a teacher, in their order; repeatable.")
    ] = None,
    settings: Settings = None,
) -> None:
    """Train a student on the text and on what teachers or a stored signal say.

    Example: `babyllama distill mini --tokens T --tokenizer B --signal S --out student`
    """
    from babyllama.pipeline import stages
    from babyllama.recipe import DistilledStudent, load_recipe, mixing_of, parse

    if bool(teacher) == bool(signal_folder):
        raise InputError(
            "distill needs either --teacher or --signal",
            why="The student learns from teachers that run, or from what they said once.",
            mend="For example: --teacher runs/mini/teachers/llama",
        )
    loaded = load_recipe(recipe, tuple(settings or ()))
    first = model or next(iter(loaded.distilled))
    student = loaded.distilled.get(first)
    if student is None:
        raise InputError(
            f"recipe {loaded.name} has no distilled student {first!r}",
            why=f"Its distilled students: {', '.join(loaded.distilled)}.",
        )
    # These belong to the teachers and the signal that are named here, not to the recipe's own.
    asked = {"alpha": alpha, "temperature": temperature, "weights": weight}
    given = {name: value for name, value in asked.items() if value is not None}
    student = parse(DistilledStudent, student.model_dump(mode="json") | given, "distill")
    stage = stages.distillation_stage(
        student.pretraining, student, tokens, tokenizer, teacher or [], signal_folder, out,
        loaded.seed, mixing_of(loaded.signal),
    )  # fmt: skip
    _complete(stage)


app.command()(evaluate)
app.command()(compare)
app.command()(curves)
app.command()(finetune)
app.command("lm-eval", context_settings=PASSED_ON)(lm_eval)
app.command()(submission)


@app.command()
def generate(
    model: Annotated[Path, typer.Argument(help="A model folder.")],
    prompt: Annotated[str, typer.Option(help="How the text begins.")],
    n: Annotated[int, typer.Option("--n", min=1, help="How many continuations.")] = 1,
    seed: Annotated[int, typer.Option(help="The same seed gives the same text.")] = 0,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Longest continuation.")] = 60,
) -> None:
    """Let a model go on from a prompt.

    Example: `babyllama generate runs/mini/students/distilled --prompt "Anna saw"`
    """
    from babyllama.models.generation import continuations

    for text in continuations(model, prompt, n=n, seed=seed, max_new_tokens=max_new_tokens):
        print(text)


@app.command()
def report(
    runs: Annotated[list[Path], typer.Argument(help="Run folders.")],
    out: Out,
) -> None:
    """Write the report of one or several runs: index.html, report.md, figures.

    Example: `babyllama report runs/mini --out report`
    """
    from babyllama.report import write_report

    refuse_unwritable_place(out)
    facts = write_report(runs, out)
    print(facts["first_sentence"])
    print(f"Report: {out / 'index.html'}")


@app.command()
def watch(
    run: Annotated[Path, typer.Argument(help="A run, or a model's folder, finished or not.")],
    once: Annotated[bool, typer.Option("--once", help="Print one picture and end.")] = False,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between looks.")] = 2.0,
) -> None:
    """Show how far a run is, from another terminal: it is only read. Ctrl-C ends the watching.

    Example: `babyllama watch runs/mini`
    """
    from babyllama.watch import watch as follow

    follow(run, every=every, once=once)


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(help="A run, or any folder of finished artefacts.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Read every finished artefact again and name what is damaged. Exit code 1 if anything is.

    Example: `babyllama verify runs/mini`
    """
    from babyllama.runs import artefact

    if not folder.is_dir():
        raise InputError(f"{folder} is no folder", mend="Name a run: babyllama verify runs/mini")
    found = artefact.verify(folder)
    if as_json:
        print(json.dumps({str(path): lines for path, lines in found.items()}, indent=1))
    for path, lines in found.items():
        if not as_json:
            print(f"{path}: {'whole' if not lines else ''}".rstrip())
            for line in lines:
                print(f"  {line}")
    damaged = [path for path, lines in found.items() if lines]
    if not found:
        raise InputError(
            f"{folder} holds no finished artefact", why="None of its folders has a manifest.json."
        )
    if damaged:
        print_status("Run the command that made it again: what is damaged is made anew.")
        raise typer.Exit(1)


def _settled(recipe: "Recipe", folder: Path, launched: "Launched") -> "Recipe":
    """The recipe with `signal: auto` decided, which is said; by the first of several processes."""
    if recipe.signal.kind != "auto":
        return recipe
    from babyllama.pipeline.planning import settled

    if launched.count == 1:
        decided, why = settled(recipe, folder)
        print_status(why)
        return decided
    from babyllama.recipe import Recipe, parse, to_json
    from babyllama.training.processes import Processes

    words = None
    if launched.rank == 0:
        decided, why = settled(recipe, folder)
        print_status(why)
        words = to_json(decided)
    heard = Processes().broadcast(words)
    return parse(Recipe, json.loads(heard or "{}"), f"recipe {recipe.name}")


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


def _complete(stage: "Stage") -> None:
    from babyllama.pipeline import run as line_of_run
    from babyllama.runs import artefact

    launched = _launched()
    if launched.rank > 0:
        line_of_run.complete(stage, launched)
        return
    line_of_run.refuse_unwritable(stage.out)
    line_of_run.refuse_other_stage(stage)
    refuse_unwritable_place(stage.out)
    with artefact.locked(line_of_run.run_of(stage.out), mend="write elsewhere"):
        line_of_run.complete(stage, launched)
    print(stage.out)


def _launched() -> "Launched":
    """What torchrun, `accelerate launch` or a batch script says of this process."""
    from babyllama.pipeline.stages import Launched

    rank, count = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    return Launched(rank, count)


def _show_fidelity(folder: Path) -> None:
    """How close a stored signal comes to its teachers, a line a temperature."""
    measured = json.loads((folder / "fidelity.json").read_text("utf-8"))
    rows = [
        (
            temperature,
            "unbiased" if each["kl"] is None else f"{each['kl']:.5f}",
            f"{each['gradient_angle']:.1f}",
            f"{each['gradient_norm_ratio']:.3f}",
        )
        for temperature, each in measured["temperatures"].items()
    ]
    columns = ("temperature", "KL, nats a token", "gradient angle, degrees", "its length")
    title = f"{measured['bytes_per_token']:,} bytes a token, against the teachers themselves"
    print_result(table(title, columns, rows))


def _show_plan(recipe: Any, folder: Path, line: list[Any]) -> None:
    from babyllama.pipeline.planning import plan
    from babyllama.runs import artefact

    planned = plan(recipe, folder)
    states = [(stage.name, artefact.status(stage)) for stage in line]
    print_result(
        table(
            f"Plan of {recipe.name} in {folder}",
            ("stage", "state", "why"),
            [(name, now.state, now.reason) for name, now in states],
        )
    )
    print_result(
        table(
            "Models to train",
            ("model", "parameters", "tokens", "FLOPs"),
            [
                (
                    each.name,
                    f"{each.parameters:,}",
                    format_count(each.tokens),
                    format_count(each.flops),
                )
                for each in planned.models
            ],
        )
    )
    if not planned.counted:
        source = recipe.corpus.source
        print(
            f"{source.path} is not there yet: the plan assumes {source.expected_words:,} words. "
            "Say where the text is: --set corpus.source.path=DIR"
        )
    print(f"Training text: about {planned.train_tokens:,} tokens")
    print(f"FLOPs: {format_count(planned.flops)} (training and signal, evaluation not counted)")
    print(
        f"Disk: {format_bytes(planned.disk_bytes)}, of that the stored signal "
        f"{format_bytes(planned.signal_bytes)}"
    )
    where = "on this card" if planned.device.type == "cuda" else "here"
    for each in planned.models:
        print(f"Peak memory of training {each.name} by itself {where}: {_memory(each.memory)}")
    print(
        f"Time here: about {format_duration(planned.seconds)} if all of it is trained anew "
        f"(products reach {format_count(planned.machine_flops)}FLOP/s here, measured just now)"
    )


def _memory(memory: Any) -> str:
    if memory is None:
        return "unknown, its shapes depend on the text"
    parts = [f"{name} {format_bytes(value)}" for name, value in asdict(memory).items() if value]
    return f"{format_bytes(memory.total)} ({', '.join(parts)})"
