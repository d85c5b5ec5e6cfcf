"""A run: makes every stage that is not complete.

On one machine several stages are made at a time: see `side_by_side`. The processes of a launcher
make each stage together instead, one after another.
"""

import json
import re
from pathlib import Path

from babyllama.console import print_status
from babyllama.data.gathering.gather import refuse_missing
from babyllama.errors import InputError, quoted
from babyllama.pipeline.making import make_stage, write_cards
from babyllama.pipeline.stages import stages
from babyllama.recipe import (
    AutoSignal,
    Recipe,
    load_recipe,
    names,
    parse,
    to_json,
    to_yaml,
)
from babyllama.recipe.base import nearest
from babyllama.runs import artefact, files, manifests
from babyllama.runs.artefact import Stage
from babyllama.runs.launched import ALONE, Launched
from babyllama.runs.layout import Layout, default_folder
from babyllama.runs.lock import locked


def run(
    recipe: Recipe,
    folder: Path,
    *,
    until: str | None = None,
    jobs: int | None = None,
    launched: Launched = ALONE,
) -> None:
    """Make every stage in `folder` that is not complete; then write the models' cards.

    Args:
        until: the last stage to make; all by default.
        jobs: how many stages to make at a time at most; by default as many as the machine has room
            for. It changes the speed, not one bit of the result.

    Raises:
        InputError: before any long work starts, if the folder is in use or belongs to another
            recipe, an input is wrong, or the run cannot finish on this machine.
        Interrupted: after Ctrl-C or SIGTERM; finished work is saved.
    """
    refuse_other_run(recipe, folder)
    refuse_missing_text(recipe, folder)
    if not launched.is_alone:  # before the checks: the others wait for a minute only
        from babyllama.training.processes import join_processes

        join_processes(launched)
    recipe = with_resolved_signal(recipe, folder, launched)
    line = selected_stages(recipe, folder, until, launched)
    planned = None
    if launched.rank == 0 and any(artefact.status(s).state != "complete" for s in line):
        from babyllama.pipeline.checks import check_before_run

        planned = check_before_run(recipe, folder, processes=launched.count)
    if launched.rank > 0:
        for stage in line:
            make_stage(stage, launched)
        return
    with locked(folder):
        refuse_other_run(recipe, folder)  # again: from here on no other process can write it
        for stage in line:
            refuse_shared(stage, folder)
            if not Layout(folder).is_run:  # in a run, what no stage wrote is set aside
                refuse_unwritable(stage.out)
        files.write_atomically(Layout(folder).recipe, to_yaml(recipe))
        if planned is not None and launched.is_alone:
            from babyllama.pipeline.side_by_side import make_side_by_side

            make_side_by_side(recipe, folder, line, planned, jobs)
        else:
            _make_in_order(recipe, folder, line, launched)
        write_cards(line)  # with the scores


def _make_in_order(recipe: Recipe, folder: Path, line: list[Stage], launched: Launched) -> None:
    is_checked = False
    for stage in line:
        is_training = stage.kind in names.TRAININGS
        if is_training and not is_checked and artefact.status(stage).state != "complete":
            from babyllama.pipeline.checks import check_before_training

            layout = Layout(folder)
            check_before_training(recipe, layout.tokens, layout.tokenizer, corpus=layout.corpus)
            is_checked = True
        make_stage(stage, launched)


def with_resolved_signal(recipe: Recipe, folder: Path, launched: Launched = ALONE) -> Recipe:
    """Resolve `signal: auto` and `compute: matched`, and print what was picked and why.

    Rank 0 picks the signal and broadcasts the recipe to the other ranks.

    Raises:
        InputError: what `with_matched_epochs` raises.
    """
    if isinstance(recipe.signal, AutoSignal):
        recipe = _with_picked_signal(recipe, folder, launched)
    if not recipe.matched_twins:
        return recipe
    from babyllama.pipeline.matching import with_matched_epochs

    recipe, epochs = with_matched_epochs(recipe)  # the same on every rank
    for each in epochs if launched.rank == 0 else ():
        print_status(each)
    return recipe


def _with_picked_signal(recipe: Recipe, folder: Path, launched: Launched) -> Recipe:
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


