"""How fast training is, beside its floor: the plain matrix products of the same shapes.

    python -m benchmarks.training_speed [--recipe laptop] [--model distilled] [--steps 40]

Trains a model of a recipe on random tokens, alternating with the products in one process, in each
precision, with and without compilation, with both ways of attention. Prints a table and writes
build/benchmarks/training_speed.json.
"""

import argparse
import json
import platform
import statistics
import time
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from babyllama.console import show, table
from babyllama.losses import LossTerms, cross_entropy_loss
from babyllama.models import flops_per_token, new_model
from babyllama.recipe import PretrainingRecipe, load_recipe
from babyllama.tokens import IGNORE_INDEX, Batch
from babyllama.training import loop
from babyllama.training.compilation import compile_blocks
from babyllama.training.optimizer import make_optimizer
from babyllama.training.speed import seconds_of_products

CPU = torch.device("cpu")


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", default="laptop")
    parser.add_argument("--model", default="distilled")
    parser.add_argument("--steps", type=int, default=40)
    asked = parser.parse_args()
    recipe = load_recipe(asked.recipe)
    part, vocab_size = recipe.pretraining(asked.model), recipe.tokenizer.vocab_size
    rows = [
        measure(part, vocab_size, asked.steps, precision, compiled, attention)
        for precision in ("float32", "bfloat16")
        for compiled in (False, True)
        for attention in ("sdpa", "eager")
    ]
    columns = ("precision, compiled, attention", "tokens/s", "spread", "GFLOP/s", "of the products")
    show(
        table(
            f"{asked.recipe} {asked.model}, {torch.get_num_threads()} threads",
            columns,
            [
                (
                    f"{row['precision']}, {row['compiled']}, {row['attention']}",
                    f"{row['tokens_per_second']:,.0f}",
                    f"{row['slowest']:,.0f} to {row['fastest']:,.0f}",
                    f"{row['flops_per_second'] / 1e9:,.0f}",
                    f"{row['products_share']:.0%}",
                )
                for row in rows
            ],
        )
    )
    out = Path("build/benchmarks/training_speed.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    machine = {"processor": platform.processor(), "torch": torch.__version__}
    out.write_text(json.dumps({**machine, "rows": rows}, indent=1))


def measure(
    part: PretrainingRecipe,
    vocab_size: int,
    steps: int,
    precision: Literal["float32", "bfloat16"],
    compiled: bool,
    attention: str,
) -> dict[str, Any]:
    """Median over steps, each followed by nothing but the next; products measured in between."""
    torch._dynamo.reset()
    training = part.training.model_copy(update={"precision": precision})
    dtype = getattr(torch, precision)
    model = new_model(part.model, vocab_size, seed=0, separators=True).train()
    model.set_attn_implementation(attention)
    if compiled:
        compile_blocks(model)
    optimizer = make_optimizer(model, training)
    batch = random_batch(training.batch_size, training.window, vocab_size)
    seconds, floors = [], []
    for step in range(steps + 3):
        started = time.perf_counter()
        loop._accumulate(model, text_loss, batch, training, CPU, dtype)
        optimizer.step()
        optimizer.zero_grad()
        if step >= 3:  # compilation and warm-up
            seconds.append(time.perf_counter() - started)
        if step % 10 == 3:
            floors.append(seconds_of_products(model, training, dtype))
    tokens = training.batch_size * training.window
    median = statistics.median(seconds)
    return {
        "precision": precision,
        "compiled": compiled,
        "attention": attention,
        "tokens_per_second": tokens / median,
        "slowest": tokens / max(seconds),
        "fastest": tokens / min(seconds),
        "flops_per_second": 3 * flops_per_token(model) * tokens / median,
        "products_share": statistics.median(floors) / median,
    }


def random_batch(rows: int, window: int, vocab_size: int) -> Batch:
    """Windows of random tokens: speed does not depend on which."""
    tokens = np.random.default_rng(0).integers(0, vocab_size, (rows, window))
    labels = np.full_like(tokens, IGNORE_INDEX)
    labels[:, :-1] = tokens[:, 1:]
    return Batch(np.arange(rows), torch.from_numpy(tokens), torch.from_numpy(labels))


def text_loss(hidden: Tensor, head: Tensor, batch: Batch) -> LossTerms:
    """What the twin minimises."""
    return cross_entropy_loss(hidden, head, batch.labels)


if __name__ == "__main__":
    main()
