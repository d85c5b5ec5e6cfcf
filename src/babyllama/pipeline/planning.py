"""What a run will take, said before it starts: parameters, tokens, FLOPs, disk and time."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from babyllama.console import format_bytes
from babyllama.data.windows import read_header
from babyllama.errors import InputError
from babyllama.models.build import parameter_count, planned_flops_per_token, planned_model
from babyllama.models.precision import compute_dtype, pick_device
from babyllama.pipeline.memory import NO_TEACHERS, Taught, TrainingMemory, training_memory
from babyllama.recipe import (
    AutoSignal,
    DistilledStudent,
    FolderSource,
    HiddenSignal,
    JitteredWindows,
    OnlineSignal,
    Recipe,
    StoredSignal,
    load_recipe,
    mixing_of,
    parse,
)
from babyllama.runs import artefact
from babyllama.runs.layout import Layout
from babyllama.signals.encoding import Products, Sizes, TeacherShapes
from babyllama.signals.kinds import sizes_of
from babyllama.training.speed import machine_flops

# English words become about this many tokens, line marks included; exact once they are counted.
_TOKENS_PER_WORD = 1.5
# Share of the speed of large square products that training of small models reached on processors.
_REACHED = 0.4
# Of the free disk, what `signal: auto` may fill.
_SHARE_OF_DISK = 0.5


@dataclass(frozen=True)
class PlannedModel:
    """A model to be trained: what it is and what its training takes.

    Attributes:
        memory: about what it takes; None where shapes do not say it.
    """

    name: str
    parameters: int
    tokens: int
    flops: float
    memory: TrainingMemory | None


@dataclass(frozen=True)
class Plan:
    """What a run takes.

    Attributes:
        counted: whether the corpus was counted; otherwise its size is the recipe's expectation.
        flops: of training and of the signal; evaluation comes on top and is small.
        disk_bytes: at the fullest moment, checkpoints included.
        device: what it was worked out for; the models' memory is a card's where there is one.
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
    device: torch.device


def plan(recipe: Recipe, folder: Path) -> Plan:
    """Work out a run's needs; allocates no model and trains nothing.

    Raises:
        InputError: an architecture that cannot be made.
    """
    train_tokens, counted = _train_tokens(recipe, folder)
    teachers = teacher_shapes(recipe)
    assert not isinstance(recipe.signal, AutoSignal), "resolve_signal has resolved it"
    signal, stored_tokens = sizes_of(recipe.signal, teachers), 0
    if isinstance(recipe.signal, StoredSignal):
        stored_tokens = train_tokens * len(_offsets(recipe))
    signal_bytes = stored_tokens * signal.bytes_per_token + signal.table_bytes
    device = pick_device()
    models = tuple(_models(recipe, train_tokens, signal, device))
    signal_flops = stored_tokens * _flops(teachers.products)
    flops = sum(model.flops for model in models) + signal_flops
    # Weights of every model; of the largest three checkpoints while the oldest is let go (weights
    # and two moments each), and its best epoch.
    weights = sum(4 * model.parameters for model in models)
    checkpoints = (3 * 12 + 4) * max(model.parameters for model in models)
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
        device=device,
    )


def resolve_signal(recipe: Recipe, folder: Path) -> tuple[Recipe, str]:
    """Decide `signal: auto` by passes over the text and by the disk; why, in a sentence.

    A run that has decided keeps its decision: it lies in the run's recipe.yaml. The first that
    fits into half of the free disk is taken: hidden states in bfloat16, in 8 bits, in 64 bytes.
    """
    if not isinstance(recipe.signal, AutoSignal):
        return recipe, ""
    mixing = mixing_of(recipe.signal).model_dump()
    tokens = _train_tokens(recipe, folder)[0]
    students = list(recipe.distilled.values())
    readers = [student for student in students if student.needs_teachers]
    reads = sum(student.training.epochs for student in readers)
    passes = len(_offsets(recipe))
    online = OnlineSignal(kind="online", **mixing)
    many = f"{reads} passes over the text by {len(readers)} student{'s'[: len(readers) != 1]}"
    if any(isinstance(student.training.windows, JitteredWindows) for student in students):
        return _with_signal(recipe, online), "signal online: jittered windows never come twice"
    if len({student.training.window for student in students}) > 1:
        return _with_signal(recipe, online), "signal online: the students' windows differ in length"
    kept = Layout(folder).recipe
    if kept.exists():
        before = load_recipe(str(kept)).signal
        if not isinstance(before, AutoSignal) and mixing_of(before).model_dump() == mixing:
            return _with_signal(recipe, before), f"signal {before.kind}: as this run began"
    if reads <= passes:
        return _with_signal(recipe, online), f"signal online: {many}, storing one takes {passes}"
    free, teachers = _free_disk(folder), teacher_shapes(recipe)
    for form in ({}, {"precision": "int8"}, {"bytes_per_token": 64}):
        stored = HiddenSignal.model_validate({"kind": "hidden", **mixing, **form})
        size = passes * tokens * sizes_of(stored, teachers).bytes_per_token
        if size <= _SHARE_OF_DISK * free:
            name = "64 bytes a token" if "bytes_per_token" in form else stored.precision
            why = (
                f"{many}; stored once ({name}) it takes {format_bytes(size)} of "
                f"{format_bytes(free)} free"
            )
            return _with_signal(recipe, stored), f"signal hidden: {why}"
    why = f"signal online: {format_bytes(free)} of free disk hold no other"
    return _with_signal(recipe, online), why


