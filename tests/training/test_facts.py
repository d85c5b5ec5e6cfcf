"""The facts of a manifest: counted from the plan and the progress."""

import numpy as np
import pytest
import torch

from babyllama.data.order import Order, rank
from babyllama.data.windows import Windows
from babyllama.models.build import new_model
from babyllama.recipe import MeasuredOrder
from babyllama.training.checkpoints import Progress, State
from babyllama.training.facts import training_facts
from babyllama.training.optimizer import make_optimizer
from babyllama.training.processes import Processes
from babyllama.training.schedule import plan_training
from babyllama.training.speed import StepCost


def test_skipped_steps_are_left_out_of_tokens_and_flops(tiny_recipe, tokens):
    part = tiny_recipe.pretraining("llama")
    model = new_model(part.model, 320, seed=0, separators=True)
    plan = plan_training(Windows(tokens, "train", 16), part.training, seed=1)
    cost = StepCost(model, part.training, torch.bfloat16, (), 1)
    progress = Progress(plan.steps, 900, 2.5, 2, best_is_averaged=True, skipped=(3, 7))
    state = State(model, make_optimizer(model, part.training), None, {})
    most = part.training.max_dev_windows
    facts = training_facts(state, plan, progress, cost, Processes(), dev_windows=most + 13)
    assert (facts["dev_windows"], facts["dev_windows_there"]) == (most, most + 13)
    assert "times_read" not in facts
    assert facts["tokens"] == (plan.steps - 2) * 16 * 16
    assert facts["flops"] == (plan.steps - 2) * cost.flops
    assert facts["skipped_steps"] == [3, 7]
    assert (facts["steps"], facts["epochs"]) == (plan.steps, 2)
    assert (facts["best_epoch"], facts["dev_cross_entropy"]) == (2, 2.5)
    assert facts["best_is_averaged"]
    assert (facts["words_seen"], facts["max_words_seen"]) == (900, None)
    assert facts["precision"] == "bfloat16"
    assert facts["parameters"] == sum(each.numel() for each in model.parameters())


def test_under_an_order_facts_and_log_say_how_often_windows_are_read(tiny_recipe, tokens):
    part = tiny_recipe.pretraining("llama")
    model = new_model(part.model, 320, seed=0, separators=True)
    windows = Windows(tokens, "train", 16)
    ranked = rank(np.arange(len(windows), dtype=float)[None], reverse=False, seed=1)
    windows.order = Order(MeasuredOrder(by="length", until=1), ranked, part.training.epochs)
    plan = plan_training(windows, part.training, seed=1)
    cost = StepCost(model, part.training, torch.float32, (), 1)
    state = State(model, make_optimizer(model, part.training), None, {})
    progress = Progress(plan.steps, 900, 2.5, 2, skipped=(3, 7))
    facts = training_facts(state, plan, progress, cost, Processes(), dev_windows=9)
    assert (facts["dev_windows"], facts["dev_windows_there"]) == (9, 9)
    made = [number for number in range(plan.steps) if number not in (3, 7)]
    read = [plan.step(number, 0).batch.starts // 16 for number in made]
    times = np.bincount(np.concatenate(read), minlength=len(windows))
    assert facts["times_read"] == {
        "min": times.min(), "median": np.median(times), "max": times.max(),
    }  # fmt: skip
    assert times[: len(windows) // 10].mean() > 2 * times.mean()
    assert [plan.eligible(number)["eligible"] for number in (0, plan.steps - 1)] == [
        pytest.approx(0.1, abs=0.01), pytest.approx(1, abs=0.1),
    ]  # fmt: skip
