"""The runs and studies below a folder: how far they are, and what student and twin reached."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from babyllama.errors import InputError
from babyllama.runs.layout import STUDY, TRIALS, Layout
from babyllama.runs.manifests import MANIFEST
from babyllama.runs.run import Model, read_run, student_and_twin
from babyllama.watch.snapshot import snapshot

DEEPEST = 6  # folders in folders


@dataclass(frozen=True)
class ListedRun:
    """A run, or a study, in one row.

    Attributes:
        state: `complete`, or what is being made, or that it is not finished; of a study, how many
            of its trials are complete.
        student, twin: dev cross-entropy in nats per token, as evaluated, else of its training; None
            until it is trained.
        benchmark: the first that the student is scored on; empty until it is.
        student_score, twin_score: on it, in the benchmark's unit.
        written: when a stage was last finished, in seconds since 1970; 0 if none is.
    """

    path: Path
    state: str
    student: float | None = None
    twin: float | None = None
    benchmark: str = ""
    student_score: float | None = None
    twin_score: float | None = None
    written: float = 0.0


def list_runs(folder: Path) -> list[ListedRun]:
    """All runs and studies below a folder, in the order of their paths; or the folder itself.

    A study's trials are not listed, unless the folder lies in the study. Hidden folders and links
    are not entered.

    Raises:
        InputError: no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder", mend="For example: babyllama ls runs")
    found = _runs_below(folder, DEEPEST)
    return [_study(path) if (path / STUDY).is_file() else _listed(path) for path in found]


def _runs_below(folder: Path, depth: int) -> Iterator[Path]:
    if Layout(folder).is_run or (folder / STUDY).is_file():
        yield folder
        return
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:  # no permission, or removed in between
        return
    for entry in entries if depth else ():
        if entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
            yield from _runs_below(Path(entry.path), depth - 1)


def _study(path: Path) -> ListedRun:
    scores = [Layout(trial).evaluation for trial in path.glob(f"{TRIALS}/*/seed-*")]
    finished = list(_finished(scores))
    state = f"study: {len(finished)} of {len(scores)} trials complete"
    return ListedRun(path, state, written=max(finished, default=0.0))


def _listed(path: Path) -> ListedRun:
    try:
        state = state_of(path)
    except InputError as error:
        return ListedRun(path, f"cannot be read: {error.what}")
    try:
        run = read_run(path)
    except InputError:  # nothing is finished yet
        return ListedRun(path, state)
    student, twin = student_and_twin(run)
    benchmark = next(iter(student.benchmarks), "") if student else ""
    return ListedRun(
        path,
        state,
        student=student.dev_loss if student else None,
        twin=twin.dev_loss if twin else None,
        benchmark=benchmark,
        student_score=_score(student, benchmark),
        twin_score=_score(twin, benchmark),
        written=max(_finished(Layout(path).stages(run.recipe).values()), default=0.0),
    )


def _finished(folders: Iterable[Path]) -> Iterator[float]:
    for folder in folders:
        with suppress(OSError):  # not finished
            yield (folder / MANIFEST).stat().st_mtime


def state_of(path: Path) -> str:
    """How far a run is, in words: `complete`, what is being made, or that it is not finished.

    Raises:
        InputError: no run, or a recipe that is wrong.
    """
    now = snapshot(path)
    if now.is_complete:
        return "complete"
    done = sum(stage.state == "complete" for stage in now.stages)
    far = f"{done} of {len(now.stages)} stages"
    if now.worker.state in ("alive", "elsewhere"):
        return f"{far}, making {now.current.name}" if now.current else f"{far}, in progress"
    return f"{far}, not finished"


def _score(model: Model | None, benchmark: str) -> float | None:
    return model.benchmarks.get(benchmark, {}).get("score") if model else None
