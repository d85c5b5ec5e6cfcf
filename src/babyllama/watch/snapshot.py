"""The state of a run, or of one model, on disk: stages, training log, the process that runs it."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from babyllama.errors import InputError, command
from babyllama.recipe import Recipe, load_recipe
from babyllama.recipe.names import REPORT, STUDENTS, TEACHERS
from babyllama.runs.artefact import finished_folder, partial_folder, recorded_recipe
from babyllama.runs.layout import TRAINING_LOG, Layout, run_of
from babyllama.runs.lock import read_holder
from babyllama.runs.manifests import is_readable, read_manifest
from babyllama.runs.training_log import TrainingLog, read_training_log


@dataclass(frozen=True)
class WatchedStage:
    """A stage of a run, or the one model that is watched.

    Attributes:
        out: its folder when it is complete.
        state: `interrupted` is unfinished while another stage is in progress.
        facts: those of its manifest, when it is complete.
    """

    name: str
    out: Path
    state: Literal["complete", "in progress", "interrupted", "to come"]
    facts: Mapping[str, Any]

    @property
    def is_model(self) -> bool:
        """Whether it is a model of a run."""
        return self.name.startswith((f"{TEACHERS}/", f"{STUDENTS}/"))

    @property
    def folder(self) -> Path:
        """Where its files are now."""
        return self.out if self.state == "complete" else partial_folder(self.out)


@dataclass(frozen=True)
class Worker:
    """The process that makes the run or the model, as far as this machine can see."""

    state: Literal["alive", "gone", "elsewhere", "none"]
    who: str = ""


@dataclass(frozen=True)
class Snapshot:
    """A run, or one model, as it was on disk at one moment.

    Attributes:
        recipe: the run's; None for a single model.
        log: of the model in training, or of the finished model that is watched.
        log_age: seconds since the log was written; None without a line.
        epochs: the number of epochs in the model's recipe; None if unknown.
        age: seconds since the stage in progress wrote a file.
    """

    path: Path
    recipe: Recipe | None
    stages: tuple[WatchedStage, ...]
    worker: Worker
    log: TrainingLog | None
    log_age: float | None
    epochs: int | None
    age: float | None

    @property
    def current(self) -> WatchedStage | None:
        """The stage in progress."""
        return _in_progress(self.stages)

    @property
    def is_complete(self) -> bool:
        """Whether every stage is complete."""
        return all(stage.state == "complete" for stage in self.stages)


def snapshot(path: Path) -> Snapshot:
    """Read what is on disk now.

    Raises:
        InputError: neither a run nor a model, or a wrong recipe.yaml.
    """
    layout = Layout(path)
    recipe = load_recipe(str(layout.recipe)) if layout.is_run else None
    stages = _with_states(_stages_of(layout, recipe) if recipe else [_single_model(path)])
    current = _in_progress(stages)
    shown = current if recipe else stages[0]
    file = shown.folder / TRAINING_LOG if shown else None
    log = read_training_log(file, is_growing=True) if file and file.exists() else None
    has_lines = log is not None and bool(log.steps or log.epochs or log.rewinds)
    return Snapshot(
        path=path,
        recipe=recipe,
        stages=stages,
        worker=_worker(path if recipe else run_of(stages[0].out)),
        log=log,
        log_age=_seconds_since(_written(file)) if file and has_lines else None,
        epochs=_epochs(shown.folder) if shown and log is not None else None,
        age=_seconds_since(_newest(current.folder)) if current else None,
    )


def _stages_of(layout: Layout, recipe: Recipe) -> list[WatchedStage]:
    """Those of the recipe; a trial of a study has no report of its own unless one asks for it."""
    return [
        WatchedStage(name, out, "to come", {})
        for name, out in layout.stages(recipe).items()
        if name != REPORT or not layout.is_trial
    ]


def _single_model(path: Path) -> WatchedStage:
    out = finished_folder(path.absolute())
    if partial_folder(out).is_dir() or (read_manifest(out) and (out / TRAINING_LOG).is_file()):
        return WatchedStage(out.name, out, "to come", {})
    if not path.is_dir():
        raise InputError(
            f"{path} is not a folder",
            why="A run's folder is made when the run starts.",
            mend="Name a run: babyllama watch runs/mini",
        )
    recipe = Layout(path).recipe.name
    runs = sorted(each.parent for each in path.glob(f"*/{recipe}"))
    raise InputError(
        f"{path} is neither a run nor a model",
        why=f"A run has a {recipe}, a model a {TRAINING_LOG}; this folder has neither.",
        mend=f"It contains a run: {command('watch', runs[0])}"
        if runs
        else "For example: babyllama watch runs/mini, or the folder that `pretrain --out` names",
    )


def _with_states(stages: Sequence[WatchedStage]) -> tuple[WatchedStage, ...]:
    """The stages with their states: the unfinished folder written last is in progress."""
    written = {stage.name: _newest(partial_folder(stage.out)) for stage in stages}
    last = max(written, key=lambda name: written[name])
    found = []
    for stage in stages:
        manifest = read_manifest(stage.out)
        if written[stage.name]:
            state: Literal["in progress", "interrupted"] = (
                "in progress" if stage.name == last else "interrupted"
            )
            found.append(replace(stage, state=state))
        elif manifest is not None and is_readable(manifest):
            found.append(replace(stage, state="complete", facts=manifest.get("facts", {})))
        else:
            found.append(stage)
    return tuple(found)


def _in_progress(stages: Sequence[WatchedStage]) -> WatchedStage | None:
    return next((stage for stage in stages if stage.state == "in progress"), None)


def _epochs(folder: Path) -> int | None:
    """The number of epochs in a model's recipe, finished or not."""
    recipe = recorded_recipe(folder)
    recipe = recipe.get("student", recipe)  # a student of teachers that run beside it
    epochs = recipe.get("training", {}).get("epochs")
    return epochs if isinstance(epochs, int) else None


def _worker(folder: Path) -> Worker:
    holder = read_holder(folder)
    if holder is None:
        return Worker("none")
    if holder.process is None:
        return Worker("elsewhere", holder.text)
    import psutil

    is_alive = psutil.pid_exists(holder.process)
    return Worker("alive" if is_alive else "gone", f"process {holder.process}")


def _newest(folder: Path) -> float:
    """When the folder or anything directly in it was last written; 0 if it does not exist."""
    try:
        inside = list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return 0.0
    return max(_written(path) for path in [folder, *inside])


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # it was renamed in between
        return 0.0


def _seconds_since(moment: float) -> float:
    return max(0.0, time.time() - moment)
