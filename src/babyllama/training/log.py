"""What is known of a training while it goes on: training.jsonl, a bar, trackers, speed and memory.

`training.jsonl` is the source: a line a logged step, one an epoch, one a rewind. It is written by
the first process alone.
"""

import json
import math
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import torch

from babyllama.console import ProgressBar
from babyllama.errors import InputError
from babyllama.recipe import TrainingRecipe
from babyllama.runs.artefact import finished_folder, write_atomically
from babyllama.runs.layout import TRACKERS
from babyllama.training.guard import Seen
from babyllama.training.schedule import TrainingPlan

_SECONDS_BETWEEN_FLOORS = 300.0  # a second or more each: every half minute took 5% of the time


class TrainingLog:
    """Open while a model trains.

    Args:
        path: training.jsonl; lines of steps that will be done again are taken out.
        tokens_per_step, flops_per_step: over all processes.
        seconds_of_products: measures how long a step's plain matrix products take here.
        writes: whether this is the process that writes.
    """

    def __init__(
        self,
        path: Path,
        recipe: TrainingRecipe,
        course: TrainingPlan,
        *,
        tokens_per_step: int,
        flops_per_step: int,
        seconds_of_products: Callable[[], float],
        writes: bool,
    ) -> None:
        self._path, self._recipe, self._course, self._writes = path, recipe, course, writes
        self._tokens_per_step = tokens_per_step
        self._meter = _Meter(tokens_per_step, flops_per_step, seconds_of_products)
        name = finished_folder(path.parent).name
        self._bar = ProgressBar(name, course.steps * tokens_per_step, "tokens")
        self._file: IO[str] | None = None
        self._trackers: list[Any] = []

    def __enter__(self) -> "TrainingLog":
        self._bar.__enter__()
        if self._writes:
            self._trackers = _open_trackers(self._recipe, self._path.parent)
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
        """Take out what was logged of later steps, which will be done again."""
        self._bar.start_at(step * self._tokens_per_step)
        self._meter.start_anew()
        if not self._writes:
            return
        if self._file:
            self._file.close()
        lines = self._path.read_text("utf-8").splitlines() if self._path.exists() else []
        kept = [line for line in lines if _step_of(line) <= step]
        write_atomically(self._path, "".join(line + "\n" for line in kept))
        self._file = self._path.open("a", encoding="utf-8")

    def step(self, seen: Seen | None, words_seen: int) -> None:
        """Show a step on the bar, and write its line if one is due."""
        if seen is None:
            return
        step, values = seen.step + 1, dict(seen.values)
        values.pop("stop")
        self._bar.advance(self._tokens_per_step, f"cross-entropy {values['cross_entropy']:.3f}")
        if seen.step % self._recipe.log_every == 0 or step == self._course.steps:
            self._write(
                {
                    "step": step,
                    "steps": self._course.steps,
                    "epoch": round(step / self._course.epoch_steps, 4),
                    "tokens": step * self._tokens_per_step,
                    "words": words_seen,
                    **values,
                    "learning_rate": seen.learning_rate,
                    **self._meter.speed(step),
                    "memory_bytes": peak_memory(),
                }
            )

    def epoch(self, step: int, epoch: int, dev: dict[str, float]) -> None:
        """Write the scores that an epoch ended with."""
        self._write({"step": step, "epoch": epoch, **dev})

    def rewound(self, step: int, came_from: int, reason: str) -> None:
        """Write that the training went back to `step`."""
        self._write({"step": step, "rewound_from": came_from, "reason": reason})

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Leave out of the speed what is not training."""
        started = time.monotonic()
        yield
        self._meter.leave_out(time.monotonic() - started)

    def summary(self) -> dict[str, float]:
        """Mean speed over all measured steps, median share of the products, peak memory."""
        return self._meter.summary()

    def _write(self, line: dict[str, Any]) -> None:
        if self._file is None:
            return
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        numbers = {name: value for name, value in line.items() if isinstance(value, int | float)}
        for tracker in self._trackers:
            tracker.log(numbers, step=line["step"])


class _Meter:
    """Speed and memory: tokens and FLOPs a second, and the share of what plain products reach."""

    def __init__(
        self, tokens_per_step: int, flops_per_step: int, seconds_of_products: Callable[[], float]
    ) -> None:
        self._tokens_per_step, self._flops_per_step = tokens_per_step, flops_per_step
        self._measure = seconds_of_products
        self._products, self._products_at = self._measure(), time.monotonic()
        self._since, self._last_step = time.monotonic(), 0
        self._total_seconds, self._total_steps = 0.0, 0
        self._shares: list[float] = []

    def start_anew(self) -> None:
        self._last_step = 0

    def leave_out(self, seconds: float) -> None:
        self._since += seconds

    def speed(self, step: int) -> dict[str, float]:
        """Over the steps since the last asking."""
        now, before = time.monotonic(), self._last_step
        seconds, self._since, self._last_step = now - self._since, now, step
        if before == 0:  # the first line after a start: warm-up and compilation
            return {}
        steps = step - before
        self._total_seconds += seconds
        self._total_steps += steps
        share = self._products * steps / seconds
        self._shares.append(share)
        self._refresh_products(now)
        return {
            "tokens_per_second": steps * self._tokens_per_step / seconds,
            "flops_per_second": steps * self._flops_per_step / seconds,
            "products_share": share,
        }

    def _refresh_products(self, now: float) -> None:
        """A shared machine's speed drifts, so the floor is measured again beside the training."""
        if now - self._products_at > _SECONDS_BETWEEN_FLOORS:
            self._products = self._measure()
            self._products_at = self._since = time.monotonic()

    def summary(self) -> dict[str, float]:
        facts: dict[str, float] = {"peak_memory_bytes": peak_memory()}
        if self._total_steps:
            speed = self._total_steps / self._total_seconds
            facts |= {
                "tokens_per_second": speed * self._tokens_per_step,
                "flops_per_second": speed * self._flops_per_step,
                "products_share": sorted(self._shares)[len(self._shares) // 2],
            }
        return facts


def _step_of(line: str) -> float:
    """The step of a line; of one that was cut short, later than any."""
    try:
        return float(json.loads(line)["step"])
    except ValueError:
        return math.inf


def refuse_missing_trackers(trackers: Sequence[str]) -> None:
    """Check, before any work, that every tracker is installed.

    Raises:
        InputError: names the first that is not, and what to install.
    """
    if not trackers:
        return
    from accelerate.tracking import get_available_trackers

    there = {str(each) for each in get_available_trackers()}
    for name in trackers:
        if name not in there:
            raise InputError(
                f"training.trackers names {name}, which is not installed",
                why="What is logged would not reach it.",
                mend=f"Run: pip install {name}",
            )


def _open_trackers(recipe: TrainingRecipe, folder: Path) -> list[Any]:
    refuse_missing_trackers(recipe.trackers)
    if not recipe.trackers:
        return []
    from accelerate import Accelerator

    accelerator = Accelerator(
        cpu=not torch.cuda.is_available(),
        log_with=list(recipe.trackers),
        project_dir=folder / TRACKERS,
    )
    accelerator.init_trackers(finished_folder(folder).name)
    opened: list[Any] = accelerator.trackers
    return opened


def peak_memory() -> int:
    """Largest resident set since `reset_peak_memory` in bytes; on a card, largest allocation.

    A system that cannot reset counts from the start of the process.
    """
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def reset_peak_memory() -> None:
    """Forget the peak of what the process did before."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
