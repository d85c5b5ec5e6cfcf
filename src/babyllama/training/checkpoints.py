"""Checkpoints: everything a killed run needs to resume to the same bits.

A checkpoint is one safetensors file (weights, optimiser state, averaged weights, progress) with a
checksum over all of it. It lists the other files that the training has written, with their hashes.
It gets its name when it is complete. The newest few are kept, in case the last one or a file that
it lists is damaged. Sharded tensors are gathered, and the first process writes them.
"""

import json
import shutil
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from babyllama.console import print_status
from babyllama.data.windows import Windows
from babyllama.errors import InputError, quoted
from babyllama.models.tensor_files import write_tensors
from babyllama.recipe import TrainingRecipe, decisive_fields
from babyllama.runs.artefact import difference
from babyllama.runs.files import digest_of_json
from babyllama.runs.unfinished import SCRATCH
from babyllama.training.average import EPOCH, Average
from babyllama.training.compilation import can_compile
from babyllama.training.folder import save_model
from babyllama.training.optimizer import Optimizer
from babyllama.training.processes import Processes, distributed, gathered
from babyllama.training.written import damage, hashes, log_damage, log_so_far

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_BEST, _EPOCH = f"{SCRATCH}/best-", f"{SCRATCH}/{EPOCH}"  # how the paths of these files begin
# What reading a damaged file raises.
_DAMAGES = (OSError, SafetensorError, ValueError, KeyError, TypeError, RecursionError)


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
        written: the hash of each file that the rest of the training or its result needs, by its
            path in the folder.
    """

    step: int = 0
    words_seen: int = 0
    best_cross_entropy: float = float("inf")
    best_epoch: int = 0
    best_is_averaged: bool = False
    skipped: tuple[int, ...] = ()
    recent: tuple[float, ...] = ()
    written: Mapping[str, str] = field(default_factory=dict)

    @property
    def best_folder(self) -> str:
        """The best model's path in the folder of the training."""
        return f"{_BEST}{self.best_epoch:04d}{'-averaged' if self.best_is_averaged else ''}"


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
        """Write `step-N.safetensors` atomically and delete all but the newest `keep`.

        Best models that none of these names are deleted, too.
        """
        tensors = {name: gathered(value.detach()).cpu() for name, value in _tensors(self.state)}
        if self.processes.is_first:
            self.out.stat()  # raises if the folder is gone: nothing that is saved would be found
            self.folder.mkdir(exist_ok=True)
            about = {
                "progress": asdict(progress),
                "origin": dict(self.state.origin),
                "log": log_so_far(self.out),
            }
            _write(self.folder / f"step-{progress.step:08d}.safetensors", tensors, about)
            for old in sorted(self.folder.glob("step-*.safetensors"))[: -self.keep]:
                old.unlink()
            self._delete_unneeded()
        self.processes.wait()

    def load(self) -> Progress | None:
        """Restore the newest readable checkpoint, the same one in every process.

        A damaged one is named and renamed to `*.damaged`, as is one that names a damaged file.

        Returns:
            where the training was; None without a readable checkpoint.

        Raises:
            InputError: a checkpoint of another recipe, tokenizer or seed, or one written by another
                number of processes.
        """
        found = _newest(self.out) if self.processes.is_first else None
        name = self.processes.broadcast(found.path.name if found else "")
        if not name:
            return None
        checkpoint = found or _read(self.folder / name)
        _refuse_foreign(checkpoint.path, checkpoint.origin, self.state.origin)
        _restore(checkpoint.tensors, self.state)
        self.processes.wait()  # no process writes a file that another one still reads
        return checkpoint.progress

    def save_model(self, name: str, progress: Progress) -> Progress:
        """Write the model as it is now to the folder `name`; the progress names its files."""
        if self.processes.is_first:
            self.out.stat()  # as in `save`
        save_model(self.state.model, self.out / name, self.processes)
        return self._naming(progress, [self.out / name])

    def save_best(self, progress: Progress) -> Progress:
        """Write the current model, the best so far; the progress lists its files as the best."""
        return self.save_model(progress.best_folder, _without(progress, _BEST))

    def name_epochs(self, progress: Progress, epoch: int) -> Progress:
        """The progress, naming the past epochs' weights that the next average needs."""
        needed = self.state.average.files(epoch) if self.state.average else []
        named = {path.relative_to(self.out).as_posix() for path in needed[:-1]}
        kept = {name: sha256 for name, sha256 in progress.written.items() if name in named}
        progress = _without(progress, _EPOCH)
        return self._naming(replace(progress, written={**progress.written, **kept}), needed[-1:])

    def _naming(self, progress: Progress, paths: list[Path]) -> Progress:
        new = hashes(self.out, paths) if self.processes.is_first else {}
        return replace(progress, written={**progress.written, **new})

    def _delete_unneeded(self) -> None:
        needed: set[str] = set()
        for path in self.folder.glob("step-*.safetensors"):
            with suppress(*_DAMAGES), safe_open(path, "pt") as file:
                needed |= _about(file)["progress"]["written"].keys()
        for best in self.out.glob(f"{_BEST}*"):
            name = best.relative_to(self.out).as_posix()
            if not any(each.startswith(f"{name}/") for each in needed):
                shutil.rmtree(best, ignore_errors=True)


