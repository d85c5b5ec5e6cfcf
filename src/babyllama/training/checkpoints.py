"""Checkpoints: everything a killed run needs to go on to the same bits.

A checkpoint is one safetensors file (weights and optimiser state) that is complete when it has its
name; the newest two are kept, so that one cut short by a full disk has one before it.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from babyllama.console import say

BEST = "best"  # the folder of the best epoch's model, beside the checkpoints
_KEPT = 2


@dataclass(frozen=True)
class Progress:
    """Where a run stands.

    Attributes:
        step: updates done.
        best_cross_entropy: lowest dev cross-entropy so far, nats per token.
        best_epoch: the epoch that had it; 0 before the first.
    """

    step: int = 0
    best_cross_entropy: float = float("inf")
    best_epoch: int = 0


def save_checkpoint(
    folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, progress: Progress
) -> None:
    """Write `step-N.safetensors` atomically and let go of all but the newest ones."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = dict(_tensors(model, optimizer))
    path = folder / f"step-{progress.step:08d}.safetensors"
    beside = path.with_suffix(".writing")
    save_file(tensors, beside, metadata={"progress": json.dumps(asdict(progress))})
    with beside.open("rb") as file:
        os.fsync(file.fileno())
    beside.replace(path)
    for old in sorted(folder.glob("step-*.safetensors"))[:-_KEPT]:
        old.unlink()


def load_checkpoint(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> Progress:
    """Restore the newest checkpoint that can be read; names each one that cannot.

    Returns:
        where the run stands; step 0 when there is nothing to go on from.
    """
    for path in sorted(folder.glob("step-*.safetensors"), reverse=True):
        try:
            with safe_open(path, "pt") as file:
                stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                progress = Progress(**json.loads(file.metadata()["progress"]))
        except Exception as error:  # safetensors raises its own and the system's errors
            say(f"  {path} is damaged ({error}); the one before it is used", style="yellow")
            continue
        _restore(stored, model, optimizer)
        return progress
    return Progress()


def _tensors(model: nn.Module, optimizer: torch.optim.Optimizer) -> Mapping[str, Tensor]:
    named = dict(model.named_parameters())  # a tied weight has one name here
    tensors = {f"model.{name}": value.detach() for name, value in named.items()}
    for name, parameter in named.items():
        for key, value in optimizer.state.get(parameter, {}).items():
            tensors[f"optimizer.{key}.{name}"] = value
    return {name: value.cpu().contiguous() for name, value in tensors.items()}


def _restore(
    stored: Mapping[str, Tensor], model: nn.Module, optimizer: torch.optim.Optimizer
) -> None:
    named = dict(model.named_parameters())
    with torch.no_grad():
        for name, parameter in named.items():
            parameter.copy_(stored[f"model.{name}"])
    for full_name, value in stored.items():
        if full_name.startswith("optimizer."):
            _, key, name = full_name.split(".", 2)
            parameter = named[name]
            on = parameter.device if key != "step" else value.device
            optimizer.state[parameter][key] = value.to(on)
