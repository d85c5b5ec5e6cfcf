"""Checkpoints: everything a killed run needs to go on to the same bits.

A checkpoint is one safetensors file (weights, optimiser state, averaged weights) that is complete
when it has its name, and carries a checksum; the newest few are kept, so that a damaged one has one
before it. Shared-out tensors are written whole, by the first process.
"""

import json
import os
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from babyllama.console import print_status
from babyllama.errors import InputError
from babyllama.runs.artefact import difference
from babyllama.training.average import Average
from babyllama.training.optimizer import Optimizer
from babyllama.training.processes import Processes, distributed, gathered

BEST = "best"  # the folder of the best epoch's model, beside the checkpoints


@dataclass(frozen=True)
class Progress:
    """Where a run stands.

    Attributes:
        step: updates done, skipped ones counted.
        words_seen: white-space words of the text in all windows read so far.
        best_cross_entropy: lowest dev cross-entropy so far, nats per token.
        best_epoch: the epoch that had it; 0 before the first.
        best_is_averaged: whether the averaged weights had it.
        skipped: steps whose windows are left out, since the loss was lost there.
        recent: losses of the last steps, the oldest first.
    """

    step: int = 0
    words_seen: int = 0
    best_cross_entropy: float = float("inf")
    best_epoch: int = 0
    best_is_averaged: bool = False
    skipped: tuple[int, ...] = ()
    recent: tuple[float, ...] = ()


@dataclass(frozen=True)
class State:
    """What a training changes.

    Attributes:
        origin: what the training is of; a checkpoint of another one is refused.
    """

    model: nn.Module
    optimizer: Optimizer
    average: Average | None
    origin: Mapping[str, Any]


def save_checkpoint(
    folder: Path, state: State, progress: Progress, processes: Processes, *, keep: int
) -> None:
    """Write `step-N.safetensors` atomically and let go of all but the newest `keep`."""
    tensors = {name: gathered(value.detach()).cpu() for name, value in _tensors(state)}
    if processes.is_first:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"step-{progress.step:08d}.safetensors"
        beside = path.with_suffix(".writing")
        tensors = {name: value.contiguous() for name, value in tensors.items()}
        about = {
            "progress": asdict(progress),
            "origin": dict(state.origin),
            "checksum": _checksum(tensors),
        }
        save_file(
            tensors,
            beside,
            metadata={name: json.dumps(value) for name, value in about.items()},
        )
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        beside.replace(path)
        for old in sorted(folder.glob("step-*.safetensors"))[:-keep]:
            old.unlink()
    processes.wait()


def load_checkpoint(folder: Path, state: State, processes: Processes) -> Progress | None:
    """Restore the newest checkpoint that can be read, the same one in every process.

    One that cannot be read is named and set aside as `*.damaged`.

    Returns:
        where the run stands; None when there is nothing to go on from.

    Raises:
        InputError: a checkpoint of another recipe, tokenizer or seed, or one written by another
            number of processes.
    """
    found = _newest(folder) if processes.is_first else None
    name = processes.broadcast(found.path.name if found else "")
    if not name:
        return None
    read = found or _read(folder / name)
    _refuse_foreign(read.path, read.origin, state.origin)
    _restore(read.tensors, state)
    processes.wait()  # nobody writes what another one still reads
    return read.progress


@dataclass(frozen=True)
class _Checkpoint:
    path: Path
    progress: Progress
    origin: Mapping[str, Any]
    tensors: Mapping[str, Tensor]


def _newest(folder: Path) -> _Checkpoint | None:
    for half in folder.glob("*.writing"):
        half.unlink()
    for path in sorted(folder.glob("step-*.safetensors"), reverse=True):
        try:
            return _read(path)
        except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
            message = f"  {path} is damaged ({error}); the one before it is used"
            print_status(message, style="yellow")
            path.replace(path.with_suffix(".damaged"))
    return None


def _read(path: Path) -> _Checkpoint:
    with safe_open(path, "pt") as file:
        about = {name: json.loads(text) for name, text in file.metadata().items()}
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if about["checksum"] != _checksum(tensors):
        raise ValueError("its checksum is another")
    return _Checkpoint(path, _progress(about["progress"]), about["origin"], tensors)


def _checksum(tensors: Mapping[str, Tensor]) -> int:
    """A crc32 over all bytes: against a disk's mistakes, not a person's."""
    crc = 0
    for name in sorted(tensors):
        crc = zlib.crc32(tensors[name].reshape(-1).view(torch.uint8).numpy().data, crc)
    return crc


def _progress(tree: dict[str, Any]) -> Progress:
    lists = {name: tuple(value) for name, value in tree.items() if isinstance(value, list)}
    return Progress(**tree | lists)


def _refuse_foreign(path: Path, was: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    if was["processes"] != now["processes"]:
        raise InputError(
            f"{path} was written by {was['processes']} processes, now there are {now['processes']}",
            why="They would add up gradients in another order and draw other dropout, so the run "
            "would not end in the bits of one that was never stopped.",
            mend=f"Start {was['processes']} processes, or begin anew: rm -r {path.parent}",
        )
    if other := difference(was, now):
        raise InputError(
            f"{path} is of another training: {other}",
            why="Going on from it would mix two recipes.",
            mend=f"Train with what it was begun with, or begin anew: rm -r {path.parent}",
        )


def _tensors(state: State) -> Iterator[tuple[str, Tensor]]:
    for name, parameter in state.model.named_parameters():  # a tied weight has one name here
        yield f"model.{name}", parameter
        for key, value in state.optimizer.state_of(parameter).items():
            yield f"optimizer.{key}.{name}", value
    for name, value in (state.average.tensors if state.average else {}).items():
        yield f"average.{name}", value


@torch.no_grad()
def _restore(stored: Mapping[str, Tensor], state: State) -> None:
    named = dict(state.model.named_parameters())
    state.optimizer.forget()  # what an early checkpoint does not hold had not begun either
    for full_name, value in stored.items():
        kind, _, name = full_name.partition(".")
        if kind == "model":
            named[name].copy_(distributed(value, named[name]))
        elif kind == "average":
            assert state.average is not None, "the origin's recipe says so"
            state.average.tensors[name].copy_(distributed(value, named[name]))
        else:
            key, _, name = name.partition(".")
            parameter = named[name]
            is_count = value.ndim == 0  # of updates, which is never shared out
            on = value.to(parameter.device) if is_count else distributed(value, parameter)
            state.optimizer.state_of(parameter)[key] = on
