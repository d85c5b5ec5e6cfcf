"""Averaged weights: they are scored beside the trained ones and may become the model."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from babyllama.models.tensor_files import write_tensors
from babyllama.recipe import ExponentialAverage, LastEpochs, TrainingRecipe
from babyllama.training.processes import Processes, distributed, gathered

EPOCH = "epoch-"  # how the names of files with an epoch's weights begin


class MovingAverage:
    """`average = decay * average + (1 - decay) * weights` after every update.

    The decay grows to its value as (1 + n) / (10 + n) after n updates, so that the random first
    weights soon lose their influence.
    """

    def __init__(self, model: nn.Module, recipe: ExponentialAverage) -> None:
        self._decay = recipe.decay
        self._weights: list[Tensor] = list(model.parameters())
        self.tensors = {name: p.detach().clone() for name, p in model.named_parameters()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Add the weights after update number `step`, counted from 1."""
        decay = min(self._decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(self.tensors.values()), self._weights, 1 - decay)

    def after_epoch(self, epoch: int, processes: Processes) -> dict[str, Tensor]:
        """The averaged weights, gathered."""
        del epoch, processes
        return {name: gathered(value) for name, value in self.tensors.items()}

    def files(self, epoch: int) -> list[Path]:
        """None: the averaged weights are in the checkpoints."""
        del epoch
        return []


class EpochAverage:
    """The mean of the weights at the ends of the last epochs, kept on disk until then."""

    def __init__(self, model: nn.Module, recipe: LastEpochs, folder: Path, keep: int) -> None:
        self._model, self._count, self._folder, self._keep = model, recipe.epochs, folder, keep
        self.tensors: dict[str, Tensor] = {}

    def update(self, step: int) -> None:
        """Do nothing: only weights at the end of an epoch are averaged."""

    def after_epoch(self, epoch: int, processes: Processes) -> dict[str, Tensor]:
        """Keep this epoch's weights on disk; returns the mean, gathered."""
        weights = {name: gathered(p.detach()).cpu() for name, p in self._model.named_parameters()}
        if processes.is_first:
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._path(epoch)
            write_tensors(path, weights, beside=path.with_suffix(".writing"))
            # The oldest checkpoint may be `keep` epochs old, and a run may resume from it.
            self._path(epoch - self._count - self._keep).unlink(missing_ok=True)
        processes.wait()
        first = max(1, epoch - self._count + 1)
        kept = [load_file(self._path(each)) for each in range(first, epoch + 1)]
        return {name: sum(each[name] / len(kept) for each in kept) for name in weights}

    def files(self, epoch: int) -> list[Path]:
        """The weights of past epochs that the mean after the next epoch needs, this one's last."""
        return [self._path(each) for each in range(max(1, epoch - self._count + 2), epoch + 1)]

    def _path(self, epoch: int) -> Path:
        return self._folder / f"{EPOCH}{epoch:04d}.safetensors"


Average = MovingAverage | EpochAverage


def make_average(model: nn.Module, recipe: TrainingRecipe, folder: Path) -> Average | None:
    """The average that the recipe names.

    Args:
        folder: for the weights of past epochs, until the training ends.
    """
    if isinstance(recipe.average, ExponentialAverage):
        return MovingAverage(model, recipe.average)
    if isinstance(recipe.average, LastEpochs):
        return EpochAverage(model, recipe.average, folder, recipe.keep)
    return None


@contextmanager
def weights_of(model: nn.Module, average: dict[str, Tensor]) -> Iterator[None]:
    """Load the averaged weights inside the context, then restore the model's own bits."""
    own = {name: p.detach().clone() for name, p in model.named_parameters()}
    _copy(model, average)
    try:
        yield
    finally:
        _copy(model, own)


@torch.no_grad()
def _copy(model: nn.Module, weights: dict[str, Tensor]) -> None:
    for name, parameter in model.named_parameters():
        parameter.copy_(distributed(weights[name], parameter))
