"""What a run will take, planned before it starts: parameters, tokens, FLOPs, disk and time."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from babyllama.console import format_bytes
from babyllama.data.raw_text import TextSize, size_of_text
from babyllama.errors import InputError
from babyllama.models.build import flops_per_token as forward_flops
from babyllama.models.build import parameter_count, planned_flops_per_token, planned_model
from babyllama.models.given import check_tokenizer, planned_teacher
from babyllama.models.precision import pick_device
from babyllama.pipeline.disk import peak_bytes
from babyllama.pipeline.memory import NO_TEACHERS, Taught, TrainingMemory, training_memory
from babyllama.pipeline.stages import stages
from babyllama.pipeline.text_stages import gathered_text
from babyllama.recipe import (
    AutoSignal,
    DistilledStudent,
    Given,
    HiddenSignal,
    JitteredWindows,
    Mixing,
    OnlineSignal,
    Recipe,
    Sam,
    SequenceStudent,
    StoredSignal,
    SyntheticSource,
    TokenizerRecipe,
    TwinStudent,
    load_recipe,
    mixing_of,
    parse,
    parse_stored_signal,
)
from babyllama.runs import artefact, manifests
from babyllama.runs.layout import Layout
from babyllama.signals.encoding import Products, Sizes, TeacherShapes
from babyllama.signals.kinds import sizes_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# Tokens per word of English, with <s> and </s>. Used until the tokens exist and are counted.
TOKENS_PER_WORD = 1.5
_BYTES_PER_TOKEN = 4.0
_ENGLISH_BYTES_PER_WORD = 5.5
# `signal: auto` fills at most this share of the free disk.
_SHARE_OF_DISK = 0.5


@dataclass(frozen=True)
class PlannedModel:
    """A model to be trained: what it is and what its training takes.

    Attributes:
        count_memory: counts `memory`, which takes longer than all the rest.
    """

    name: str
    parameters: int
    tokens: int
    flops: float
    count_memory: Callable[[], TrainingMemory | None]

    @property
    def memory(self) -> TrainingMemory | None:
        """About what its training takes; None if it does not follow from the shapes."""
        return self.count_memory()


@dataclass(frozen=True)
class Plan:
    """What a run takes.

    Attributes:
        counted: whether the corpus was counted; otherwise its size is the recipe's expected_words.
        flops: of training, signal and sampled text, without evaluation, if all of it is made.
        signal_flops: of storing the signal.
        disk_bytes: at the peak, checkpoints included.
        device: what the run would use; the models' memory is that of a GPU if there is one.
        sampling_flops: of each sampled text, by the student that it is named after.
    """

    models: tuple[PlannedModel, ...]
    train_tokens: int
    counted: bool
    signal_bytes: int
    flops: float
    signal_flops: float
    disk_bytes: int
    device: torch.device
    sampling_flops: Mapping[str, float] = field(default_factory=dict)


def plan(recipe: Recipe, folder: Path) -> Plan:
    """Work out what a run needs, without allocating a model.

    Raises:
        InputError: an unknown architecture, or one that cannot be made with these sizes.
    """
    train_tokens, counted = _train_tokens(recipe, folder)
    teachers = teacher_shapes(recipe)
    assert not isinstance(recipe.signal, AutoSignal), "resolve_signal has resolved it"
    signal, stored_tokens = sizes_of(recipe.signal, teachers), 0
    if isinstance(recipe.signal, StoredSignal):
        stored_tokens = train_tokens * len(recipe.offsets)
    signal_bytes = stored_tokens * signal.bytes_per_token + signal.table_bytes
    device = pick_device()
    models = tuple(_models(recipe, train_tokens, device))
    signal_flops = signal_flops_per_token(recipe) * train_tokens
    sampling_flops = {
        name: sampling_flops_per_token(recipe, name) * train_tokens for name in recipe.sampled_texts
    }
    flops = sum(model.flops for model in models) + signal_flops + sum(sampling_flops.values())
    parameters = {model.name: model.parameters for model in models}
    return Plan(
        models=models,
        train_tokens=train_tokens,
        counted=counted,
        signal_bytes=signal_bytes,
        flops=flops,
        signal_flops=float(signal_flops),
        sampling_flops=sampling_flops,
        disk_bytes=peak_bytes(recipe, parameters, train_tokens, signal_bytes),
        device=device,
    )


def resolve_signal(recipe: Recipe, folder: Path) -> tuple[Recipe, str]:
    """Replace `signal: auto` by a signal that suits the run.

    A run keeps its first choice, which is in its recipe.yaml. Otherwise teachers run beside
    the student where a stored signal cannot serve all students or would be read once only. Else the
    most exact of three stored signals is picked that fits into half of the free disk: hidden states
    in bfloat16, in 8 bits, or in 64 bytes per token.

    Returns:
        the recipe; and the signal with the reason for it, to be printed. Nothing to print for a
        recipe that names its signal.
    """
    if not isinstance(recipe.signal, AutoSignal):
        return recipe, ""
    signal, why = _pick_signal(recipe, mixing_of(recipe.signal), folder)
    tree = {**recipe.model_dump(mode="json"), "signal": signal.model_dump(mode="json")}
    return parse(Recipe, tree, f"recipe {recipe.name}"), f"signal {signal.kind}: {why}"


def _pick_signal(
    recipe: Recipe, mixing: Mixing, folder: Path
) -> tuple[OnlineSignal | StoredSignal, str]:
    online = OnlineSignal(kind="online", **mixing.model_dump())
    trainings = [student.training for student in recipe.readers.values()]
    if not trainings:
        return online, "every student has teachers of its own, which run beside it"
    if any(isinstance(training.windows, JitteredWindows) for training in trainings):
        return online, "jittered windows never repeat, so no stored signal serves them"
    if len({training.window for training in trainings}) > 1:
        return online, "the students' windows differ in length, a stored signal has one length"
    if earlier := _earlier_signal(folder, mixing):
        return earlier, f"as in {Layout(folder).recipe}"
    passes = len(recipe.offsets)
    reads = sum(each.training.epochs for each in recipe.readers.values() if each.needs_teachers)
    if reads <= passes:
        return online, f"the students read the text {_times(reads)}, storing takes {passes}"
    return _pick_stored(recipe, mixing, folder, reads) or (
        online,
        f"{format_bytes(free_disk(folder))} of free disk space is too little to store a signal",
    )


def _earlier_signal(folder: Path, mixing: Mixing) -> OnlineSignal | StoredSignal | None:
    """What was picked when this run began, unless the teachers are now mixed in another way."""
    path = Layout(folder).recipe
    try:
        signal = load_recipe(str(path)).signal if path.exists() else None
    except InputError:  # recipe.yaml is damaged; the signal's manifest has it, too
        tree = artefact.recorded_recipe(Layout(folder).signal).get("signal")
        signal = parse_stored_signal(tree, f"{Layout(folder).signal}") if tree else None
    if signal is None or isinstance(signal, AutoSignal) or mixing_of(signal) != mixing:
        return None
    return signal


def _pick_stored(
    recipe: Recipe, mixing: Mixing, folder: Path, reads: int
) -> tuple[StoredSignal, str] | None:
    """The most exact stored signal that fits into the disk's share, if any does."""
    tokens, free = _train_tokens(recipe, folder)[0], free_disk(folder)
    teachers = teacher_shapes(recipe)
    forms: dict[str, dict[str, object]] = {
        "bfloat16": {},
        "8 bits": {"precision": "int8"},
        "64 bytes per token": {"bytes_per_token": 64},
    }
    for name, form in forms.items():
        stored = HiddenSignal.model_validate({"kind": "hidden", **mixing.model_dump(), **form})
        size = len(recipe.offsets) * tokens * sizes_of(stored, teachers).bytes_per_token
        if size <= _SHARE_OF_DISK * free:
            return stored, (
                f"the students read the text {_times(reads)}; stored once ({name}), the signal "
                f"takes {format_bytes(size)} of {format_bytes(free)} free disk"
            )
    return None


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def disk_to_go(planned: Plan, folder: Path) -> tuple[int, int]:
    """The bytes that a run has yet to write to its folder, and those that are free there."""
    have = sum(
        file.stat().st_size
        for file in folder.rglob("*")
        if file.is_file() and ".aside" not in str(file.relative_to(folder))
    )
    return max(0, planned.disk_bytes - have), free_disk(folder)


