"""A run: every stage that is not complete, in order, by one process or several."""

import json
from dataclasses import replace
from pathlib import Path

from babyllama.console import format_duration, print_status
from babyllama.errors import InputError
from babyllama.pipeline.stages import stages
from babyllama.recipe import AutoSignal, Recipe, load_recipe, parse, to_json, to_yaml
from babyllama.runs import artefact
from babyllama.runs.artefact import Facts, Stage
from babyllama.runs.launched import ALONE, Launched
from babyllama.runs.layout import Layout, default_folder
from babyllama.runs.lock import locked


def run(
    recipe: Recipe, folder: Path, *, until: str | None = None, launched: Launched = ALONE
) -> None:
    """Make everything in `folder` that is not complete, in order.

    Args:
        until: the last stage to make; all by default.

    Raises:
        InputError: the folder is in use or belongs to another recipe, an input is wrong, or the
            run cannot finish here; all of it before any long work starts.
        Interrupted: after Ctrl-C, with everything saved.
    """
    refuse_other_run(recipe, folder)
    recipe = with_resolved_signal(recipe, folder, launched)
    line = selected_stages(recipe, folder, until, launched)
    if launched.rank == 0 and any(artefact.status(s).state != "complete" for s in line):
        from babyllama.pipeline.checks import check_before_run

        check_before_run(recipe, folder, processes=launched.count)
    if launched.count > 1:
        refuse_missing_processes(launched)
    if launched.rank > 0:
        for stage in line:
            make_stage(stage, launched)
        return
    with locked(folder):
        refuse_other_run(recipe, folder)  # again: nobody else can write it from here on
        _make_all(recipe, folder, line, launched)


def _make_all(recipe: Recipe, folder: Path, line: list[Stage], launched: Launched) -> None:
    for stage in line:
        refuse_unwritable(stage.out)
    artefact.write_atomically(Layout(folder).recipe, to_yaml(recipe))
    fits = False
    for stage in line:
        trains = stage.kind in ("pretraining", "distillation")
        if trains and not fits and artefact.status(stage).state != "complete":
            from babyllama.pipeline.checks import check_before_training

            check_before_training(recipe, Layout(folder).tokens)
            fits = True
        make_stage(stage, launched)


def with_resolved_signal(recipe: Recipe, folder: Path, launched: Launched = ALONE) -> Recipe:
    """The recipe with `signal: auto` resolved, which is printed with the reason.

    The first of several processes decides and broadcasts the recipe.
    """
    if not isinstance(recipe.signal, AutoSignal):
        return recipe
    from babyllama.pipeline.planning import resolve_signal

    resolved = recipe
    if launched.rank == 0:
        resolved, why = resolve_signal(recipe, folder)
        print_status(why)
    if launched.count == 1:
        return resolved
    from babyllama.training.processes import Processes

    text = Processes().broadcast(to_json(resolved) if launched.rank == 0 else None)
    return parse(Recipe, json.loads(text or "{}"), f"recipe {recipe.name}")


def refuse_missing_processes(launched: Launched) -> None:
    """Meet the other processes.

    Raises:
        InputError: fewer are found than the launcher says there are.
    """
    from babyllama.training.processes import Processes

    found = Processes().count
    if found != launched.count:
        raise InputError(
            f"WORLD_SIZE is {launched.count}, but {found} processes are found",
            why="RANK, LOCAL_RANK, MASTER_ADDR and MASTER_PORT tell them of each other.",
            mend="Start them with torchrun or accelerate launch, or set LOCAL_RANK as well.",
        )


def make_stage(stage: Stage, launched: Launched = ALONE) -> None:
    """Make a stage's folder unless it is there, with every process that is needed for it."""
    if launched.count == 1:
        artefact.complete(stage, report_status)
    elif not stage.together:
        if launched.rank == 0:
            artefact.complete(stage, report_status)
    elif launched.rank == 0:
        _make_with_all_processes(stage)
    else:
        from babyllama.training.processes import Processes

        folder = Processes().broadcast("")
        if folder:
            stage.build(Path(folder))


def _make_with_all_processes(stage: Stage) -> None:
    """Make a stage with the other processes, which are told where, or that there is no need."""
    from babyllama.training.processes import Processes

    processes, told = Processes(), False

    def build(folder: Path) -> Facts:
        nonlocal told
        told = True
        processes.broadcast(str(folder))
        return stage.build(folder)

    artefact.complete(replace(stage, build=build), report_status)
    if not told:
        processes.broadcast("")


def refuse_other_run(recipe: Recipe, folder: Path) -> None:
    """Refuse a folder that another recipe's run lies in.

    Raises:
        InputError: names both recipes.
    """
    path = Layout(folder).recipe
    if not path.exists():
        return
    owner = load_recipe(str(path)).name
    if owner != recipe.name:
        raise InputError(
            f"{folder} belongs to recipe {owner}, not {recipe.name}",
            why="A run is one folder; another recipe would rebuild all of it.",
            mend=f"Choose another folder: --run-dir {default_folder(recipe.name)}",
        )


def refuse_other_stage(stage: Stage) -> None:
    """Refuse to replace another stage's finished folder: a slip of the hand, not a rebuild.

    Raises:
        InputError: says what lies there.
    """
    manifest = artefact.read_manifest(stage.out)
    if manifest and artefact.is_readable(manifest) and manifest["stage"] != stage.kind:
        raise InputError(
            f"{stage.out} holds a finished {manifest['stage']}, not a {stage.kind}",
            why="It would be replaced.",
            mend="Name another folder, or move that one away first.",
        )


def refuse_unwritable(out: Path) -> None:
    """Refuse to put a new folder where something else lies.

    Raises:
        InputError: `out` is a file, or a folder with files that no stage wrote.
    """
    if not out.name or out.resolve() == Path.cwd():
        raise InputError(f"{out} is the folder you are in", mend="Name a folder in it.")
    if out.is_dir() and any(out.iterdir()) and artefact.read_manifest(out) is None:
        raise InputError(
            f"{out} is there already and was not written by babyllama",
            why="A finished stage replaces its folder; yours would be lost.",
            mend="Name a new folder.",
        )
    if out.is_file():
        raise InputError(f"{out} is a file", mend="Name a new folder.")


def selected_stages(
    recipe: Recipe, folder: Path, until: str | None = None, launched: Launched = ALONE
) -> list[Stage]:
    """The stages up to `until`, all by default. `teachers` means the last of the teachers.

    Raises:
        InputError: no stage of that name.
    """
    line = list(stages(recipe, folder, launched))
    if until is None:
        return line
    matching = [
        index
        for index, stage in enumerate(line)
        if until in (stage.name, stage.name.partition("/")[0])
    ]
    if not matching:
        raise InputError(
            f"--until {until}: there is no such stage",
            why="Stages here: " + ", ".join(stage.name for stage in line) + ".",
        )
    return line[: matching[-1] + 1]


def report_status(stage: Stage, now: artefact.Status) -> None:
    """Say to the person what happens to a stage, and why."""
    if now.state == "complete":
        manifest = artefact.read_manifest(stage.out) or {}
        took = format_duration(manifest.get("wall_seconds", 0))
        print_status(f"{stage.name}: complete, skipped (took {took})", style="dim")
    else:
        print_status(f"{stage.name}: building, {now.reason}", style="bold")
