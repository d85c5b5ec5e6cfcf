"""How fast a training is, and how much memory it takes."""

import resource
import sys
import time
from contextlib import suppress
from pathlib import Path

import torch

from babyllama.training.speed import StepCost

# Measuring the products takes a second or more: every half minute cost 5% of the time.
SECONDS_BETWEEN_PRODUCTS = 300.0


class Meter:
    """Measures tokens and FLOPs a second, and the share of the speed of plain matrix products."""

    def __init__(self, cost: StepCost) -> None:
        self._cost = cost
        self._products, self._products_at = cost.seconds_of_products(), time.monotonic()
        self._since, self._last_step = time.monotonic(), 0
        self._total_seconds, self._total_steps = 0.0, 0
        self._shares: list[float] = []

    def restart(self) -> None:
        """Measure nothing until the next call of `speed`."""
        self._last_step = 0

    def leave_out(self, seconds: float) -> None:
        """Do not count time that was not spent on training."""
        self._since += seconds

    def speed(self, step: int) -> dict[str, float]:
        """The speed of the steps since the last call, and nothing at the first.

        The first steps after a start are warm-up and compilation.
        """
        now, before = time.monotonic(), self._last_step
        seconds, self._since, self._last_step = now - self._since, now, step
        if before == 0:
            return {}
        steps = step - before
        self._total_seconds += seconds
        self._total_steps += steps
        share = self._products * steps / seconds
        self._shares.append(share)
        self.remeasure_products(now)
        return {
            "tokens_per_second": steps * self._cost.tokens / seconds,
            "flops_per_second": steps * self._cost.flops / seconds,
            "products_share": share,
        }

    def remeasure_products(self, now: float) -> None:
        """Measure the products again now and then, since a shared machine's speed drifts."""
        if now - self._products_at > SECONDS_BETWEEN_PRODUCTS:
            self._products = self._cost.seconds_of_products()
            self._products_at = self._since = time.monotonic()

    def summary(self) -> dict[str, float]:
        """Mean speed of all measured steps, median share of the products, peak memory."""
        facts: dict[str, float] = {"peak_memory_bytes": peak_memory()}
        if self._total_steps:
            speed = self._total_steps / self._total_seconds
            facts |= {
                "tokens_per_second": speed * self._cost.tokens,
                "flops_per_second": speed * self._cost.flops,
                "products_share": sorted(self._shares)[len(self._shares) // 2],
            }
        return facts


def peak_memory() -> int:
    """Largest resident set since `reset_peak_memory` in bytes; on a GPU, largest allocation.

    Where the system cannot reset it, it counts from the start of the process.
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
    """Start the peak again from what the process holds now."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
