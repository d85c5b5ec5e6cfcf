"""The loop. Teachers, twins and students differ in `loss` alone.

What happens in a step is visible here or one call away. The order of the data and the dropout of a
step are functions of (seed, step), so a run that was killed goes on to the same bits.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from babyllama.console import Interrupted, Stop, stoppable
from babyllama.data.tokenizer import load_tokenizer
from babyllama.data.windows import Batch, Windows
from babyllama.errors import InputError
from babyllama.models.build import checkpoint_activations, flops_per_token, prefer_fast_attention
from babyllama.models.logits import Head, hidden_states, output_head
from babyllama.models.loss import LossTerms, cross_entropy_loss
from babyllama.models.precision import compute_dtype, matmul_precision
from babyllama.recipe import Sam, TrainingRecipe, decisive_fields
from babyllama.runs.artefact import SCRATCH, Facts, finished_folder
from babyllama.runs.layout import TRAINING_LOG
from babyllama.training.average import make_average, weights_of
from babyllama.training.checkpoints import (
    BEST,
    Progress,
    State,
    load_checkpoint,
    save_checkpoint,
)
from babyllama.training.compilation import can_compile, compile_blocks
from babyllama.training.folder import finish_model, save_model
from babyllama.training.guard import Diverged, Guard
from babyllama.training.log import TrainingLog, reset_peak_memory
from babyllama.training.optimizer import make_optimizer, sam_ascent
from babyllama.training.processes import Processes, gathered
from babyllama.training.schedule import TrainingPlan, learning_rate, plan_training, word_marks
from babyllama.training.speed import seconds_of_products

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Loss = Callable[[Tensor, Head, Batch], LossTerms]
_MOST_REWINDS = 20  # a training that loses its course more often needs another recipe


class Forward(nn.Module):
    """One forward pass with its loss: what is copied or shared out over processes as one module."""

    def __init__(self, model: "PreTrainedModel", dtype: torch.dtype) -> None:
        super().__init__()
        self.model, self.dtype = model, dtype

    def forward(self, loss: Loss, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Loss, cross-entropy and KL of some windows."""
        device = self.model.device
        batch = Batch(batch.starts, _moved(batch.input_ids, device), _moved(batch.labels, device))
        with matmul_precision(self.dtype, device):
            with torch.autocast(device.type, dtype=self.dtype, enabled=self.dtype != torch.float32):
                hidden = hidden_states(self.model, batch.input_ids)
            terms = loss(hidden, output_head(self.model), batch)
        return terms.total, terms.cross_entropy, terms.kl


@dataclass(frozen=True)
class _Training:
    """What stays as it is while a model trains."""

    model: "PreTrainedModel"
    forward: nn.Module
    dtype: torch.dtype
    loss: Loss
    windows: Windows
    dev_windows: Windows
    recipe: TrainingRecipe
    course: TrainingPlan
    state: State
    processes: Processes
    tokenizer: Path
    out: Path
    seed: int

    @property
    def name(self) -> str:
        return finished_folder(self.out).name

    @property
    def checkpoints(self) -> Path:
        return self.out / SCRATCH


