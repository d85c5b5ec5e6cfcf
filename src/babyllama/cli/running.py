"""`babyllama run`, `recipes`, `watch` and `verify`: a run from start to end."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from babyllama.cli.arguments import Settings, launched_process
from babyllama.cli.completing import (
    cards_beginning_with,
    recipes_beginning_with,
    stages_beginning_with,
)
from babyllama.cli.outputs import refuse_unwritable_folder
from babyllama.cli.showing import show_models
from babyllama.console import (
    format_count,
    print_document,
    print_json,
    print_line,
    print_result,
    print_status,
    table,
)
from babyllama.errors import InputError
from babyllama.pipeline.cards import CARDS


def run(
    recipe: Annotated[
        str,
        typer.Argument(
            help="The name of a built-in recipe, a YAML file, or a run to go on with.",
            autocompletion=recipes_beginning_with,
        ),
    ],
    run_dir: Annotated[
        Path | None, typer.Option(help="The run's folder; runs/NAME by default.")
    ] = None,
    settings: Settings = None,
    until: Annotated[
        str | None,
        typer.Option(
            help="Stop after this stage: corpus, tokenizer, tokens, teachers, signal, students, "
            "evaluation or report; or after one model, as students/twin.",
            autocompletion=stages_beginning_with,
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Make at most so many stages at a time; by default as many as the machine has "
            "room for. The results are the same.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print the plan.")] = False,
    device: Annotated[
        str | None,
        typer.Option(
            help=f"With --dry-run: the time on a card that is not here: {', '.join(CARDS)}.",
            autocompletion=cards_beginning_with,
        ),
    ] = None,
) -> None:
    """Run a recipe from raw text to an evaluated student; finished stages are skipped.

    A run's folder as RECIPE goes on with that run, from the recipe in it.

    Under `torchrun` or `accelerate launch` all processes train each model together.

    Example: `babyllama run mini`
    """
    from babyllama.pipeline.run import run as run_stages
    from babyllama.recipe import built_in_recipes, load_recipe
    from babyllama.recipe.names import REPORT
    from babyllama.runs import manifests
    from babyllama.runs.layout import Layout, default_folder, resume_command
    from babyllama.runs.run import read_run

    given = Layout(Path(recipe))
    goes_on = given.is_run and recipe not in built_in_recipes()
    if not goes_on and recipe not in built_in_recipes():
        _refuse_folder(given.folder)
    loaded = load_recipe(str(given.recipe) if goes_on else recipe, tuple(settings or ()))
    folder = run_dir or (given.folder if goes_on else default_folder(loaded.name))
    launched = launched_process()
    if dry_run:
        from babyllama.cli.dry_run import show_plan

        show_plan(loaded, folder, until, card=(device or "").lower())
        return
    if device:
        raise InputError(
            "--device is for --dry-run only",
            why="A run uses the GPU where there is one, else the CPU.",
            mend="Leave --device out, or add --dry-run.",
        )
    if launched.is_first:
        refuse_unwritable_folder(folder)
    run_stages(loaded, folder, until=until, jobs=jobs, launched=launched)
    if launched.rank > 0:
        return
    if until not in (None, REPORT):
        print_line(f"Made up to {until}, as asked: {folder}")
        print_line(f"To go on: {resume_command(folder)}")
    report = manifests.read_manifest(Layout(folder).report)
    if report and until in (None, REPORT):
        print_line(report["facts"]["first_sentence"])
        print_line(f"Report: {Layout(folder).page}")
        show_models(read_run(folder))


def _refuse_folder(folder: Path) -> None:
    """Refuse a folder that is not a run where a recipe or a run is wanted.

    Raises:
        InputError: names the study that it is, or the run that it belongs to.
    """
    from babyllama.runs.layout import Layout, refuse_study, resume_command, run_of

    if not folder.is_dir():
        return
    refuse_study(folder)
    owner = run_of(folder)
    is_part = Layout(owner).is_run
    shown = Path(os.path.relpath(owner)) if not folder.is_absolute() else owner
    raise InputError(
        f"{folder} is a folder, but not a run: it has no {Layout(folder).recipe.name}",
        why=f"It is a part of the run {shown}." if is_part else "",
        mend=f"Go on with that run: {resume_command(shown)}"
        if is_part
        else "Name a recipe or a run's folder; see the runs here: babyllama ls",
    )


def recipes(
    name: Annotated[
        str | None,
        typer.Argument(help="The recipe to print.", autocompletion=recipes_beginning_with),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    settings: Settings = None,
) -> None:
    """List the built-in recipes, or print one with every default filled in.

    With --json the list is an object: a recipe's name, and what it is for.

    Example: `babyllama recipes mini > mine.yaml`
    """
    from babyllama.recipe import load_recipe, to_json, to_yaml
    from babyllama.recipe.extending import BUILT_IN

    if name:
        loaded = load_recipe(name, tuple(settings or ()))
        print_document(to_json(loaded) if as_json else to_yaml(loaded).removesuffix("\n"))
    elif as_json:
        print_json({name: asdict(each) for name, each in BUILT_IN.items()})
    else:
        rows = [
            (
                name,
                each.purpose,
                format_count(each.words),
                format_count(each.parameters[0]),
                ", ".join(map(format_count, each.parameters[1:])),
                each.takes,
            )
            for name, each in BUILT_IN.items()
        ]
        head = ("recipe", "for", "words", "student", "teachers", "a run takes")
        print_result(table("Built-in recipes", head, rows))
        print_line(
            "Times: mini, sprout and laptop as measured on two cores. A plan is of "
            "training and signal alone, at an assumed share of the card's peak: babyllama run "
            "strict --dry-run --device h100"
        )
        print_line("Print one: babyllama recipes NAME. Write one for your text: babyllama init")


def watch(
    run: Annotated[
        Path, typer.Argument(help="The folder of a run or of a model, finished or not.")
    ],
    once: Annotated[bool, typer.Option("--once", help="Print one snapshot and exit.")] = False,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between updates.")] = 2.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one snapshot as JSON and exit.")
    ] = False,
) -> None:
    """Show the progress of a run, from another terminal. It only reads; Ctrl-C ends it.

    Example: `babyllama watch runs/mini`
    """
    from babyllama.watch import facts_of, snapshot
    from babyllama.watch import watch as follow

    if as_json:
        print_json(facts_of(snapshot(run)))
        return
    follow(run, every=every, once=once)


def verify(
    folder: Annotated[
        Path, typer.Argument(help="A run, or any folder that holds finished artefacts.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Hash every finished artefact again and name damaged files. Exit code 1 if there are any.

    Example: `babyllama verify runs/mini`
    """
    from babyllama.runs.verification import verify as check

    if not folder.is_dir():
        raise InputError(
            f"{folder} is not a folder", mend="For example: babyllama verify runs/mini"
        )
    found = check(folder)
    if as_json:
        print_json({str(path): lines for path, lines in found.items()})
    for path, lines in found.items():
        if not as_json:
            print_line(f"{path}: {'damaged' if lines else 'ok'}")
            for line in lines:
                print_line(f"  {line}")
    damaged = [path for path, lines in found.items() if lines]
    if not found:
        raise InputError(
            f"{folder} holds no finished artefact",
            why="No folder in it has a manifest.json.",
            mend="See the runs here: babyllama ls",
        )
    if damaged:
        print_status("To rebuild what is damaged, run the command that made it again.")
        raise typer.Exit(1)
