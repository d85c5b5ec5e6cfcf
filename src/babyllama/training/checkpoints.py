"""Checkpoints: everything a killed run needs to resume to the same bits.

A checkpoint is one safetensors file (weights, optimiser state, averaged weights) with a checksum.
It gets its name when it is complete. The newest few are kept, in case the last one is damaged.
Sharded tensors are gathered, and the first process writes them.
"""

import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from babyllama.console import print_status
from babyllama.data.windows import Windows
from babyllama.errors import InputError
from babyllama.models.tensor_files import write_tensors
from babyllama.recipe import TrainingRecipe, decisive_fields
from babyllama.runs.artefact import SCRATCH, difference
from babyllama.training.average import Average
from babyllama.training.compilation import can_compile
from babyllama.training.folder import BEST, save_model
from babyllama.training.optimizer import Optimizer
from babyllama.training.processes import Processes, distributed, gathered

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Progress:
    """How far a training is.

    Attributes:
        step: updates done, skipped ones included.
        words_seen: white-space words of the text in all windows read so far.
        best_cross_entropy: lowest dev cross-entropy so far, nats per token.
        best_epoch: the epoch that had it; 0 before the first.
        best_is_averaged: whether the averaged weights had it.
        skipped: steps that are skipped because they diverged.
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
        origin: as `origin_of` says; a checkpoint of another origin is refused.
    """

    model: "PreTrainedModel"
    optimizer: Optimizer
    average: Average | None
    origin: Mapping[str, Any]


def origin_of(
    model: "PreTrainedModel",
    recipe: TrainingRecipe,
    windows: Windows,
    dtype: torch.dtype,
    processes: Processes,
    *,
    seed: int,
) -> dict[str, Any]:
    """Everything that a training's bits depend on; its checkpoints fit no other training."""
    shapes = {name: "x".join(map(str, p.shape)) for name, p in model.named_parameters()}
    return {
        "recipe": decisive_fields(recipe),
        "model": {"model_type": model.config.model_type, "shapes": shapes},
        "tokenizer": windows.header["vocabulary_sha256"],
        "seed": seed,
        "precision": str(dtype).removeprefix("torch."),
        "compiled": recipe.compile and can_compile(),
        "processes": processes.count,
    }


@dataclass(frozen=True)
class Checkpoints:
    """What one training saves: the newest `keep` checkpoints, and models along the way."""

    out: Path
    state: State
    processes: Processes
    keep: int

    @property
    def folder(self) -> Path:
        """Where `step-N.safetensors` are."""
        return self.out / SCRATCH

    def save(self, progress: Progress) -> None:
        """Write `step-N.safetensors` atomically and delete all but the newest `keep`."""
        tensors = {name: gathered(value.detach()).cpu() for name, value in _tensors(self.state)}
        if self.processes.is_first:
            self.folder.mkdir(parents=True, exist_ok=True)
            _write(self.folder / f"step-{progress.step:08d}.safetensors", tensors, progress,
                   self.state.origin)  # fmt: skip
            for old in sorted(self.folder.glob("step-*.safetensors"))[: -self.keep]:
                old.unlink()
        self.processes.wait()

    def load(self) -> Progress | None:
        """Restore the newest readable checkpoint, the same one in every process.

        A damaged one is named and renamed to `*.damaged`.

        Returns:
            where the training was; None without a readable checkpoint.

        Raises:
            InputError: a checkpoint of another recipe, tokenizer or seed, or one written by another
                number of processes.
        """
        found = _newest(self.folder) if self.processes.is_first else None
        name = self.processes.broadcast(found.path.name if found else "")
        if not name:
            return None
        checkpoint = found or _read(self.folder / name)
        _refuse_foreign(checkpoint.path, checkpoint.origin, self.state.origin)
        _restore(checkpoint.tensors, self.state)
        self.processes.wait()  # no process writes a file that another one still reads
        return checkpoint.progress

    def save_model(self, name: str) -> None:
        """Write the model as it is now to the folder `name` beside the final model."""
        save_model(self.state.model, self.out / name, self.processes)

    def save_best(self) -> None:
        """Write the model as it is now: the best so far."""
        save_model(self.state.model, self.folder / BEST, self.processes)


@dataclass(frozen=True)
class _Checkpoint:
    path: Path
    progress: Progress
    origin: Mapping[str, Any]
    tensors: Mapping[str, Tensor]


def _newest(folder: Path) -> _Checkpoint | None:
    for unfinished in folder.glob("*.writing"):
        unfinished.unlink()
    for path in sorted(folder.glob("step-*.safetensors"), reverse=True):
        try:
            return _read(path)
        except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
            message = f"  {path} is damaged ({error}); using the one before it"
            print_status(message, style="yellow")
            path.replace(path.with_suffix(".damaged"))
    return None


def _write(
    path: Path, tensors: Mapping[str, Tensor], progress: Progress, origin: Mapping[str, Any]
) -> None:
    tensors = {name: value.contiguous() for name, value in tensors.items()}
    about = {
        "progress": asdict(progress),
        "origin": dict(origin),
        "checksum": _checksum(tensors),
    }
    metadata = {name: json.dumps(each) for name, each in about.items()}
    write_tensors(path, tensors, beside=path.with_suffix(".writing"), metadata=metadata)


def _read(path: Path) -> _Checkpoint:
    with safe_open(path, "pt") as file:
        about = {name: json.loads(text) for name, text in file.metadata().items()}
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if about["checksum"] != _checksum(tensors):
        raise ValueError("checksum mismatch")
    return _Checkpoint(path, _progress(about["progress"]), about["origin"], tensors)


def _checksum(tensors: Mapping[str, Tensor]) -> int:
    """A crc32 over all bytes: it detects disk errors, not deliberate changes."""
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
            why="Another number of processes adds gradients in another order and drops other "
            "units, so the result would differ from that of an uninterrupted training.",
            mend=f"Start {was['processes']} processes, or start over: rm -r {path.parent}",
        )
    if changed := difference(was, now):
        raise InputError(
            f"{path} belongs to another training: {changed}",
            why="Resuming from it would mix two recipes.",
            mend=f"Use the recipe that it was started with, or start over: rm -r {path.parent}",
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
    state.optimizer.forget()  # an early checkpoint has no optimiser state; start it empty
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
            is_count = value.ndim == 0  # of updates, which is never sharded
            restored = value.to(parameter.device) if is_count else distributed(value, parameter)
            state.optimizer.state_of(parameter)[key] = restored
