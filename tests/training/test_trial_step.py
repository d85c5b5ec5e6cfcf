"""A trial's speed is the FLOPs of its steps over the seconds of the fastest."""

from itertools import count
from types import SimpleNamespace

import pytest

from babyllama.models.build import flops_per_token, new_model
from babyllama.recipe import load_recipe
from babyllama.training import trial_step
from babyllama.training.trial_step import trial_flops


def test_the_speed_is_that_of_the_fastest_step_after_the_first(tiny_recipe, monkeypatch):
    part = tiny_recipe.pretraining("distilled")
    clock = iter([0.0, 0.1, 1.0, 1.5, 2.0, 2.25, 3.0, 3.4])  # the first step only allocates
    monkeypatch.setattr(trial_step, "time", SimpleNamespace(perf_counter=lambda: next(clock)))

    found = trial_flops(part, 320)

    tokens = part.training.batch_size * part.training.window
    model = new_model(part.model, 320, seed=0, separators=True)
    assert found == pytest.approx(3 * flops_per_token(model) * tokens / 0.25)


def test_slow_steps_are_not_repeated(tiny_recipe, monkeypatch):
    clock = count(step=2)
    monkeypatch.setattr(trial_step, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    trial_flops(tiny_recipe.pretraining("distilled"), 320)
    assert next(clock) == 8  # two steps, each timed twice


def test_a_model_that_would_take_long_is_not_tried():
    assert trial_flops(load_recipe("strict-small").pretraining("llama"), 16_000) is None
