"""`babyllama study` and `studies`: many trainings, one answer."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from babyllama.cli.arguments import Settings, refuse_launcher
from babyllama.cli.completing import recipes_beginning_with, studies_beginning_with
from babyllama.cli.showing import show_next_of_study
from babyllama.console import (
    format_bytes,
    format_estimate,
    format_flops,
    print_document,
    print_json,
    print_line,
    print_result,
    print_status,
    table,
)

if TYPE_CHECKING:
    from babyllama.studies.planning import StudyPlan
    from babyllama.studies.study import StudyRecipe


def study(
    name: Annotated[
        str,
        typer.Argument(
            metavar="STUDY",
            help="A built-in study's name, a YAML file, or a study's folder.",
            autocompletion=studies_beginning_with,
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="The study's folder; studies/NAME by default.")
    ] = None,
    scale: Annotated[
        str | None,
        typer.Option(
            help="Another base recipe: a built-in name, such as mini, or a file.",
            autocompletion=recipes_beginning_with,
        ),
    ] = None,
    settings: Settings = None,
    seeds: Annotated[
        int | None, typer.Option(min=2, help="Another number of seeds than the file says.")
    ] = None,
    only: Annotated[str | None, typer.Option(help="Make the trials of this cell only.")] = None,
    engine: Annotated[
        Literal["local", "ray"],
        typer.Option(
            help="`local`: processes of this machine. `ray`: tasks of the cluster that RAY_ADDRESS "
            "names; without that, of a Ray that is started here."
        ),
    ] = "local",
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Make so many things at a time, each with an equal share of the cores; by default "
            "as many as there is room for, each with the cores that `run` gives it. With Ray: so "
            "many on the smallest node.",
        ),
    ] = None,
    keep_going: Annotated[
        bool,
        typer.Option(
            "--keep-going/--stop-on-failure",
            help="After a failure, go on with what does not depend on it.",
        ),
    ] = True,
    retries: Annotated[
        int, typer.Option(min=0, help="How often something that failed is tried again.")
    ] = 0,
    accept: Annotated[
        bool,
        typer.Option("--accept", help="Go on in a folder that other package versions made."),
    ] = False,
    store: Annotated[
        Path | None,
        typer.Option(
            help="A folder that several studies share: what one has made, the others have."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print the plan.")] = False,
) -> None:
    """Answer a question with many trainings, of which nothing is made twice, and write a report.

    The same command goes on after an interruption, and so does the study's folder as STUDY; more
    seeds or cells make only what is new.

    Example: `babyllama study replication --scale mini --seeds 3`
    """
    from babyllama.runs.layout import PAGE
    from babyllama.studies.checks import check_inputs, chosen_trials
    from babyllama.studies.planning import plan_study
    from babyllama.studies.report import REPORT, write_study_report
    from babyllama.studies.running import refuse_other_study, refuse_other_versions, run_study
    from babyllama.studies.store import refuse_other_store
    from babyllama.studies.study import default_folder_of, load_study

    refuse_launcher("study")
    loaded = load_study(name, scale=scale, seeds=seeds, settings=settings or ())
    out = out or default_folder_of(loaded, name)
    if dry_run:
        refuse_other_study(loaded, out)
        trials = chosen_trials(loaded, out, only)
        if store:
            refuse_other_store(out, store)
        planned = plan_study(trials, store or out)
        if planned.open():  # before any step is timed
            check_inputs(loaded, planned, store or out)
            refuse_other_versions(out, accept=accept)
        _show_plan(planned, loaded.name, jobs)
        return
    failures = run_study(
        loaded, out, jobs=jobs, only=only, keep_going=keep_going, retries=retries, accept=accept,
        engine=engine, store=store,
    )  # fmt: skip
    for failure in failures:
        print_status(f"Failed: {failure.name}: {failure.why} (see {failure.log})", style="red")
    print_line(write_study_report(loaded, out))
    print_line(f"Report: {out / REPORT / PAGE}")
    if failures:
        raise typer.Exit(1)
    show_next_of_study(out)


def studies(
    name: Annotated[
        str | None,
        typer.Argument(help="The study to print, as YAML.", autocompletion=studies_beginning_with),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the built-in studies: what each asks, and what it takes; or print one.

    Example: `babyllama studies temperature-alpha > mine.yaml`
    """
    from babyllama.studies.study import built_in_studies, load_study, study_text

    if name:
        loaded = load_study(name)
        text = study_text(name)[1].removesuffix("\n")
        print_document(loaded.model_dump_json(indent=2) if as_json else text)
        return
    found = [load_study(name) for name in built_in_studies()]
    if as_json:
        print_json([each.model_dump(mode="json") for each in found])
        return
    rows = [_row(each) for each in found]
    head = ("study", "cells", "seeds", "trainings", "FLOPs", "question")
    title = "Built-in studies, at the scale of mini"
    less = ("cells", "seeds", "FLOPs", "trainings")
    print_result(table(title, head, rows, less=less, least={"question": 40}))
    print_line("The time here: babyllama study NAME --dry-run")


def _row(study: "StudyRecipe") -> tuple[str, ...]:
    """A study in the list: of how many trainings it is, each made once, and their FLOPs."""
    from babyllama.studies.cells import trials_of
    from babyllama.studies.planning import plan_study, total_flops

    nowhere = Path(study.name)  # nothing is written, and nothing counts as made
    needs = plan_study(trials_of(study, nowhere), nowhere).needs.values()
    trainings = sum(need.made.is_training for need in needs)
    cells, seeds = f"{study.count_of_cells}", f"{len(study.seed_list)}"
    return (
        study.name,
        cells,
        seeds,
        f"{trainings}",
        format_flops(total_flops(needs)),
        study.question,
    )


def _show_plan(planned: "StudyPlan", name: str, jobs: int | None) -> None:
    """Print what a study makes, how much of it is made, and what the rest takes."""
    from babyllama.studies.planning import total_flops

    counts, left = planned.counts(), planned.open()
    cells = dict.fromkeys(trial.cell for trial in planned.trials)
    print_line(
        f"{name}: {len(planned.trials)} trials ({len(cells)} cell{'s' * (len(cells) != 1)}, "
        f"{len(planned.trials) // len(cells)} seeds)"
    )
    rows = []
    for kind, count in counts.items():
        here = [need for need in left if need.made.name.partition("/")[0] == kind]
        flops = total_flops(here)
        rows.append(
            (kind, f"{count}", f"{count - len(here)}", format_flops(flops) if flops else "")
        )
    head = ("what", "distinct", "made", "FLOPs to go")
    print_result(table("Everything is made once", head, rows))
    print_line(f"Disk for what is left: {format_bytes(sum(need.disk for need in left))}")
    print_line(_time(planned, jobs))


def _time(planned: "StudyPlan", jobs: int | None) -> str:
    from babyllama.pipeline.sharing import this_machine
    from babyllama.pipeline.timing import KNOWN
    from babyllama.studies.planning import time_left

    machine = this_machine()
    stages = time_left(planned, machine, jobs)
    if not stages:
        return "Time here: no training and no signal is left to make"
    work = sum(stage.seconds * stage.taken for stage in stages) / machine.capacity
    flops = sum(stage.flops for stage in stages)
    known = dict.fromkeys(KNOWN[stage.speed.known] for stage in stages)
    return (
        f"Time here: {format_estimate(work)} for {format_flops(flops)}, without scoring "
        f"(speed: {'; '.join(known)})"
    )
