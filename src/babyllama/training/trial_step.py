"""How fast this machine trains a model of some shape: a few steps on random tokens, timed."""

import time

import numpy as np
import torch

from babyllama.data.windows import Batch
from babyllama.models.build import flops_per_token, new_model, parameter_count
from babyllama.models.precision import compute_dtype
from babyllama.recipe import PretrainingRecipe
from babyllama.training.gradient import prepare
from babyllama.training.optimizer import make_optimizer
from babyllama.training.pretraining import text_loss
from babyllama.training.processes import Processes

# A trial takes seconds and little memory: larger models are not tried.
_LARGEST_TRIED = 60_000_000  # parameters
_FLOPS_OF_TRIAL = 2e10  # of a step at most, unless a single window takes more
_STEPS, _SECONDS = 3, 1.5  # at most so many, and no further one after this time


def trial_flops(part: PretrainingRecipe, vocab_size: int) -> float | None:
    """FLOPs a second of a training's steps here, from the fastest of a few on random tokens.

    Returns:
        None for a model that is too large to be tried.
    """
    if parameter_count(part.model, vocab_size) > _LARGEST_TRIED:
        return None
    training = part.training.model_copy(update={"compile": False, "shard": False})
    model = new_model(part.model, vocab_size, seed=0, separators=True)
    processes = Processes()
    forward = prepare(
        model, training, compute_dtype(training.precision, processes.device), processes
    )
    optimizer = make_optimizer(model, training)
    flops = 3 * flops_per_token(model)
    most = int(_FLOPS_OF_TRIAL / (flops * training.window))
    windows = max(1, min(training.micro_batch_size or training.batch_size, most))
    loss, batch = text_loss(training), _random_batch(windows, training.window, vocab_size)

    def step() -> float:
        started = time.perf_counter()
        total, _, _ = forward(loss, batch)
        total.backward()
        optimizer.step(skip_if=torch.zeros((), device=processes.device))
        optimizer.zero_grad()
        if processes.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - started

    step()  # the first allocates
    seconds = [step()]
    while len(seconds) < _STEPS and sum(seconds) < _SECONDS:
        seconds.append(step())
    return flops * windows * training.window / min(seconds)


def _random_batch(windows: int, window: int, vocab_size: int) -> Batch:
    generator = torch.Generator().manual_seed(0)
    # From 3: transformers warns of padding tokens.
    tokens = torch.randint(3, vocab_size, (windows, window + 1), generator=generator)
    return Batch(np.arange(windows), tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous())