def refuse_full_disk(planned: Plan, folder: Path, option: str) -> None:
    """Check that the run fits on the disk of its folder; what the folder holds counts as made.

    Args:
        option: which one of the command names another folder.

    Raises:
        InputError: names the bytes needed and the bytes free.
    """
    needed, free = disk_to_go(planned, folder)
    if needed > free:
        raise InputError(
            f"{folder} needs about {format_bytes(planned.disk_bytes)}, but its disk has "
            f"{format_bytes(free)} free",
            why=f"The stored signal takes {format_bytes(planned.signal_bytes)}, the models and "
            "checkpoints the rest.",
            mend=f"Free some space, choose a folder on another disk with {option}, or store no "
            "signal: --set 'signal={kind: online}'",
        )


def _models(recipe: Recipe, train_tokens: int, device: torch.device) -> Iterator[PlannedModel]:
    vocab_size = vocabulary_size(recipe)
    for name in recipe.trained:
        part, student = recipe.pretraining(name), recipe.students.get(name)
        taught = NO_TEACHERS
        if isinstance(student, DistilledStudent) and student.needs_teachers:
            read = _read_by(recipe, name)
            taught = Taught(
                width=read.state_width,
                running=_parameters_of_teachers(recipe, name) if read.runs_teachers else 0,
            )
        if isinstance(student, TwinStudent) and student.matches_teachers:
            taught = Taught(running=_parameters_of_teachers(recipe, name))
        amount = student.sampling.amount if isinstance(student, SequenceStudent) else 1.0
        tokens = round(part.training.epochs * amount * train_tokens)
        yield PlannedModel(
            name=name,
            parameters=parameter_count(part.model, vocab_size),
            tokens=tokens,
            flops=flops_per_token(recipe, name) * train_tokens,
            count_memory=partial(training_memory, part, vocab_size, device, taught),
        )


