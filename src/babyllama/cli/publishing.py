"""`babyllama submission`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from babyllama.cli.arguments import benchmark_and_path, refuse_unwritable_place
from babyllama.console import print_status


def submission(
    run: Annotated[Path, typer.Argument(help="A run's folder.")],
    out: Annotated[Path, typer.Option("--out", help="The folder to write.")],
    model: Annotated[
        str | None, typer.Option(help="Which model; the only distilled student by default.")
    ] = None,
    year: Annotated[Literal["2025", "2026"], typer.Option(help="Whose format.")] = "2025",
    track: Annotated[
        Literal["strict-small", "strict"], typer.Option(help="It decides on the checkpoints.")
    ] = "strict-small",
    predictions: Annotated[
        list[Path] | None,
        typer.Option(help="A folder that `evaluate` or `finetune` wrote predictions to."),
    ] = None,
    results: Annotated[
        list[Path] | None,
        typer.Option(help="A file of results: of the checkpoints, or of more benchmarks."),
    ] = None,
    benchmark: Annotated[
        list[str] | None,
        typer.Option(help="NAME=PATH: data whose texts predictions do not repeat."),
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Write what there is, null for the rest.")
    ] = False,
) -> None:
    """Write what BabyLM takes: predictions, checkpoints as revisions, a model card.

    Nothing is scored here: what is missing is named, with the command that makes it.

    Example: `babyllama submission runs/strict-small --out submission`
    """
    from babyllama.publish.submission import write_submission
    from babyllama.publish.submission.official import FORMATS

    refuse_unwritable_place(out)
    missing = write_submission(
        run, out, model=model, track=track, form=FORMATS[year],
        predictions=predictions or [], results=results or [],
        data=dict(benchmark_and_path(each) for each in benchmark or ()), partial=partial,
    )  # fmt: skip
    for each in missing:
        print_status(f"  missing: {each}", style="yellow")
    print_status(f"Written to {out}: a folder a branch, {'incomplete' if missing else 'complete'}.")
