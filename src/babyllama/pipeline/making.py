"""Making one stage: alone, or with the processes that a launcher started."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Literal

from babyllama.console import format_duration, print_status
from babyllama.recipe.names import TRAININGS
from babyllama.runs import artefact, manifests
from babyllama.runs.artefact import Facts, Stage
from babyllama.runs.dev_windows import part_of_dev
from babyllama.runs.launched import ALONE, Launched
from babyllama.runs.layout import CARD


def make_stage(stage: Stage, launched: Launched = ALONE) -> None:
    """Make a stage's folder unless it is complete; a model's folder gets its card.

    Of several ranks, rank 0 makes it alone, unless all ranks make this stage together.
    """
    if launched.count == 1:
        _complete(stage)
        write_first_card(stage)
    elif not stage.together:
        if launched.rank == 0:
            _complete(stage)
    elif launched.rank == 0:
        _make_with_all_processes(stage)
        write_first_card(stage)
    else:
        from babyllama.training.processes import Processes

        folder = Processes().broadcast("")
        if folder:
            stage.build(Path(folder))


def _complete(stage: Stage) -> None:
    """Make the stage's folder unless it is complete, and say so: one line on a terminal."""
    building: artefact.Status | None = None

    def announce(stage: Stage, now: artefact.Status) -> None:
        nonlocal building
        building = None if now.state in ("complete", "aside") else now
        # A terminal shows bars meanwhile, and one line once the stage is made.
        report_status(stage, now, building="log")

    artefact.complete(stage, announce)
    if building is not None:
        made = _made(stage)
        why = "" if building.reason == "new" else f" ({building.reason})"
        print_status(f"{made}{why}", style="green", only="screen")
        if stage.kind in TRAININGS:
            print_status(made, style="green", only="log")


def _made(stage: Stage) -> str:
    """`teachers/llama: made in 25 s, unseen text 1.775 (256 of 269 windows)`."""
    manifest = manifests.read_manifest(stage.out) or {}
    took = format_duration(manifest.get("wall_seconds", 0))
    facts = manifest.get("facts", {})
    dev, part = facts.get("dev_cross_entropy"), part_of_dev(facts)
    loss = f", unseen text {dev:.3f}" + (f" ({part})" if part else "") if dev is not None else ""
    return f"{stage.name}: made in {took}{loss}"


def write_cards(line: Iterable[Stage]) -> None:
    """Write the cards of the models among finished stages, with what is known by now."""
    from babyllama.report.model_card import write_card

    for stage in line:
        if stage.kind in TRAININGS:
            write_card(stage.out)


def write_first_card(stage: Stage) -> None:
    """The card of a model that has none; a run writes it again once there are scores."""
    if not (stage.out / CARD).exists():
        write_cards([stage])


def _make_with_all_processes(stage: Stage) -> None:
    """On rank 0: broadcast the folder to build in, or "" if the stage is complete."""
    from babyllama.training.processes import Processes

    processes, is_building = Processes(), False

    def build(folder: Path) -> Facts:
        nonlocal is_building
        is_building = True
        processes.broadcast(str(folder))
        return stage.build(folder)

    _complete(replace(stage, build=build))
    if not is_building:
        processes.broadcast("")


def report_status(
    stage: Stage, now: artefact.Status, *, building: Literal["log"] | None = None
) -> None:
    """Print whether a stage is skipped or built, and why.

    Args:
        building: where to say that it is built: in a log only, or also on a terminal.
    """
    if now.state == "complete":
        manifest = manifests.read_manifest(stage.out) or {}
        took = format_duration(manifest.get("wall_seconds", 0))
        print_status(f"{stage.name}: complete, skipped (took {took})", style="dim")
        for path in stage.missing_inputs().values():
            print_status(f"{stage.name}: not compared with {path}, which does not exist")
    elif now.state == "aside":
        print_status(f"{stage.name}: taken back from {now.reason}, which has these settings")
    else:
        print_status(f"{stage.name}: building ({now.reason})", style="bold", only=building)
