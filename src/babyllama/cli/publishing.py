"""`babyllama submission` and `publish`: what others get of a run."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from babyllama.cli.arguments import benchmark_and_path
from babyllama.cli.outputs import refuse_inputs, refuse_unwritable_folder
from babyllama.console import (
    format_bytes,
    print_line,
    print_result,
    print_status,
    table,
    visible_cell,
)
from babyllama.errors import InputError


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


def publish(
    run: Annotated[Path, typer.Argument(help="A run's folder.")],
    repo: Annotated[
        str, typer.Option(help="The repository: NAME or ORGANISATION/NAME; created if necessary.")
    ],
    model: Annotated[
        str | None,
        typer.Option(
            help="Which model; by default the only distilled student. `all`: every model, each "
            "in REPO-MODEL."
        ),
    ] = None,
    private: Annotated[
        bool,
        typer.Option(
            "--private",
            help="Create private repositories, and refuse public ones. Without it new ones are "
            "public.",
        ),
    ] = False,
    yes: Annotated[
        bool,
        typer.Option("--yes", help="Overwrite files that differ on the hub, without a question."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print what would be uploaded; ask no network.")
    ] = False,
) -> None:
    """Publish a model on the Hugging Face hub: weights, card, report, checkpoints as branches.

    Paths and names of this machine and its user are replaced. After an interruption the same
    command goes on.

    Example: `babyllama publish runs/mini --repo mini-distilled --private`
    """
    from babyllama.publish.hub import planned_models, publish_models

    if dry_run:
        for name, contents in planned_models(run, repo, model=model):
            sizes = {
                f"{branch}/{path}": each.size
                for branch, files in contents.branches.items()
                for path, each in files.items()
            }
            _print_plan(name, sizes, contents.remarks)
        seen = "private" if private else "public; --private makes it private"
        print_status(f"Nothing was uploaded. A new repository would be {seen}.")
        return
    for address in publish_models(
        run, repo, model=model, is_private=private, confirm=lambda other: yes or _confirmed(other)
    ):
        print_line(f"Published: {address}")


def _print_plan(name: str, sizes: Mapping[str, int], remarks: Sequence[str]) -> None:
    """Print what a repository would hold."""
    rows = [(file, format_bytes(size)) for file, size in sizes.items()]
    rows.append((f"{len(rows)} files", format_bytes(sum(sizes.values()))))
    print_result(table(f"{name} would hold", ("branch/file", "size"), rows))
    for remark in remarks:
        print_line(remark)
    print_line()


def _confirmed(other: str) -> bool:
    """Ask in a terminal whether to overwrite.

    Raises:
        InputError: there is none.
    """
    if not sys.stdin.isatty():
        raise InputError(
            other,
            why="There is no terminal to ask whether to overwrite it. Nothing was uploaded.",
            mend="Add --yes to overwrite what differs and keep the rest, or choose another --repo.",
        )
    return typer.confirm(f"{visible_cell(other)}. Overwrite what differs, keep the rest?", err=True)
