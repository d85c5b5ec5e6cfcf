"""Trainings small enough to be repeated often, and ways to interrupt them."""

import json
import os
import signal

import torch

from babyllama.data.windows import Windows
from babyllama.models.loss import cross_entropy_loss
from babyllama.recipe import PretrainingRecipe, TrainingRecipe
from babyllama.training.checkpoints import Checkpoints
from babyllama.training.dev_scores import dev_cross_entropy
from babyllama.training.folder import start_model
from babyllama.training.gradient import Forward
from babyllama.training.loop import train
from babyllama.training.pretraining import pretrain
from babyllama.training.processes import Processes


def text_loss(hidden, head, batch):
    return cross_entropy_loss(hidden, head, batch.labels)


def with_training(part, **changes):
    training = TrainingRecipe.model_validate(part.training.model_dump() | changes)
    return PretrainingRecipe(model=part.model, training=training)


def run(part, tokens, tokenizer, out, loss=text_loss, seed=1):
    """Train, and return (facts, weights of the last step)."""
    out.mkdir(exist_ok=True)
    model = start_model(part, tokens, tokenizer, seed=seed)
    facts = train(
        model, loss, Windows(tokens, "train", 16, part.training.windows),
        Windows(tokens, "dev", 16), part.training, tokenizer, out, seed=seed,
    )  # fmt: skip
    return facts, {name: p.detach().clone() for name, p in model.named_parameters()}


def pretrain_and_die(part, tokens, tokenizer, out):
    """Pretrain a model; this process is killed once it has a checkpoint of step 9 or later."""
    save = Checkpoints.save

    def save_and_die(checkpoints, progress):
        save(checkpoints, progress)
        if progress.step >= 9:
            os.kill(os.getpid(), signal.SIGKILL)

    Checkpoints.save = save_and_die
    pretrain(part, tokens, tokenizer, out, seed=1)


def dev_of(model, windows, recipe):
    return dev_cross_entropy(Forward(model, torch.float32), windows, recipe, Processes())


def lines(folder):
    return [json.loads(line) for line in (folder / "training.jsonl").read_text().splitlines()]


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


SPEED = ("tokens_per_second", "flops_per_second", "products_share", "memory_bytes")


class Cut(Exception):
    """A kill at a chosen step."""


def cut_at(calls):
    left = iter(range(calls))

    def loss(hidden, head, batch):
        if torch.is_grad_enabled() and next(left, None) is None:
            raise Cut
        return text_loss(hidden, head, batch)

    return loss
