"""`babyllama submission`: the files that BabyLM asks participants to submit."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from babyllama.cli.arguments import benchmark_and_path
from babyllama.cli.outputs import refuse_inputs, refuse_unwritable_folder
from babyllama.console import print_status


def submission(
    run: Annotated[Path, typer.Argument(help="A run's folder.")],
    out: Annotated[Path, typer.Option("--out", help="The folder to write.")],
    model: Annotated[
        str | None, typer.Option(help="Which model; by default the only distilled student.")
    ] = None,
    year: Annotated[
        Literal["2025", "2026"], typer.Option(help="The year whose format is written.")
    ] = "2025",
    track: Annotated[
        Literal["strict-small", "strict"],
        typer.Option(help="The track, which decides which checkpoints are needed."),
    ] = "strict-small",
    predictions: Annotated[
        list[Path] | None,
        typer.Option(
            help="A folder of predictions, written by `evaluate` or `finetune`; repeatable."
        ),
    ] = None,
    results: Annotated[
        list[Path] | None,
        typer.Option(help="A result file, of checkpoints or of more benchmarks; repeatable."),
    ] = None,
    benchmark: Annotated[
        list[str] | None,
        typer.Option(help="NAME=PATH: a benchmark whose predictions contain no texts; repeatable."),
    ] = None,
    children: Annotated[
        Path | None,
        typer.Option(help="A Wordbank table, for the score of ages of acquisition of 2026."),
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Write what is available, and null for the rest.")
    ] = False,
) -> None:
    """Write a BabyLM submission: predictions, checkpoints as revisions, a model card.

    Nothing is scored here: missing parts are listed, each with the command that makes it.

    Example: `babyllama submission runs/strict-small --out submission`
    """
    from babyllama.publish.submission import write_submission
    from babyllama.publish.submission.official import FORMATS

    refuse_unwritable_folder(out)
    refuse_inputs([out], [run, *(predictions or [])])
    missing = write_submission(
        run, out, model=model, track=track, year_format=FORMATS[year],
        predictions=predictions or [], results=results or [],
        data=dict(benchmark_and_path(each) for each in benchmark or ()), children=children,
        partial=partial,
    )  # fmt: skip
    for each in missing:
        print_status(f"  missing: {each}", style="yellow")
    if missing and year == "2026":
        print_status("  The leaderboard counts a missing score as 0.", style="yellow")
    print_status(
        f"Written to {out}, one folder per branch: {'incomplete' if missing else 'complete'}."
    )
