"""AdamW and its schedule."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from babyllama.recipe import TrainingRecipe


def make_optimizer(model: nn.Module, recipe: TrainingRecipe) -> torch.optim.AdamW:
    """AdamW in one fused kernel; weight decay on weight matrices alone."""
    matrices, others = _split(model)
    groups = [
        {"params": matrices, "weight_decay": recipe.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        groups,
        lr=recipe.learning_rate,
        betas=(recipe.beta1, recipe.beta2),
        eps=recipe.epsilon,
        fused=True,
    )


def learning_rate(step: int, steps: int, recipe: TrainingRecipe) -> float:
    """Linear warm-up to the peak, then half a cosine to zero at `steps`."""
    if step < recipe.warmup_steps:
        return recipe.learning_rate * (step + 1) / recipe.warmup_steps
    progress = (step - recipe.warmup_steps) / max(1, steps - recipe.warmup_steps)
    return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))


def set_learning_rate(optimizer: torch.optim.Optimizer, value: float) -> None:
    """Set the rate of the coming update."""
    for group in optimizer.param_groups:
        group["lr"] = value


def _split(model: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    embeddings = set(_embeddings(model))
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for parameter in model.parameters():
        decays = parameter.ndim >= 2 and parameter not in embeddings
        (matrices if decays else others).append(parameter)
    return matrices, others


def _embeddings(model: nn.Module) -> Iterator[Tensor]:
    for module in model.modules():
        if isinstance(module, nn.Embedding):
            yield module.weight
