"""Dev scores: what they are, and how they choose the weights that become the model."""

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from babyllama.data.windows import Batch, Windows
from babyllama.models.logits import Head
from babyllama.models.loss import LossTerms, cross_entropy_loss
from babyllama.recipe import TrainingRecipe
from babyllama.runs.artefact import finished_folder
from babyllama.training.average import weights_of
from babyllama.training.checkpoints import Checkpoints, Progress
from babyllama.training.guard import Diverged
from babyllama.training.log import LogWriter
from babyllama.training.processes import Processes


def end_epoch(
    progress: Progress,
    epoch: int,
    dev_score: Callable[[], float],
    checkpoints: Checkpoints,
    log: LogWriter,
) -> Progress:
    """Score the weights, and the averaged ones; keep them if they are the best so far.

    Args:
        dev_score: dev cross-entropy of the model's current weights.

    Raises:
        Diverged: the score of the weights is not finite.
    """
    average = checkpoints.state.average
    scores = {"dev_cross_entropy": dev_score()}
    _refuse_non_finite(scores["dev_cross_entropy"], progress, epoch, checkpoints)
    progress = _keep_if_best(progress, scores["dev_cross_entropy"], epoch, checkpoints)
    if average:
        averaged = average.after_epoch(epoch, checkpoints.processes)
        progress = checkpoints.name_epochs(progress, epoch)
        with weights_of(checkpoints.state.model, averaged):
            score = scores["averaged_dev_cross_entropy"] = dev_score()
            progress = _keep_if_best(progress, score, epoch, checkpoints, averaged=True)
    log.epoch(progress.step, epoch, scores)
    return progress


@torch.no_grad()
def dev_cross_entropy(
    forward: nn.Module,
    windows: Windows,
    recipe: TrainingRecipe,
    processes: Processes,
) -> float:
    """Mean cross-entropy over the dev windows in nats per token."""

    def text_loss(hidden: Tensor, head: Head, batch: Batch) -> LossTerms:
        return cross_entropy_loss(hidden, head, batch.labels)

    forward.eval()
    sums = torch.zeros(2, dtype=torch.float64, device=processes.device)
    size = recipe.micro_batch_size or max(1, recipe.batch_size // processes.count)
    batches = list(windows.evenly_spaced(recipe.max_dev_windows, size))
    for first in range(0, len(batches), processes.count):
        # A process without a batch of its own repeats the last one, and does not count it: every
        # process must take part in every pass.
        own = first + processes.rank
        batch = batches[min(own, len(batches) - 1)]
        cross_entropy = forward(text_loss, batch)[1]
        count = batch.labels.shape[0] * (batch.labels.shape[1] - 1) * (own < len(batches))
        sums += torch.stack([cross_entropy.double() * count, torch.tensor(count).to(sums)])
    forward.train()
    total, labelled = (processes.count * processes.mean(sums)).tolist()
    return float(total / labelled)


def _keep_if_best(
    progress: Progress,
    score: float,
    epoch: int,
    checkpoints: Checkpoints,
    *,
    averaged: bool = False,
) -> Progress:
    if not score < progress.best_cross_entropy:
        return progress
    best = replace(progress, best_cross_entropy=score, best_epoch=epoch, best_is_averaged=averaged)
    return checkpoints.save_best(best)


def _refuse_non_finite(
    score: float, progress: Progress, epoch: int, checkpoints: Checkpoints
) -> None:
    name = finished_folder(checkpoints.out).name
    if not math.isfinite(score):
        raise Diverged(
            f"{name}: dev cross-entropy is {score} after epoch {epoch}",
            step=progress.step - 1,
            why="The loss on the training text is finite, the one on the dev text is not.",
            mend="Look at the dev text, and try precision float32.",
        )
