"""What this machine can do: the time of a step's matrix products alone, measured."""

import time
from collections import Counter
from typing import TYPE_CHECKING

import torch

from babyllama.models.build import product_shapes
from babyllama.recipe import TrainingRecipe

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def seconds_of_products(
    model: "PreTrainedModel",
    recipe: TrainingRecipe,
    dtype: torch.dtype,
    teacher_products: tuple[tuple[int, int], ...] = (),
) -> float:
    """Seconds of one update's plain products: three for each weight matrix of the model (forward,
    to the inputs, to the weights), one for each of the teachers' that the loss does.

    Shapes are a micro-batch's, the precision is the training's, memory is warm: the floor that a
    step is held against.
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


def product_seconds(
    shape: tuple[int, int, int], dtype: torch.dtype, device: torch.device, repeats: int = 4
) -> float:
    """Seconds of one (m, k) x (k, n) product: the fastest of a few, after one to warm up."""
    m, k, n = shape
    a = torch.randn(m, k, device=device).to(dtype)
    b = torch.randn(k, n, device=device).to(dtype)
    a @ b
    fastest = float("inf")
    for _ in range(repeats):
        _wait(device)
        started = time.perf_counter()
        a @ b
        _wait(device)
        fastest = min(fastest, time.perf_counter() - started)
    return fastest


def machine_flops(dtype: torch.dtype, device: torch.device, seconds: float = 0.5) -> float:
    """FLOPs a second of square products in `seconds` of trying: what a plan estimates with."""
    size = 768
    flops, spent, one = 0.0, 0.0, 2.0 * size**3
    while spent < seconds:
        fastest = product_seconds((size, size, size), dtype, device)
        flops, spent = max(flops, one / fastest), spent + 5 * fastest
    return flops


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