def train(
    model: "PreTrainedModel",
    loss: Loss,
    windows: Windows,
    dev_windows: Windows,
    recipe: TrainingRecipe,
    tokenizer: Path,
    out: Path,
    *,
    seed: int,
    teacher_products: tuple[tuple[int, int], ...] = (),
) -> Facts:
    """Train `model` in place, and write the best of its weights as a model folder.

    Args:
        loss: from the student's hidden states, its head and the batch to the terms of the loss.
        tokenizer: goes along with kept models, and spells out windows where the loss is lost.
        out: the folder. It also gets `training.jsonl`, a line a logged step and one an epoch, a
            model folder `chck_*` for each mark of words seen, and `checkpoints/` while training. A
            run that finds checkpoints there goes on from the newest.
        teacher_products: (inputs, outputs) of products that the loss does besides the student's
            own, so that the share of the machine's speed counts them.

    Returns:
        steps, epochs, words, dev cross-entropy, FLOPs, peak memory and speed, for the manifest.

    Raises:
        InputError: a recipe that does not fit the windows or the number of processes, a checkpoint
            of another training.
        Diverged: a loss that is lost. Interrupted: after Ctrl-C or SIGTERM, with all saved.
    """
    reset_peak_memory()
    training = _prepare(model, loss, windows, dev_windows, recipe, tokenizer, out, seed)
    processes, course = training.processes, training.course
    passes = 2 if isinstance(recipe.optimizer, Sam) else 1
    tokens_per_step = recipe.batch_size * recipe.window
    flops_per_step = (
        passes
        * tokens_per_step
        * (3 * flops_per_token(model) + sum(2 * k * n for k, n in teacher_products))
    )
    log = TrainingLog(
        out / TRAINING_LOG,
        recipe,
        course,
        tokens_per_step=tokens_per_step,
        flops_per_step=flops_per_step,
        seconds_of_products=lambda: (
            passes
            * seconds_of_products(model, recipe, training.dtype, teacher_products)
            / processes.count
        ),
        writes=processes.is_first,
    )
    progress = load_checkpoint(training.checkpoints, training.state, processes) or Progress()
    with stoppable() as stop, log:
        if recipe.on_divergence == "rewind" and progress.step == 0:
            _save(training, progress)  # so that there is something to go back to
        while True:
            try:
                progress = _train(training, progress, log, stop)
                break
            except Diverged as lost:
                if recipe.on_divergence == "stop" or len(progress.skipped) >= _MOST_REWINDS:
                    raise
                progress = _rewind(training, lost, log)
    if processes.is_first:
        finish_model(tokenizer, out)
    return _facts(training, progress, flops_per_step) | log.summary()


def _facts(training: _Training, progress: Progress, flops_per_step: int) -> Facts:
    recipe, course, model = training.recipe, training.course, training.model
    updates = course.steps - len(progress.skipped)
    return {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "steps": course.steps,
        "epochs": course.epoch(course.steps),
        "best_epoch": progress.best_epoch,
        "best_is_averaged": progress.best_is_averaged,
        "dev_cross_entropy": progress.best_cross_entropy,
        "tokens": updates * recipe.batch_size * recipe.window,
        "words_seen": progress.words_seen,
        "max_words_seen": recipe.budget.words if recipe.budget else None,
        "skipped_steps": list(progress.skipped),
        "flops": updates * flops_per_step,
        "precision": str(training.dtype).removeprefix("torch."),
        "device": _device_name(training.processes.device),
        "processes": training.processes.count,
    }


def _train(training: _Training, progress: Progress, log: TrainingLog, stop: Stop) -> Progress:
    """From where the run stands to its end."""
    recipe, course, state = training.recipe, training.course, training.state
    guard = Guard(
        training.name,
        training.checkpoints,
        lambda batch: _text_of(batch, training.tokenizer),
        training.processes.device,
        progress.recent,
    )
    log.resume_at(progress.step)
    for step in range(progress.step, course.steps):
        batch = training.windows.at(step, batch_size=recipe.batch_size, seed=training.seed)
        seen = None
        if step not in progress.skipped:
            rate = learning_rate(step, course.steps, recipe)
            state.optimizer.set_learning_rate(rate)
            numbers = _backward(training, batch, step, stop)
            seen = guard.judge(step, batch, numbers, rate)  # raises for the step before this one
            state.optimizer.step(guard.held_back)  # makes no update that is spoilt
            state.optimizer.zero_grad()
            if state.average:
                state.average.update(step + 1)
        log.step(seen, progress.words_seen)
        words = progress.words_seen + training.windows.words(batch.starts)
        marks = word_marks(recipe, progress.words_seen, words)
        progress = replace(progress, step=step + 1, words_seen=words)

        stopping = seen is not None and seen.values["stop"] > 0
        due = (step + 1) % recipe.checkpoint_every == 0
        if due or stopping or marks or course.ends_epoch(step + 1):
            last = guard.settle()  # nothing spoilt is ever saved
            log.step(last, words)
            stopping = stopping or (last is not None and last.values["stop"] > 0)
            with log.pause():
                for mark in marks:
                    save_model(training.model, training.out / mark, training.processes)
                if course.ends_epoch(step + 1):
                    progress = _end_epoch(training, progress, log)
                progress = replace(progress, recent=tuple(guard.recent))
                _save(training, progress)
        if stopping:
            raise Interrupted
    return progress


