"""What lies on disk of a run, or of one model, at a moment: stages, the log, who holds it."""

import json
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from babyllama.errors import InputError
from babyllama.recipe import Recipe, load_recipe
from babyllama.recipe.names import STUDENTS, TEACHERS
from babyllama.runs.artefact import partial_folder, read_manifest
from babyllama.runs.layout import TRAINING_LOG, Layout, run_of
from babyllama.runs.lock import read_holder

Line = Mapping[str, Any]  # of training.jsonl


@dataclass(frozen=True)
class Log:
    """A training.jsonl, without what was undone.

    Attributes:
        steps: the logged steps that count, in order.
        epochs: what an epoch ended with.
        rewinds: where the training went back after a divergence.
        age: seconds since the last line; None before the first.
    """

    steps: tuple[Line, ...] = ()
    epochs: tuple[Line, ...] = ()
    rewinds: tuple[Line, ...] = ()
    age: float | None = None


@dataclass(frozen=True)
class Part:
    """A stage of a run, or the one model that is watched.

    Attributes:
        out: its folder when it is complete.
        state: `begun` is work that lies there while another stage is in work.
        facts: what a complete one says of itself.
    """

    name: str
    out: Path
    state: Literal["complete", "in work", "begun", "to come"]
    facts: Mapping[str, Any]

    @property
    def is_model(self) -> bool:
        """Whether it trains, in a run."""
        return self.name.startswith((f"{TEACHERS}/", f"{STUDENTS}/"))

    @property
    def folder(self) -> Path:
        """Where its files are now."""
        return self.out if self.state == "complete" else partial_folder(self.out)


@dataclass(frozen=True)
class Worker:
    """The process that holds the run, as far as can be told from here."""

    state: Literal["there", "gone", "elsewhere", "none"]
    who: str = ""


@dataclass(frozen=True)
class Snapshot:
    """All that is shown, as it lay on disk at one moment.

    Attributes:
        recipe: of a run; None for a single model.
        log: of the model in training, or of the finished one that is watched.
        epochs: how many the model's recipe asks for; None if it does not say.
        age: seconds since a file of the stage in work was written.
    """

    path: Path
    recipe: Recipe | None
    parts: tuple[Part, ...]
    worker: Worker
    log: Log | None
    epochs: int | None
    age: float | None

    @property
    def part(self) -> Part | None:
        """The stage in work."""
        return next((part for part in self.parts if part.state == "in work"), None)

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to do."""
        return all(part.state == "complete" for part in self.parts)


def snapshot(path: Path) -> Snapshot:
    """Read what lies there now.

    Raises:
        InputError: neither a run nor a model, or a recipe.yaml that is none.
    """
    layout = Layout(path)
    recipe = load_recipe(str(layout.recipe)) if layout.is_run else None
    parts = _with_states(_stages(recipe, layout) if recipe else [_single_model(path)])
    part = next((part for part in parts if part.state == "in work"), None)
    shown = part if recipe else parts[0]
    trains = shown is not None and (shown.folder / TRAINING_LOG).exists()
    now = time.time()
    return Snapshot(
        path=path,
        recipe=recipe,
        parts=parts,
        worker=_worker(path if recipe else run_of(parts[0].out)),
        log=read_log(shown.folder / TRAINING_LOG) if shown and trains else None,
        epochs=_epochs(shown.folder) if shown and trains else None,
        age=max(0.0, now - _newest(part.folder)) if part else None,
    )


def read_log(path: Path) -> Log:
    """The whole of a training.jsonl; a line that is half written, or that is none, is passed over.

    Lines of steps that were done again later, after a resume or a rewind, do not count.
    """
    try:
        text = path.read_text("utf-8", errors="replace")
        age = max(0.0, time.time() - path.stat().st_mtime)
    except FileNotFoundError:  # it was just renamed: the next look finds it
        return Log()
    kept: list[Line] = []
    rewinds: list[Line] = []
    for line in _parsed(text):
        # An epoch's line has the step of the line before it.
        while kept and (
            kept[-1]["step"] > line["step"]
            or (kept[-1]["step"] == line["step"] and ("loss" in kept[-1]) == ("loss" in line))
        ):
            kept.pop()
        (rewinds if "rewound_from" in line else kept).append(line)
    return Log(
        steps=tuple(line for line in kept if "loss" in line),
        epochs=tuple(line for line in kept if "loss" not in line),
        rewinds=tuple(rewinds),
        age=age if kept or rewinds else None,
    )


def _stages(recipe: Recipe, layout: Layout) -> list[Part]:
    return [Part(name, out, "to come", {}) for name, out in layout.stages(recipe).items()]


def _single_model(path: Path) -> Part:
    named = path.absolute()
    layout = Layout(path)
    out = named.with_name(named.name.removesuffix(".partial"))
    if partial_folder(out).is_dir() or (read_manifest(out) and (out / TRAINING_LOG).is_file()):
        return Part(out.name, out, "to come", {})
    if not path.is_dir():
        raise InputError(
            f"{path} is no folder",
            why="A run's folder is made when the run starts.",
            mend="Name a run: babyllama watch runs/mini",
        )
    runs = sorted(each.parent for each in path.glob(f"*/{layout.recipe.name}"))
    command = shlex.join(["babyllama", "watch", str(runs[0])]) if runs else ""
    raise InputError(
        f"{path} is neither a run nor a model",
        why=f"A run has a {layout.recipe.name}, a model a {TRAINING_LOG}; neither is there.",
        mend=f"There is a run in it: {command}"
        if runs
        else "For example: babyllama watch runs/mini, or the folder that `pretrain --out` names",
    )


def _with_states(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Of several unfinished folders the one written last is in work; a stage works on one alone."""
    begun = {part.name: _newest(partial_folder(part.out)) for part in parts}
    last = max(begun, key=lambda name: begun[name])
    found = []
    for part in parts:
        manifest = read_manifest(part.out)
        if begun[part.name]:
            found.append(replace(part, state="in work" if part.name == last else "begun"))
        elif manifest is not None and "facts" in manifest:  # one that cannot be read has none
            found.append(replace(part, state="complete", facts=manifest.get("facts", {})))
        else:
            found.append(part)
    return tuple(found)


def _newest(folder: Path) -> float:
    """When anything directly in a folder was last written; 0 if it is not there."""
    try:
        inside = list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return 0.0
    return max(_written(path) for path in [folder, *inside])


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # between listing and looking
        return 0.0


def _epochs(folder: Path) -> int | None:
    """What the recipe of an unfinished or a finished model says."""
    try:
        recipe = json.loads((folder / "work.json").read_text("utf-8"))["key"]["recipe"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        recipe = (read_manifest(folder) or {}).get("recipe", {})
    recipe = recipe.get("student", recipe)  # a student of teachers that run beside it
    epochs = recipe.get("training", {}).get("epochs")
    return epochs if isinstance(epochs, int) else None


def _worker(home: Path) -> Worker:
    holder = read_holder(home)
    if holder is None:
        return Worker("none")
    if holder.process is None:
        return Worker("elsewhere", holder.text)
    import psutil

    there = psutil.pid_exists(holder.process)
    return Worker("there" if there else "gone", f"process {holder.process}")


def _parsed(text: str) -> Iterator[Line]:
    for line in text.splitlines():
        with suppress(ValueError):  # half written
            parsed = json.loads(line)
            if isinstance(parsed, dict) and isinstance(parsed.get("step"), int):
                yield parsed
