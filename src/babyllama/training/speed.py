"""What a step costs, and what this machine can do: the measured time of its matrix products."""

import time
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch

from babyllama.models.build import flops_per_token, product_shapes
from babyllama.recipe import Sam, TrainingRecipe

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# A long product varies little, and every training measures about ten of them at its start.
ENOUGH_SECONDS, FEWEST_REPEATS, MOST_REPEATS = 0.1, 2, 5


@dataclass(frozen=True)
class StepCost:
    """What one update costs, over all processes.

    Attributes:
        teacher_products: (inputs, outputs) of the products that the loss does besides the model's.
        processes: how many share a step.
    """

    model: "PreTrainedModel"
    recipe: TrainingRecipe
    dtype: torch.dtype
    teacher_products: tuple[tuple[int, int], ...]
    processes: int

    @property
    def tokens(self) -> int:
        """Tokens that an update learns from."""
        return self.recipe.batch_size * self.recipe.window

    @cached_property
    def flops(self) -> int:
        """Floating-point operations in matrix products."""
        teachers = sum(2 * inputs * outputs for inputs, outputs in self.teacher_products)
        return self._passes * self.tokens * (3 * flops_per_token(self.model) + teachers)

    def seconds_of_products(self) -> float:
        """Measure how long the plain matrix products take here, shared by all processes."""
        once = seconds_of_products(self.model, self.recipe, self.dtype, self.teacher_products)
        return self._passes * once / self.processes

    @property
    def _passes(self) -> int:
        """Forward and backward passes: SAM takes two."""
        return 2 if isinstance(self.recipe.optimizer, Sam) else 1


def seconds_of_products(
    model: "PreTrainedModel",
    recipe: TrainingRecipe,
    dtype: torch.dtype,
    teacher_products: tuple[tuple[int, int], ...] = (),
) -> float:
    """Seconds of the plain products of one pass over a batch.

    There are three for each weight matrix of the model (forward, to the inputs, to the weights) and
    one for each of the teachers' products in the loss. Shapes are a micro-batch's, the precision is
    the training's, memory is warm: no step can be faster.
    """
    tokens = (recipe.micro_batch_size or recipe.batch_size) * recipe.window
    times = recipe.batch_size * recipe.window / tokens
    device = next(model.parameters()).device
    products: Counter[tuple[int, int, int]] = Counter()
    for inputs, outputs in product_shapes(model):
        products[tokens, inputs, outputs] += 1
        products[tokens, outputs, inputs] += 1
        products[inputs, tokens, outputs] += 1
    for inputs, outputs in teacher_products:
        products[tokens, inputs, outputs] += 1
    return times * sum(
        count * product_seconds(shape, dtype, device) for shape, count in products.items()
    )


def product_seconds(shape: tuple[int, int, int], dtype: torch.dtype, device: torch.device) -> float:
    """Seconds of one (m, k) x (k, n) product: the fastest of five.

    Long ones are timed until 0.1 seconds are spent, but at least twice: the first one warms up.
    """
    m, k, n = shape
    a = torch.randn(m, k, device=device).to(dtype)
    b = torch.randn(k, n, device=device).to(dtype)
    seconds: list[float] = []
    while len(seconds) < MOST_REPEATS:
        _wait(device)
        started = time.perf_counter()
        a @ b
        _wait(device)
        seconds.append(time.perf_counter() - started)
        if len(seconds) >= FEWEST_REPEATS and sum(seconds) >= ENOUGH_SECONDS:
            break
    return min(seconds)


def machine_flops(dtype: torch.dtype, device: torch.device, seconds: float = 0.5) -> float:
    """FLOPs a second of square products, measured for `seconds`: what a plan estimates with."""
    size = 768
    flops, spent, one = 0.0, 0.0, 2.0 * size**3
    while spent < seconds:
        fastest = product_seconds((size, size, size), dtype, device)
        flops, spent = max(flops, one / fastest), spent + 5 * fastest
    return flops


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
