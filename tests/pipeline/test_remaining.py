"""What is left of a run is estimated from the FLOPs of what is done."""

from types import SimpleNamespace

import pytest

from babyllama.console import ProgressBar
from babyllama.pipeline import remaining
from babyllama.pipeline.remaining import Remaining

STAGES = ("tokens", "teachers/llama", "teachers/gpt2", "students/twin", "evaluation", "report")
FLOPS = {"teachers/llama": 2e9, "teachers/gpt2": 1e9, "students/twin": 3e9}


@pytest.fixture
def clock(monkeypatch):
    """A clock that only a test moves."""
    now = SimpleNamespace(seconds=1000.0)
    monkeypatch.setattr(remaining, "time", SimpleNamespace(monotonic=lambda: now.seconds))
    return now


@pytest.fixture
def printed(monkeypatch):
    said = []
    monkeypatch.setattr(remaining, "print_status", lambda text, **_: said.append(text))
    return said


def test_what_is_left_takes_as_long_for_each_flop_as_what_is_done(clock, printed):
    left = Remaining(STAGES, FLOPS)
    assert left.line() == "0 of 6 stages are made"
    left.begin("tokens")
    assert left.line() == "0 of 6 stages are made, now tokens"
    left.count("tokens")
    left.begin("teachers/llama")
    clock.seconds += 50
    assert left.seconds_left() is None  # nothing is known yet
    left.count("teachers/llama")
    assert left.seconds_left() == pytest.approx(100.0)
    clock.seconds += 10
    left.count("teachers/gpt2")
    assert left.seconds_left() == pytest.approx(60.0)
    left.count("students/twin")
    assert left.seconds_left() is None
    assert printed == [
        "  2 of 6 stages are made, about 1 min 40 s left",
        "  3 of 6 stages are made, about 1 min 00 s left",
        "  4 of 6 stages are made",
    ]


def test_a_training_in_progress_counts_by_its_bar_without_what_was_done_before(clock):
    left = Remaining(STAGES, FLOPS)
    left.begin("teachers/llama")
    with ProgressBar("llama", 100, "tokens") as bar:
        bar.start_at(50)  # resumed: 1e9 FLOPs of an earlier process
        clock.seconds += 20
        bar.advance(25)  # 0.5e9 in 20 s
        assert left.seconds_left() == pytest.approx(20 / 0.5e9 * 4.5e9)
    assert left.seconds_left() == pytest.approx(20 / 0.5e9 * 4.5e9)  # while dev is scored, too


def test_what_was_complete_before_counts_as_made():
    assert Remaining(STAGES, {}, made=["tokens", "report"]).line() == "2 of 6 stages are made"


@pytest.mark.usefixtures("printed")
def test_scoring_is_part_of_what_is_left_and_has_a_speed_of_its_own(clock):
    left = Remaining(STAGES, FLOPS, lambda: {"llama": 1e9, "twin": 2e9})
    left.begin("teachers/llama")
    clock.seconds += 60
    for name in FLOPS:
        left.count(name)
    assert left.seconds_left() == pytest.approx(30.0)  # as fast as training, until it is known
    left.begin("evaluation")
    clock.seconds += 10
    assert left.seconds_left() == pytest.approx(20.0)
    left.count_scored("llama")
    assert left.seconds_left() == pytest.approx(20.0)
    clock.seconds += 5
    assert left.seconds_left() == pytest.approx(15.0)
    left.count("evaluation")
    assert left.seconds_left() is None