@dataclass(frozen=True)
class _Checkpoint:
    path: Path
    progress: Progress
    origin: Mapping[str, Any]
    log: Mapping[str, Any]
    tensors: Mapping[str, Tensor]


def _newest(out: Path) -> _Checkpoint | None:
    """The newest checkpoint that is undamaged, as are all files that it names."""
    folder = out / SCRATCH
    for unfinished in folder.glob("*.writing"):
        unfinished.unlink()
    found = sorted(folder.glob("step-*.safetensors"), reverse=True)
    for path in found:
        try:
            checkpoint = _read(path)
            fault = damage(out, checkpoint.progress.written) or log_damage(out, checkpoint.log)
            if not fault:
                return checkpoint
        except _DAMAGES as error:
            fault = f"{path} is damaged ({error})"
        before = "using the previous checkpoint" if path != found[-1] else "starting over"
        print_status(f"  {fault}; {before}", style="yellow")
        path.replace(path.with_suffix(".damaged"))
    return None


def _write(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    tensors = {name: value.contiguous() for name, value in tensors.items()}
    metadata = {name: json.dumps(each) for name, each in about.items()}
    metadata["checksum"] = json.dumps(_checksum(tensors, about))
    write_tensors(path, tensors, beside=path.with_suffix(".writing"), metadata=metadata)


def _read(path: Path) -> _Checkpoint:
    with safe_open(path, "pt") as file:
        about = _about(file)
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    checksum = about.pop("checksum")
    if "log" not in about:
        raise ValueError("an earlier version of babyllama wrote it, without all checksums")
    if checksum != _checksum(tensors, about):
        raise ValueError("checksum mismatch")
    progress = _progress(about["progress"])
    return _Checkpoint(path, progress, about["origin"], about["log"], tensors)


def _about(file: Any) -> dict[str, Any]:
    """What an open checkpoint says besides its tensors."""
    return {name: json.loads(text) for name, text in (file.metadata() or {}).items()}


def _checksum(tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> int:
    """A crc32 over everything in a checkpoint: it detects disk errors, not deliberate changes."""
    crc = zlib.crc32(digest_of_json(about).encode())
    for name in sorted(tensors):
        value = tensors[name]
        crc = zlib.crc32(f"{name} {value.dtype} {list(value.shape)}".encode(), crc)
        crc = zlib.crc32(value.reshape(-1).view(torch.uint8).numpy().data, crc)
    return crc


def _without(progress: Progress, beginning: str) -> Progress:
    """The progress, naming no file whose path begins so."""
    left = {name: h for name, h in progress.written.items() if not name.startswith(beginning)}
    return replace(progress, written=left)


def _progress(tree: dict[str, Any]) -> Progress:
    lists = {name: tuple(value) for name, value in tree.items() if isinstance(value, list)}
    return Progress(**tree | lists)


def _refuse_foreign(path: Path, was: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    if was["processes"] != now["processes"]:
        raise InputError(
            f"{path} was written by {was['processes']} processes, now there are {now['processes']}",
            why="Another number of processes adds gradients in another order and draws other "
            "dropout masks, so the result would differ from that of an uninterrupted training.",
            mend=f"Start {was['processes']} processes, or start over: rm -r {quoted(path.parent)}",
        )
    if changed := difference(was, now):
        raise InputError(
            f"{path} belongs to another training: {changed}",
            why="Resuming from it would mix two recipes.",
            mend="Use the recipe that it was started with, or start over: "
            f"rm -r {quoted(path.parent)}",
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
