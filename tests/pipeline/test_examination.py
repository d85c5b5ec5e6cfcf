"""What `babyllama doctor` says of this machine."""

import torch

from babyllama.pipeline import examination, timing
from babyllama.pipeline.examination import examine, training_times


def test_the_machine_is_this_one(monkeypatch):
    monkeypatch.setattr(examination, "machine_flops", lambda dtype, _: {torch.float32: 2e9}[dtype])
    monkeypatch.setattr(examination, "compute_dtype", lambda *_: torch.float32)

    found = examine()

    assert (found.float32_flops, found.bfloat16_flops) == (2e9, None)
    assert found.cores == torch.get_num_threads()
    assert found.processor
    assert 0 < found.free_memory <= found.memory
    assert torch.__version__.startswith(found.versions["torch"])  # as installed, or with its build


def test_a_time_is_the_best_of_several_measurements(monkeypatch):
    speeds = iter([1e9, 1e10] + [5e9] * 1000)
    monkeypatch.setattr(timing, "trial_flops", lambda *_: next(speeds))
    monkeypatch.setattr(examination, "built_in_recipes", lambda: ["mini"])
    found = training_times()["mini"]
    monkeypatch.setattr(timing, "trial_flops", lambda *_: 5e9)
    assert found == training_times()["mini"]  # not the first, which was slower


def test_every_built_in_recipe_has_a_time_and_larger_ones_take_longer(monkeypatch):
    monkeypatch.setattr(timing, "trial_flops", lambda *_: 1e10)
    monkeypatch.setattr(timing, "machine_flops", lambda *_: 1e11)

    takes = training_times()

    assert list(takes) == ["mini", "sprout", "laptop", "strict-small", "strict"]
    assert list(takes.values()) == sorted(takes.values())