def refuse_other_run(recipe: Recipe, folder: Path) -> None:
    """Refuse a folder that holds the run of another recipe.

    Raises:
        InputError: names both recipes.
    """
    path = Layout(folder).recipe
    if not path.exists():
        return
    try:
        owner = load_recipe(str(path)).name
    except InputError as error:  # damaged: the run writes it again
        print_status(f"{error.what}: it is written again", style="yellow")
        name = re.search(r"^name: *(.*)$", path.read_text("utf-8", errors="replace"), re.M)
        owner = name[1].strip("\"'") if name else recipe.name
    if owner != recipe.name:
        raise InputError(
            f"{folder} belongs to recipe {owner}, not {recipe.name}",
            why="A folder holds one run; this recipe would rebuild all of it.",
            mend=f"Choose another folder: --run-dir {quoted(default_folder(recipe.name))}",
        )


def refuse_missing_text(recipe: Recipe, folder: Path) -> None:
    """Refuse raw text that does not exist, unless this run has made its corpus from that path.

    Raises:
        InputError: names the path.
    """
    source, layout = recipe.corpus.source, Layout(folder)
    if source.local is None or source.local.exists():
        return
    before = load_recipe(str(layout.recipe)).corpus.source if layout.recipe.exists() else None
    is_known = before is not None and before.local == source.local
    made = layout.source if source.is_gathered else layout.corpus
    if not is_known or manifests.read_manifest(made) is None:
        refuse_missing(source)


def refuse_other_stage(stage: Stage) -> None:
    """Refuse to replace the finished folder of another kind of stage.

    Raises:
        InputError: names both kinds.
    """
    manifest = manifests.read_manifest(stage.out)
    if manifest and manifests.is_readable(manifest) and manifest["stage"] != stage.kind:
        raise InputError(
            f"{stage.out} holds {_finished(manifest['stage'])}, not {_kind(stage.kind)}",
            why=f"The {stage.kind} would replace it.",
            mend="Choose another folder, or move this one away first.",
        )


def _kind(kind: str) -> str:
    return kind if kind == names.TOKENS else f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _finished(kind: str) -> str:
    return f"{'' if kind == names.TOKENS else 'a '}finished {kind}"


def refuse_shared(stage: Stage, folder: Path) -> None:
    """Refuse to change, through the run of one trial, a folder that trials of a study share.

    Raises:
        InputError: the run in `folder` is a trial, and a folder that it shares is not complete.
    """
    link = stage.out
    if link.is_symlink() and Layout(folder).is_trial:
        now = artefact.status(stage)
        if now.state != "complete":
            raise InputError(
                f"{link} is shared by trials of a study, and is not complete: {now.reason}",
                why="Other trials would get what this recipe makes.",
                mend="Run the study again, or choose another folder: --run-dir DIR",
            )


def refuse_unwritable(out: Path) -> None:
    """Refuse to replace files that no stage wrote.

    Raises:
        InputError: `out` is a file, a folder with other files, or the current folder.
    """
    if not out.name or out.resolve() == Path.cwd():
        raise InputError(f"{out} is the current folder", mend="Choose a folder in it.")
    if out.is_dir() and any(out.iterdir()) and manifests.read_manifest(out) is None:
        raise InputError(
            f"{out} already exists and was not written by babyllama",
            why="The new folder would replace it, and its files would be lost.",
            mend="Choose a new folder.",
        )
    if out.is_file():
        raise InputError(f"{out} is a file, not a folder", mend="Choose a new folder.")


def selected_stages(
    recipe: Recipe, folder: Path, until: str | None = None, launched: Launched = ALONE
) -> list[Stage]:
    """The stages up to and including `until`, all by default.

    Args:
        until: a stage's name; `teachers` and `students` mean the last of them.

    Raises:
        InputError: no stage of that name.
    """
    line = list(stages(recipe, folder, launched))
    if until is None:
        return line
    names = [stage.name for stage in line]
    matching = [
        number for number, name in enumerate(names) if until in (name, name.partition("/")[0])
    ]
    if not matching:
        raise InputError(
            f"--until {until}: no such stage",
            why=f"Stages of this recipe: {', '.join(names)}.",
            mend=nearest(until, names),
        )
    return line[: matching[-1] + 1]