def _backward(training: _Training, batch: Batch, step: int, stop: Stop) -> Tensor:
    """Leave the clipped gradient of a batch in the model; returns the step's NUMBERS.

    They are means over all processes, so that all of them judge and stop alike.
    """
    recipe, model, processes = training.recipe, training.model, training.processes
    mine = processes.share(len(batch.starts))
    weight = (mine.stop - mine.start) * processes.count / len(batch.starts)
    rows = batch.rows(mine.start, mine.stop)
    dropout = (training.seed * 1_000_003 + step + 7_919_003 * processes.rank) % 2**63

    def gradient() -> Tensor:
        _seed_dropout(dropout, processes.device)
        return accumulate(
            training.forward, training.loss, rows, recipe, processes,
            dtype=training.dtype, weight=weight,
        )  # fmt: skip

    terms = weight * gradient()
    if isinstance(recipe.optimizer, Sam):
        back = sam_ascent(model, recipe.optimizer.rho)
        gradient()  # with the same units dropped
        back()
    norm = gathered(nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_norm))
    asked = torch.full((), float(stop.requested), device=terms.device)
    return processes.mean(torch.cat([terms, torch.stack([norm, asked])]))


def accumulate(
    forward: nn.Module,
    loss: Loss,
    batch: Batch,
    recipe: TrainingRecipe,
    processes: Processes,
    *,
    dtype: torch.dtype,
    weight: float = 1.0,
) -> Tensor:
    """Forward and backward over windows, a micro-batch at a time; the means of the loss's terms.

    Args:
        weight: what the gradient is multiplied by.
    """
    windows = len(batch.starts)
    size = recipe.micro_batch_size or windows
    sums = torch.zeros(3, device=processes.device)
    for start in range(0, windows, size):
        part = batch.rows(start, min(start + size, windows))
        share = len(part.starts) / windows
        with processes.no_sync(forward, until=start + size >= windows):
            total, cross_entropy, kl = forward(loss, part)
            with matmul_precision(dtype, processes.device):
                (total * (share * weight)).backward()
        sums += share * torch.stack([total.detach(), cross_entropy, kl]).float()
    return sums


def _end_epoch(training: _Training, progress: Progress, log: TrainingLog) -> Progress:
    """Score the weights, and the averaged ones; keep them if they are the best so far."""
    processes, average = training.processes, training.state.average
    epoch = training.course.epoch(progress.step)
    dev = _dev(training)
    scores = {"dev_cross_entropy": dev}
    if not math.isfinite(dev):
        raise Diverged(
            f"{training.name}: dev cross-entropy is {dev} after epoch {epoch}",
            step=progress.step - 1,
            why="The training text's loss is a number, the dev text's is not.",
            mend="Look at the dev text, and try precision float32.",
        )
    if dev < progress.best_cross_entropy:
        progress = _keep_best(training, progress, dev, epoch, False)
    if average:
        with weights_of(training.model, average.after_epoch(epoch, processes)):
            scores["averaged_dev_cross_entropy"] = _dev(training)
            if scores["averaged_dev_cross_entropy"] < progress.best_cross_entropy:
                progress = _keep_best(
                    training, progress, scores["averaged_dev_cross_entropy"], epoch, True
                )
    log.epoch(progress.step, epoch, scores)
    return progress


def _keep_best(
    training: _Training, progress: Progress, score: float, epoch: int, averaged: bool
) -> Progress:
    save_model(training.model, training.checkpoints / BEST, training.processes)
    return replace(progress, best_cross_entropy=score, best_epoch=epoch, best_is_averaged=averaged)


def _rewind(training: _Training, lost: Diverged, log: TrainingLog) -> Progress:
    """Back to the last checkpoint, to leave out the windows of the step where the loss was lost."""
    training.state.optimizer.zero_grad()
    progress = load_checkpoint(training.checkpoints, training.state, training.processes)
    if progress is None:  # none of them can be read
        raise lost
    progress = replace(progress, skipped=(*progress.skipped, lost.step))
    _save(training, progress)
    log.resume_at(progress.step)
    log.rewound(progress.step, lost.step, lost.what)
    return progress


def _save(training: _Training, progress: Progress) -> None:
    save_checkpoint(
        training.checkpoints,
        training.state,
        progress,
        training.processes,
        keep=training.recipe.keep,
    )


def _dev(training: _Training) -> float:
    return dev_cross_entropy(
        training.forward,
        training.dev_windows,
        training.recipe,
        training.processes,
    )


