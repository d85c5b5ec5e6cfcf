"""The facts of a manifest: counted from the plan and the progress."""

import torch

from babyllama.data.windows import Windows
from babyllama.models.build import new_model
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
    facts = training_facts(
        State(model, make_optimizer(model, part.training), None, {}),
        plan,
        progress,
        cost,
        Processes(),
    )
    assert facts["tokens"] == (plan.steps - 2) * 16 * 16
    assert facts["flops"] == (plan.steps - 2) * cost.flops
    assert facts["skipped_steps"] == [3, 7]
    assert (facts["steps"], facts["epochs"]) == (plan.steps, 2)
    assert (facts["best_epoch"], facts["dev_cross_entropy"]) == (2, 2.5)
    assert facts["best_is_averaged"]
    assert (facts["words_seen"], facts["max_words_seen"]) == (900, None)
    assert facts["precision"] == "bfloat16"
    assert facts["parameters"] == sum(each.numel() for each in model.parameters())
