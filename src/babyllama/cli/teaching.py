"""`babyllama pretrain`, `signal`, `distill` and `generate`: one model or signal at a time."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from babyllama.cli.arguments import (
    Out,
    RecipeName,
    Settings,
    Tokenizer,
    Tokens,
    complete_stage,
    launched_process,
)
from babyllama.console import print_result, table
from babyllama.errors import InputError

if TYPE_CHECKING:
    from babyllama.recipe import Recipe, TwinStudent
    from babyllama.runs.artefact import Stage


def pretrain(
    recipe: RecipeName,
    model: Annotated[str, typer.Option(help="Which teacher or student of the recipe to train.")],
    tokens: Tokens,
    tokenizer: Tokenizer,
    out: Out,
    settings: Settings = None,
) -> None:
    """Train one model of a recipe on text alone: a teacher or a twin.

    Example: `babyllama pretrain mini --model gpt2 --tokens tokens --tokenizer tokenizer --out gpt2`
    """
    from babyllama.pipeline import stages
    from babyllama.recipe import TwinStudent, load_recipe, names

    loaded = load_recipe(recipe, tuple(settings or ()))
    if model in loaded.matched_twins:
        from babyllama.pipeline.run import with_resolved_signal

        loaded = with_resolved_signal(loaded, out)  # epochs follow from all models
    part, student = loaded.pretraining(model), loaded.students.get(model)
    if isinstance(student, TwinStudent):
        _refuse_matching(loaded, model, student)
        stage = stages.twin_stage(loaded, model, tokens, tokenizer, out)
    else:
        stage = stages.pretraining_stage(part, tokens, tokenizer, out, loaded.seed_of(model))
    folder = names.TEACHERS if model in loaded.teachers else names.STUDENTS
    complete_stage(_as_in_run(stage, loaded, folder))


def signal(
    teachers: Annotated[list[Path], typer.Argument(help="Model folders of the teachers.")],
    tokens: Tokens,
    out: Out,
    kind: Annotated[
        Literal["hidden", "topk", "sampled"],
        typer.Option(help="hidden: last hidden states. topk, sampled: a few tokens per position."),
    ] = "hidden",
    precision: Annotated[
        Literal["bfloat16", "int8"] | None,
        typer.Option(help="Precision of hidden states; bfloat16 by default."),
    ] = None,
    bytes_per_token: Annotated[
        int | None, typer.Option(help="Compress hidden states to this many bytes per token.")
    ] = None,
    k: Annotated[
        int | None, typer.Option("--k", help="Tokens per position (topk, sampled).")
    ] = None,
    temperature: Annotated[
        list[float] | None,
        typer.Option(
            help="Temperatures that students may use (topk, sampled); 1 and 2 by default; "
            "repeatable."
        ),
    ] = None,
    weight: Annotated[
        list[float] | None, typer.Option(help="One weight per teacher, in their order; repeatable.")
    ] = None,
    mean_of: Annotated[
        Literal["logits", "probabilities"], typer.Option(help="What is averaged over the teachers.")
    ] = "logits",
    window: Annotated[int, typer.Option(help="Tokens per window.", min=8)] = 128,
    passes: Annotated[
        int,
        typer.Option(help="Passes at evenly spaced offsets, for `shifted` windows.", min=1, max=64),
    ] = 1,
    processes: Annotated[
        int, typer.Option(help="Processes that share the work on this machine.", min=1)
    ] = 1,
) -> None:
    """Run the teachers once and store their predictions, for any number of students.

    Under `torchrun` all processes share the work.

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
    launched = launched_process()
    stage = stages.signal_stage(
        teachers, tokens, recipe, out, window=window, offsets=offsets, launched=launched,
        processes=processes,
    )  # fmt: skip
    if not launched.is_first:
        stage.build(artefact.partial_folder(out))
        return
    # No call to the other processes: they wait for the folder.
    complete_stage(replace(stage, together=False))
    _show_fidelity(out)