def _with_signal(recipe: Recipe, signal: OnlineSignal | StoredSignal) -> Recipe:
    return parse(
        Recipe, {**recipe.model_dump(mode="json"), "signal": signal.model_dump(mode="json")},
        f"recipe {recipe.name}",
    )  # fmt: skip


def refuse_full_disk(planned: Plan, folder: Path) -> None:
    """Check, before any work, that the run fits.

    Raises:
        InputError: says how much is needed and how much is free.
    """
    have = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    free = _free_disk(folder)
    if planned.disk_bytes - have > free:
        raise InputError(
            f"{folder} needs about {format_bytes(planned.disk_bytes)}, its disk has "
            f"{format_bytes(free)} free",
            why=f"The stored signal takes {format_bytes(planned.signal_bytes)} of that, the models "
            "and checkpoints the rest.",
            mend="Free some space, use --run-dir on another disk, or store nothing: "
            "--set 'signal={kind: online}'.",
        )


def _models(
    recipe: Recipe, train_tokens: int, signal: Sizes, device: torch.device
) -> Iterator[PlannedModel]:
    vocab_size = recipe.tokenizer.vocab_size
    for name in [*recipe.teachers, *recipe.students]:
        part, student = recipe.pretraining(name), recipe.students.get(name)
        flops_per_token = 3 * planned_flops_per_token(part.model, vocab_size)
        taught = NO_TEACHERS
        if isinstance(student, DistilledStudent) and student.needs_teachers:
            flops_per_token += _flops(signal.products)
            running = [each.model for each in recipe.teachers.values()]
            taught = Taught(
                width=signal.state_width, running=tuple(running) if signal.runs_teachers else ()
            )
        tokens = part.training.epochs * train_tokens
        yield PlannedModel(
            name=name,
            parameters=parameter_count(part.model, vocab_size),
            tokens=tokens,
            flops=float(flops_per_token * tokens),
            memory=training_memory(part, vocab_size, device, taught),
        )


def teacher_shapes(recipe: Recipe) -> TeacherShapes:
    """What the sizes of a signal of this recipe's teachers follow from."""
    vocab_size = recipe.tokenizer.vocab_size
    models = (planned_model(each.model, vocab_size) for each in recipe.teachers.values())
    return TeacherShapes.of(models, vocab_size)


def _flops(products: Products) -> int:
    return sum(2 * inputs * outputs for inputs, outputs in products)


def _offsets(recipe: Recipe) -> set[int]:
    """Passes over the text that a stored signal must have to serve every student."""
    readers = [student.training for student in recipe.distilled.values()]
    return {at for reader in readers for at in reader.windows.offsets(reader.window)}


def _free_disk(folder: Path) -> int:
    existing = next(parent for parent in [folder, *folder.absolute().parents] if parent.exists())
    return shutil.disk_usage(existing).free


def _train_tokens(recipe: Recipe, folder: Path) -> tuple[int, bool]:
    tokens_folder = Layout(folder).tokens
    if artefact.read_manifest(tokens_folder):
        return int(read_header(tokens_folder)["train_tokens"]), True
    source = recipe.corpus.source
    if not isinstance(source, FolderSource):
        return round(source.words * _TOKENS_PER_WORD), True
    if not source.path.exists():
        return round(source.expected_words * _TOKENS_PER_WORD), False
    from babyllama.data.sources import read_split, read_text

    words = sum(len(read_text(domain.path).split()) for domain in read_split(source.path, "train"))
    return round(words * _TOKENS_PER_WORD), True
