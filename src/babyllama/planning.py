"""What a run will take, said before it starts: parameters, tokens, FLOPs, disk and time."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from babyllama import artefact
from babyllama.console import bytes_
from babyllama.errors import InputError
from babyllama.models import (
    compute_dtype,
    parameter_count,
    pick_device,
    planned_flops_per_token,
    planned_hidden_size,
)
from babyllama.recipe import (
    DistilledStudent,
    FolderSource,
    HiddenSignal,
    Recipe,
)
from babyllama.tokens import read_header
from babyllama.training.speed import machine_flops

# English words become about this many tokens, line marks included; exact once they are counted.
_TOKENS_PER_WORD = 1.5
# Share of the speed of large square products that training of small models reached on processors.
_REACHED = 0.4


@dataclass(frozen=True)
class PlannedModel:
    """A model to be trained: what it is and what its training takes."""

    name: str
    parameters: int
    tokens: int
    flops: float


@dataclass(frozen=True)
class Plan:
    """What a run takes.

    Attributes:
        counted: whether the corpus was counted; otherwise its size is the recipe's expectation.
        flops: of training and of the signal; evaluation comes on top and is small.
        disk_bytes: at the fullest moment, checkpoints included.
        seconds: at the speed that square products reached in half a second just now.
    """

    models: tuple[PlannedModel, ...]
    train_tokens: int
    counted: bool
    signal_bytes: int
    flops: float
    disk_bytes: int
    machine_flops: float
    seconds: float


def plan(recipe: Recipe, folder: Path) -> Plan:
    """Work out a run's needs; allocates no model and trains nothing.

    Raises:
        InputError: an architecture that cannot be made.
    """
    vocab_size = recipe.tokenizer.vocab_size
    train_tokens, counted = _train_tokens(recipe, folder)
    models = tuple(_models(recipe, vocab_size, train_tokens))
    stored = isinstance(recipe.signal, HiddenSignal)
    width = sum(planned_hidden_size(teacher.model) for teacher in recipe.teachers.values())
    signal_bytes = train_tokens * width * 2 if stored else 0
    signal_flops = (
        stored
        * train_tokens
        * sum(
            planned_flops_per_token(teacher.model, vocab_size)
            for teacher in recipe.teachers.values()
        )
    )
    flops = sum(model.flops for model in models) + signal_flops
    # Weights of every model; of the largest three checkpoints while the oldest is let go (weights
    # and two moments each), and its best epoch.
    weights = sum(4 * model.parameters for model in models)
    checkpoints = (3 * 12 + 4) * max(model.parameters for model in models)
    device = pick_device()
    speed = machine_flops(compute_dtype("auto", device), device)
    return Plan(
        models=models,
        train_tokens=train_tokens,
        counted=counted,
        signal_bytes=signal_bytes,
        flops=flops,
        disk_bytes=weights + checkpoints + signal_bytes + 16 * train_tokens,
        machine_flops=speed,
        seconds=flops / (speed * _REACHED),
    )


def refuse_full_disk(planned: Plan, folder: Path) -> None:
    """Check, before any work, that the run fits.

    Raises:
        InputError: says how much is needed and how much is free.
    """
    existing = next(parent for parent in [folder, *folder.absolute().parents] if parent.exists())
    have = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    free = shutil.disk_usage(existing).free
    if planned.disk_bytes - have > free:
        raise InputError(
            f"{folder} needs about {bytes_(planned.disk_bytes)}, its disk has {bytes_(free)} free",
            why=f"The stored signal takes {bytes_(planned.signal_bytes)} of that, the models and "
            "checkpoints the rest.",
            mend="Free some space, use --run-dir on another disk, or --set signal.kind=online.",
        )


def _models(recipe: Recipe, vocab_size: int, train_tokens: int) -> Iterator[PlannedModel]:
    shapes = {name: recipe.pretraining(name) for name in [*recipe.teachers, *recipe.students]}
    for name, part in shapes.items():
        flops_per_token = 3 * planned_flops_per_token(part.model, vocab_size)
        student = recipe.students.get(name)
        if isinstance(student, DistilledStudent) and student.alpha < 1:
            flops_per_token += _teachers_flops(recipe, vocab_size)
        tokens = part.training.epochs * train_tokens
        yield PlannedModel(
            name=name,
            parameters=parameter_count(part.model, vocab_size),
            tokens=tokens,
            flops=float(flops_per_token * tokens),
        )


def _teachers_flops(recipe: Recipe, vocab_size: int) -> int:
    """A token's forward cost of the teachers beside the student: whole, or their heads alone."""
    if isinstance(recipe.signal, HiddenSignal):
        return sum(
            2 * vocab_size * planned_hidden_size(part.model) for part in recipe.teachers.values()
        )
    return sum(planned_flops_per_token(part.model, vocab_size) for part in recipe.teachers.values())


def _train_tokens(recipe: Recipe, folder: Path) -> tuple[int, bool]:
    if artefact.read_manifest(folder / "tokens"):
        return int(read_header(folder / "tokens")["train_tokens"]), True
    source = recipe.corpus.source
    if not isinstance(source, FolderSource):
        return round(source.words * _TOKENS_PER_WORD), True
    if not source.path.exists():
        return round(source.expected_words * _TOKENS_PER_WORD), False
    from babyllama.corpus.sources import read_split, read_text

    words = sum(len(read_text(domain.path).split()) for domain in read_split(source.path, "train"))
    return round(words * _TOKENS_PER_WORD), True
