"""The meter: speeds by a clock that the test sets."""

from pathlib import Path

import pytest
import torch

from babyllama.training import meter
from babyllama.training.meter import SECONDS_BETWEEN_PRODUCTS, Meter, peak_memory, reset_peak_memory
from babyllama.training.speed import StepCost


class Cost(StepCost):
    """A step of 10 tokens and 1,000 FLOPs, whose products take half a second."""

    tokens, flops = 10, 1_000

    def __init__(self):
        object.__setattr__(self, "measured", [])

    def seconds_of_products(self):
        self.measured.append(0.5)
        return 0.5


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(meter.time, "monotonic", lambda: now[0])
    return now


def test_speed_is_that_of_the_steps_since_the_last_call(clock):
    ours = Meter(Cost())
    clock[0] += 50  # warm-up
    assert ours.speed(1) == {}
    clock[0] += 8
    fast = {"tokens_per_second": 5.0, "flops_per_second": 500.0, "products_share": 0.25}
    assert ours.speed(5) == fast
    clock[0] += 4
    slow = {"tokens_per_second": 2.5, "flops_per_second": 250.0, "products_share": 0.125}
    assert ours.speed(6) == slow
    assert ours.summary().items() >= {"tokens_per_second": 50 / 12, "products_share": 0.25}.items()


def test_a_restart_and_a_pause_are_not_counted(clock):
    ours = Meter(Cost())
    ours.speed(5)
    ours.restart()
    clock[0] += 1_000
    assert ours.speed(3) == {}
    clock[0] += 3
    ours.leave_out(2)
    assert ours.speed(4)["tokens_per_second"] == 10


def test_products_are_measured_again_now_and_then_and_that_time_is_not_counted(clock):
    cost = Cost()
    ours = Meter(cost)
    ours.speed(1)
    clock[0] += SECONDS_BETWEEN_PRODUCTS
    ours.speed(2)
    assert len(cost.measured) == 1
    clock[0] += 1
    ours.speed(3)
    assert len(cost.measured) == 2


@pytest.mark.skipif(
    torch.cuda.is_available() or not Path("/proc/self/clear_refs").exists(),
    reason="counts a card's memory, or cannot be reset",
)
def test_peak_memory_remembers_what_was_freed_until_it_is_reset():
    reset_peak_memory()
    before = peak_memory()
    block = b"x" * (200 * 2**20)
    del block
    assert peak_memory() > before + 190 * 2**20
