"""The log of a training: training.jsonl, a bar in the terminal, trackers.

`training.jsonl` has one line per logged step, per epoch and per rewind. Only the first process
writes it.
"""

import json
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from babyllama.console import ProgressBar
from babyllama.runs.artefact import finished_folder
from babyllama.runs.files import write_atomically
from babyllama.training.meter import Meter, peak_memory
from babyllama.training.schedule import PlannedStep, TrainingPlan
from babyllama.training.speed import StepCost
from babyllama.training.trackers import open_trackers


class LogWriter:
    """Open while a model trains.

    Args:
        path: training.jsonl. Lines of steps that will be repeated are removed.
        cost: of a step, over all processes.
        writes: whether this is the process that writes.
    """

    def __init__(self, path: Path, plan: TrainingPlan, cost: StepCost, *, writes: bool) -> None:
        self._path, self._plan, self._writes = path, plan, writes
        self._tokens = cost.tokens
        self._meter = Meter(cost)
        self._name = finished_folder(path.parent).name
        self._bar = ProgressBar(self._name, plan.steps * cost.tokens, "tokens")
        self._file: IO[str] | None = None
        self._trackers: list[Any] = []

    def __enter__(self) -> "LogWriter":
        self._bar.__enter__()
        if self._writes:
            trackers = self._plan.recipe.trackers
            self._trackers = open_trackers(trackers, self._path.parent, self._name)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.__exit__(kind, error, trace)
        if self._file:
            self._file.close()
        for tracker in self._trackers:
            tracker.finish()

    def resume_at(self, step: int) -> None:
        """Remove the lines of steps after `step`, which will be repeated."""
        self._bar.start_at(step * self._tokens)
        self._meter.restart()
        if not self._writes:
            return
        if self._file:
            self._file.close()
        # Beyond the checkpoint anything may be there, as after a power cut.
        text = self._path.read_text("utf-8", errors="replace") if self._path.exists() else ""
        lines = text.splitlines()
        kept = [line for line in lines if _step_of(line) <= step]
        write_atomically(self._path, "".join(line + "\n" for line in kept))
        self._file = self._path.open("a", encoding="utf-8")

    def step(self, step: PlannedStep, numbers: Mapping[str, float]) -> None:
        """Show a step on the bar, and write its line if one is due."""
        done, plan = step.number + 1, self._plan
        self._bar.advance(self._tokens, f"cross-entropy {numbers['cross_entropy']:.3f}")
        if step.number % plan.recipe.log_every == 0 or done == plan.steps:
            self._write(
                {
                    "step": done,
                    "steps": plan.steps,
                    "epoch": round(done / plan.epoch_steps, 4),
                    "tokens": done * self._tokens,
                    "words": step.words_seen,
                    **plan.eligible(step.number),
                    **numbers,
                    "learning_rate": step.learning_rate,
                    **self._meter.speed(done),
                    "memory_bytes": peak_memory(),
                }
            )

    def epoch(self, step: int, epoch: int, scores: Mapping[str, float]) -> None:
        """Write the scores at the end of an epoch."""
        self._write({"step": step, "epoch": epoch, **scores})

    def rewound(self, step: int, diverged_at: int, reason: str) -> None:
        """Write that the training went back to `step`."""
        self._write({"step": step, "rewound_from": diverged_at, "reason": reason})

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Do not count this time in the speed: it is not training."""
        started = time.monotonic()
        yield
        self._meter.leave_out(time.monotonic() - started)

    def summary(self) -> dict[str, float]:
        """Mean speed of all measured steps, median share of the products, peak memory."""
        return self._meter.summary()

    def _write(self, line: Mapping[str, Any]) -> None:
        if self._file is None:
            return
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        numbers = {name: value for name, value in line.items() if isinstance(value, int | float)}
        for tracker in self._trackers:
            tracker.log(numbers, step=line["step"])


def _step_of(line: str) -> float:
    """The step of a line; infinity for a line that was cut short or damaged."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return math.inf
