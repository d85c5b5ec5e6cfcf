"""`babyllama study` and `studies`: many trainings, one answer."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from babyllama.cli.arguments import refuse_launcher
from babyllama.console import (
    format_bytes,
    format_count,
    format_duration,
    print_json,
    print_line,
    print_result,
    print_status,
    table,
)

if TYPE_CHECKING:
    from babyllama.studies.planning import StudyPlan


def study(
    name: Annotated[
        str, typer.Argument(metavar="STUDY", help="A built-in study's name, or a YAML file.")
    ],
    out: Annotated[Path, typer.Option(help="The study's folder.")],
    scale: Annotated[
        str | None,
        typer.Option(help="Another base recipe: a built-in name, such as mini, or a file."),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(min=2, help="Another number of seeds than the file says.")
    ] = None,
    only: Annotated[str | None, typer.Option(help="Make the trials of this cell only.")] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Make so many things at a time, each with an equal share of the cores; by default "
            "as many as there is room for, each with the cores that `run` gives it.",
        ),
    ] = None,
    keep_going: Annotated[
        bool,
        typer.Option(
            "--keep-going/--stop-on-failure", help="After a failure, make what does not need it."
        ),
    ] = True,
    retries: Annotated[
        int, typer.Option(min=0, help="How often something that failed is tried again.")
    ] = 0,
    accept: Annotated[
        bool,
        typer.Option("--accept", help="Go on in a folder that other versions have made."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print the plan.")] = False,
) -> None:
    """Answer a question with many trainings, of which nothing is made twice, and write a report.

    The same command goes on after an interruption; more seeds or cells make only what is new.

    Example: `babyllama study replication --scale mini --seeds 3 --out studies/replication`
    """
    from babyllama.runs.layout import PAGE
    from babyllama.studies.planning import plan_study
    from babyllama.studies.report import REPORT, write_study_report
    from babyllama.studies.running import chosen_trials, refuse_other_study, run_study
    from babyllama.studies.study import load_study

    refuse_launcher("study")
    loaded = load_study(name, scale=scale, seeds=seeds)
    if dry_run:
        refuse_other_study(loaded, out)
        _show_plan(plan_study(chosen_trials(loaded, out, only), out), loaded.name)
        return
    failures = run_study(
        loaded, out, jobs=jobs, only=only, keep_going=keep_going, retries=retries, accept=accept
    )
    for failure in failures:
        print_status(f"Failed: {failure.name}: {failure.why} (see {failure.log})", style="red")
    print_line(write_study_report(loaded, out))
    print_line(f"Report: {out / REPORT / PAGE}")
    if failures:
        raise typer.Exit(1)


def studies(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the built-in studies: what each asks, and how many trainings that takes.

    Example: `babyllama studies`
    """
    from babyllama.studies.study import built_in_studies, load_study

    found = [load_study(name) for name in built_in_studies()]
    if as_json:
        print_json([each.model_dump(mode="json") for each in found])
        return
    rows = [
        (each.name, f"{each.count_of_cells}", f"{len(each.seed_list)}", each.question)
        for each in found
    ]
    print_result(table("Built-in studies", ("study", "cells", "seeds", "question"), rows))


def _show_plan(planned: "StudyPlan", name: str) -> None:
    """What a study makes, what is there already, and what the rest takes."""
    from babyllama.studies.planning import total_flops

    counts, left = planned.counts(), planned.open()
    cells = dict.fromkeys(trial.cell for trial in planned.trials)
    print_line(
        f"{name}: {len(planned.trials)} trials ({len(cells)} cells, "
        f"{len(planned.trials) // len(cells)} seeds)"
    )
    rows = []
    for kind, count in counts.items():
        here = [need for need in left if need.made.name.partition("/")[0] == kind]
        flops = total_flops(here)
        rows.append(
            (kind, f"{count}", f"{count - len(here)}", f"{format_count(flops)}" if flops else "")
        )
    head = ("what", "distinct", "made", "FLOPs to go")
    print_result(table("Everything is made once", head, rows))
    flops = total_flops(left)
    print_line(
        f"To go: {format_count(flops)}FLOP, about {format_duration(flops / planned.speed)} here, "
        f"{format_bytes(sum(need.disk for need in left))} of disk"
    )
