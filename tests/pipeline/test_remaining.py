"""What is left of a run is estimated from the FLOPs of what is done."""

import pytest

from babyllama.pipeline.remaining import Remaining


def test_what_is_left_takes_as_long_for_each_flop_as_what_is_done(monkeypatch):
    printed = []
    monkeypatch.setattr(
        "babyllama.pipeline.remaining.print_status", lambda text, **_: printed.append(text)
    )
    left = Remaining({"teachers/llama": 2e9, "teachers/gpt2": 1e9, "students/twin": 3e9})
    assert left.seconds_left(50.0) == 0  # nothing is known yet
    left.count("teachers/llama")
    assert left.seconds_left(50.0) == pytest.approx(100.0)
    left.count("teachers/gpt2")
    assert left.seconds_left(60.0) == pytest.approx(60.0)
    left.count("students/twin")
    assert left.seconds_left(90.0) == 0
    assert printed[1].startswith("  2 of 3 trainings and signals are made; about ")
    assert printed[2] == "  3 of 3 trainings and signals are made"