@torch.no_grad()
def dev_cross_entropy(
    forward: nn.Module,
    windows: Windows,
    recipe: TrainingRecipe,
    processes: Processes,
) -> float:
    """Mean cross-entropy over the dev windows in nats per token: what chooses the best epoch."""

    def text_loss(hidden: Tensor, head: Head, batch: Batch) -> LossTerms:
        return cross_entropy_loss(hidden, head, batch.labels)

    forward.eval()
    sums = torch.zeros(2, dtype=torch.float64, device=processes.device)
    size = recipe.micro_batch_size or max(1, recipe.batch_size // processes.count)
    batches = list(windows.evenly_spaced(recipe.max_dev_windows, size))
    for first in range(0, len(batches), processes.count):
        # Processes without a batch left do another one's, for nothing: all take part in each pass.
        mine = first + processes.rank
        batch = batches[min(mine, len(batches) - 1)]
        cross_entropy = forward(text_loss, batch)[1]
        count = batch.labels.shape[0] * (batch.labels.shape[1] - 1) * (mine < len(batches))
        sums += torch.stack([cross_entropy.double() * count, torch.tensor(count).to(sums)])
    forward.train()
    total, labelled = (processes.count * processes.mean(sums)).tolist()
    return float(total / labelled)


def _prepare(
    model: "PreTrainedModel",
    loss: Loss,
    windows: Windows,
    dev_windows: Windows,
    recipe: TrainingRecipe,
    tokenizer: Path,
    out: Path,
    seed: int,
) -> _Training:
    processes = Processes()
    refuse_uneven(recipe, processes.count)
    if processes.count > 1 and len(windows) < recipe.batch_size:
        raise InputError(
            f"training.batch_size is {recipe.batch_size}, the text has {len(windows)} windows",
            why="Processes share whole batches.",
            mend="Use one process for so little text, or a smaller training.batch_size.",
        )
    course = plan_training(windows, recipe, seed=seed)
    device = processes.device
    dtype = compute_dtype(recipe.precision, device)
    model.to(device).train()
    prefer_fast_attention(model, device)
    if recipe.activation_checkpointing:
        checkpoint_activations(model)
    if recipe.compile:
        compile_blocks(model)
    forward = processes.together(Forward(model, dtype), shard=recipe.shard)
    origin = {
        "recipe": decisive_fields(recipe),
        "model": {"model_type": model.config.model_type, "shapes": _shapes(model)},
        "tokenizer": windows.header["vocabulary_sha256"],
        "seed": seed,
        "precision": str(dtype).removeprefix("torch."),
        "compiled": recipe.compile and can_compile(),
        "processes": processes.count,
    }
    state = State(
        model,
        make_optimizer(model, recipe),
        make_average(model, recipe, out / SCRATCH),
        origin,
    )
    return _Training(
        model, forward, dtype, loss, windows, dev_windows, recipe, course, state, processes,
        tokenizer, out, seed,
    )  # fmt: skip


def refuse_uneven(recipe: TrainingRecipe, processes: int) -> None:
    """Check that micro-batches and processes divide a batch.

    Raises:
        InputError: names both, and sizes that would do.
    """
    at_once = recipe.micro_batch_size or 1
    if recipe.batch_size % (at_once * processes):
        parts = f"{processes} processes"
        if recipe.micro_batch_size:
            parts = f"training.micro_batch_size {at_once} in each of " + parts
        nearest = max(1, round(recipe.batch_size / (at_once * processes))) * at_once * processes
        raise InputError(
            f"training.batch_size is {recipe.batch_size}, which {parts} do not divide",
            why="Every process takes the same number of windows, in whole micro-batches.",
            mend=f"For example: training.batch_size={nearest}",
        )


def _moved(tensor: Tensor, device: torch.device) -> Tensor:
    """On the device; the host does not wait for the copy."""
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor


def _seed_dropout(seed: int, device: torch.device) -> None:
    """As torch.manual_seed, which asks every other kind of device too, a millisecond each time."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)


def _shapes(model: nn.Module) -> dict[str, str]:
    return {name: "x".join(map(str, p.shape)) for name, p in model.named_parameters()}


def _text_of(batch: Batch, tokenizer: Path) -> str:
    """The first window, as a person reads it, at most a line of it."""
    text: str = load_tokenizer(tokenizer).decode(batch.input_ids[0].tolist())
    return text if len(text) <= 200 else text[:200] + "..."


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"processor, {torch.get_num_threads()} threads"