def teacher_shapes(recipe: Recipe) -> TeacherShapes:
    """What the sizes of a signal of this recipe's teachers follow from."""
    return TeacherShapes.of(_planned(recipe, recipe.teachers), vocabulary_size(recipe))


def flops_per_token(recipe: Recipe, name: str) -> float:
    """FLOPs of a model's training, per token of the text that it reads in every epoch."""
    part, student = recipe.pretraining(name), recipe.students.get(name)
    once = 3 * planned_flops_per_token(part.model, vocabulary_size(recipe))
    if isinstance(student, DistilledStudent) and student.needs_teachers:
        once += _flops(_read_by(recipe, name).products)
    passes = 2 if isinstance(part.training.optimizer, Sam) else 1
    amount = student.sampling.amount if isinstance(student, SequenceStudent) else 1.0
    return float(part.training.epochs * passes * once * amount)


def signal_flops_per_token(recipe: Recipe) -> float:
    """FLOPs of storing the signal, per token of the text; 0 for a signal that is not stored."""
    if not isinstance(recipe.signal, StoredSignal):
        return 0.0
    return float(len(recipe.offsets) * _flops(teacher_shapes(recipe).products))


def sampling_flops_per_token(recipe: Recipe, student: str) -> float:
    """FLOPs of sampling a student's text, per token of the training text.

    A round reads half a window of context and adds as many tokens: it reads two for each new one.
    """
    models = _planned(recipe, recipe.teachers_of(student))
    once = sum(forward_flops(model) for model in models)
    return float(2 * once * recipe.sequences[student].sampling.sampled)


