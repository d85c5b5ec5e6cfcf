"""Making one stage: alone, or with the processes that a launcher started."""

from dataclasses import replace
from pathlib import Path

from babyllama.console import format_duration, print_status
from babyllama.runs import artefact, manifests
from babyllama.runs.artefact import Facts, Stage
from babyllama.runs.launched import ALONE, Launched


def make_stage(stage: Stage, launched: Launched = ALONE) -> None:
    """Make a stage's folder unless it is complete.

    Rank 0 makes it alone, or with all other ranks if the stage is one that is made together.
    """
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
    """On rank 0: broadcast the folder to build in, or "" if the stage is complete."""
    from babyllama.training.processes import Processes

    processes, is_building = Processes(), False

    def build(folder: Path) -> Facts:
        nonlocal is_building
        is_building = True
        processes.broadcast(str(folder))
        return stage.build(folder)

    artefact.complete(replace(stage, build=build), report_status)
    if not is_building:
        processes.broadcast("")


def report_status(stage: Stage, now: artefact.Status) -> None:
    """Print whether a stage is skipped or built, and why."""
    if now.state == "complete":
        manifest = manifests.read_manifest(stage.out) or {}
        took = format_duration(manifest.get("wall_seconds", 0))
        print_status(f"{stage.name}: complete, skipped (took {took})", style="dim")
        for path in stage.missing_inputs().values():
            print_status(f"{stage.name}: not compared with {path}, which does not exist")
    else:
        print_status(f"{stage.name}: building ({now.reason})", style="bold")