def sample(
    teachers: Annotated[list[Path], typer.Argument(help="Model folders of the teachers.")],
    tokens: Tokens,
    out: Out,
    temperature: Annotated[float, typer.Option(help="Less than 1 is sharper.")] = 1.0,
    top_k: Annotated[
        int | None, typer.Option(help="Sample among so many most likely tokens; all by default.")
    ] = None,
    amount: Annotated[
        float, typer.Option(help="Tokens to write, as a multiple of the training text's.")
    ] = 1.0,
    real_share: Annotated[
        float, typer.Option(help="The share of real training text, from 0 to 1.")
    ] = 0.0,
    seed: Annotated[
        int, typer.Option(min=0, max=2**31 - 1, help="The same seed gives the same text.")
    ] = 0,
    window: Annotated[int, typer.Option(help="Tokens that the teachers see at most.", min=8)] = 128,
    mean_of: Annotated[
        Literal["logits", "probabilities"], typer.Option(help="What is averaged over the teachers.")
    ] = "logits",
) -> None:
    """Let teachers write text, as token streams that `pretrain` trains on like on any text.

    Example: `babyllama sample llama gpt2 --tokens tokens --out sampled`
    """
    from babyllama.pipeline import stages
    from babyllama.recipe import Mixing, Sampling, parse

    asked = {"temperature": temperature, "top_k": top_k, "amount": amount, "real_share": real_share}
    sampling = parse(Sampling, asked, "sample")
    stage = stages.sampled_text_stage(
        teachers, tokens, sampling, out, window=window, mixing=Mixing(mean_of=mean_of), seed=seed
    )
    complete_stage(stage)


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
        str | None,
        typer.Option(help="Which student of the recipe; the first distilled one by default."),
    ] = None,
    alpha: Annotated[
        float | None, typer.Option(help="Weight of the text; the teachers have weight 1 - alpha.")
    ] = None,
    temperature: Annotated[float | None, typer.Option(help="Distillation temperature.")] = None,
    weight: Annotated[
        list[float] | None, typer.Option(help="One weight per teacher, in their order; repeatable.")
    ] = None,
    settings: Settings = None,
) -> None:
    """Train a student on the text and on teachers, or on their stored signal.

    Example: `babyllama distill mini --tokens T --tokenizer B --signal S --out student`
    """
    from babyllama.pipeline import stages
    from babyllama.recipe import DistilledStudent, load_recipe, mixing_of, names, parse

    if bool(teacher) == bool(signal_folder):
        raise InputError(
            "distill needs either --teacher or --signal",
            why="A student learns from running teachers or from a stored signal, not from both.",
            mend="For example: --teacher runs/mini/teachers/llama",
        )
    loaded = load_recipe(recipe, tuple(settings or ()))
    first = model or next(iter(loaded.distilled), "")
    student = loaded.distilled.get(first)
    if student is None:
        raise InputError(
            f"recipe {loaded.name} has no distilled student {first!r}",
            why=f"Its distilled students: {', '.join(loaded.distilled) or 'none'}.",
            mend="Name one of them with --model." if loaded.distilled else "Choose another recipe.",
        )
    # The options describe the teachers or the signal named here, not those of the recipe.
    asked = {"alpha": alpha, "temperature": temperature, "weights": weight}
    given = {name: value for name, value in asked.items() if value is not None}
    tree = student.model_dump(mode="json") | given
    tree |= {"teachers": None} if signal_folder else {}
    student = parse(DistilledStudent, tree, "distill")
    stage = stages.distillation_stage(
        student, tokens, tokenizer, out, loaded.seed, teachers=teacher or [], signal=signal_folder,
        mixing=mixing_of(loaded.signal),
    )  # fmt: skip
    complete_stage(_as_in_run(stage, loaded, names.STUDENTS))


def _refuse_matching(recipe: "Recipe", name: str, twin: "TwinStudent") -> None:
    """Refuse a twin that needs teachers, which only a run has."""
    if twin.matches_teachers:
        raise InputError(
            f"recipe {recipe.name}: students.{name}.smoothing.epsilon is matched",
            why="It is measured on the teachers, and this command trains without any.",
            mend="Train it in a run, with babyllama run; or give epsilon a number.",
        )


def _as_in_run(stage: "Stage", recipe: "Recipe", folder: str) -> "Stage":
    """The stage with the threads that it has in a run, which give it the same bits."""
    from babyllama.pipeline.sharing import with_share

    return with_share(stage, recipe, folder) if launched_process().is_alone else stage


def _show_fidelity(folder: Path) -> None:
    """Print how close a stored signal is to its teachers, one line per temperature."""
    from babyllama.runs.layout import FIDELITY

    measured = json.loads((folder / FIDELITY).read_text("utf-8"))
    rows = [
        (
            temperature,
            "unbiased" if each["kl"] is None else f"{each['kl']:.5f}",
            f"{each['gradient_angle']:.1f}",
            f"{each['gradient_norm_ratio']:.3f}",
        )
        for temperature, each in measured["temperatures"].items()
    ]
    columns = (
        "temperature",
        "KL, nats per token",
        "gradient angle, degrees",
        "gradient norm ratio",
    )
    title = f"{measured['bytes_per_token']:,} bytes per token, compared with the teachers"
    print_result(table(title, columns, rows))