def _read_by(recipe: Recipe, student: str) -> Sizes:
    """What a student's targets take: from the signal, or from teachers of its own beside it."""
    if student in recipe.readers:
        assert not isinstance(recipe.signal, AutoSignal), "resolve_signal has resolved it"
        return sizes_of(recipe.signal, teacher_shapes(recipe))
    teachers = _planned(recipe, recipe.teachers_of(student))
    online = OnlineSignal(kind="online")
    return sizes_of(online, TeacherShapes.of(teachers, vocabulary_size(recipe)))


def vocabulary_size(recipe: Recipe) -> int:
    """Tokens of the run's tokenizer, reserved ones included: at most, if it is not trained yet."""
    if isinstance(recipe.tokenizer, Given):
        return check_tokenizer(recipe.tokenizer, recipe.tokens)
    return recipe.tokenizer.padded(recipe.tokenizer.vocab_size)


def _planned(recipe: Recipe, models: Iterable[str]) -> Iterator["PreTrainedModel"]:
    """Models of a run on torch's meta device."""
    vocab_size = vocabulary_size(recipe)
    for name in models:
        if name in recipe.given:
            yield planned_teacher(recipe.given[name], f"teachers.{name}")
        else:
            yield planned_model(recipe.pretraining(name).model, vocab_size)


def _parameters_of_teachers(recipe: Recipe, student: str) -> int:
    models = _planned(recipe, recipe.teachers_of(student))
    return sum(weight.numel() for model in models for weight in model.parameters())


def _flops(products: Products) -> int:
    return sum(2 * inputs * outputs for inputs, outputs in products)


def free_disk(folder: Path) -> int:
    """Free bytes on the disk of a folder, which need not exist."""
    existing = next(parent for parent in [folder, *folder.absolute().parents] if parent.exists())
    return shutil.disk_usage(existing).free


def _train_tokens(recipe: Recipe, folder: Path) -> tuple[int, bool]:
    """Tokens of the training text, and whether they follow from the text itself."""
    # The manifest, not the folder's files: the plan is made before a damaged folder is made again.
    made = manifests.read_manifest(Layout(folder).tokens) or {}
    if "train_tokens" in made.get("facts", {}) and not _is_text_stale(recipe, folder):
        return int(made["facts"]["train_tokens"]), True
    size, counted = _size_of(recipe, folder)
    kept = min(size.words, recipe.corpus.words or size.words)
    return round(_tokens_of(recipe.tokenizer, size) * kept / max(1, size.words)), counted


def _tokens_of(tokenizer: TokenizerRecipe | Given, size: TextSize) -> float:
    """About how many tokens a text has."""
    kind = "bpe" if isinstance(tokenizer, Given) else tokenizer.kind
    if kind in ("bytes", "characters"):
        return size.bytes if kind == "bytes" else size.characters
    # The estimate from bytes is for languages with long words, or without spaces between them.
    return max(size.words * TOKENS_PER_WORD, size.bytes / _BYTES_PER_TOKEN)


def _is_text_stale(recipe: Recipe, folder: Path) -> bool:
    """Whether a run would make the folder's text or tokens again, since an input changed."""
    tokens = Layout(folder).tokens
    for stage in stages(recipe, folder):  # the corpus, its source and the tokenizer come first
        if artefact.status(stage).state == "stale":
            return True
        if stage.out == tokens:
            break
    return False


def _size_of(recipe: Recipe, folder: Path) -> tuple[TextSize, bool]:
    """The size of the training text, and whether its words were counted."""
    source = recipe.corpus.source
    if isinstance(source, SyntheticSource):
        return _english(source.words), True
    text = source.local
    if source.is_gathered:
        text = gathered_text(source, Layout(folder).source)
    if text is None or not text.exists():
        return _english(source.expected_words), False
    from babyllama.data.sources import read_split

    sizes = [size_of_text(domain.path) for domain in read_split(text, "train")]
    return TextSize(*map(sum, zip(*sizes, strict=True))), True


def _english(words: int) -> TextSize:
    size = round(words * _ENGLISH_BYTES_PER_WORD)
    return TextSize(words, size, size)
