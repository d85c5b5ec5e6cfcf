"""One fine-tuning with transformers' Trainer: from a task's rows to a class for each of them.

The Trainer has the loop, the schedule, early stopping and the choice of the best model. This module
configures it and shows its progress.
"""

import math
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from jaxtyping import Int64
from transformers import (
    DataCollatorWithPadding,
    EarlyStoppingCallback,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from babyllama.console import ProgressBar
from babyllama.errors import InputError
from babyllama.evaluation.finetuning.encoding import Features
from babyllama.evaluation.finetuning.scores import metrics_of
from babyllama.evaluation.finetuning.settings import FinetuningSettings

# Batch sizes of evaluation, which keeps no activations.
_ROWS_ON_CPU, _ROWS_ON_CARD = 32, 256


@dataclass(frozen=True)
class Fit:
    """The result of a fine-tuning.

    Attributes:
        predictions: a class for each validation row, in the order of the file.
        chosen: `step` and `epoch` of the model that was kept, and its metrics (0 to 1) on the
            choosing rows.
        looks: the same for every evaluation.
        updates: how many were made in all.
    """

    predictions: list[int]
    chosen: dict[str, float]
    looks: list[dict[str, float]]
    updates: int


def fit(
    model: Any,
    train: Sequence[Features],
    validation: Sequence[Features],
    choosing: Sequence[int],
    *,
    settings: FinetuningSettings,
    classes: int,
    collator: DataCollatorWithPadding,
    seed: int,
    scratch: Path,
    title: str,
) -> Fit:
    """Train on `train`, keep the model that is best on the choosing rows, predict `validation`.

    Args:
        choosing: numbers of rows of `validation`.
        classes: how many there are.
        scratch: a folder for the best checkpoint so far; it is deleted before and after.
        title: the title of the progress bar.

    Raises:
        InputError: logits that are not finite.
    """
    shutil.rmtree(scratch, ignore_errors=True)
    chosen_rows = [validation[row] for row in _by_length(validation, choosing)]
    everything = _by_length(validation, range(len(validation)))
    arguments = _arguments(settings, seed, scratch, scored=len(choosing))
    rows = _planned_rows(settings, arguments, len(train), len(choosing), len(validation))
    with ProgressBar(title, rows, "rows") as bar, _errors_only():
        trainer = Trainer(
            model=model,
            args=arguments,
            data_collator=collator,
            train_dataset=list(train),
            eval_dataset=chosen_rows,
            compute_metrics=lambda found: metrics_of(
                found.label_ids, _classes(found.predictions, title), classes
            ),
            preprocess_logits_for_metrics=lambda logits, _labels: (
                logits[0] if isinstance(logits, tuple) else logits
            ),
            callbacks=[_ShowProgress(bar, settings, arguments.per_device_eval_batch_size)],
        )
        trainer.remove_callback(PrinterCallback)
        if settings.patience is not None:
            trainer.add_callback(EarlyStoppingCallback(settings.patience, settings.threshold))
        trainer.train()
        found = trainer.predict([validation[row] for row in everything])
    predictions = np.empty(len(validation), dtype=np.int64)
    predictions[everything] = _classes(found.predictions, title)
    shutil.rmtree(scratch, ignore_errors=True)
    return Fit(predictions.tolist(), *_evaluations(trainer.state))


def _arguments(
    settings: FinetuningSettings, seed: int, scratch: Path, *, scored: int
) -> TrainingArguments:
    on_card = torch.cuda.is_available()
    schedule: dict[str, Any] = {"lr_scheduler_type": "linear"}
    if settings.schedule.kind == "cosine":
        schedule = {
            "lr_scheduler_type": "cosine_with_min_lr",
            "lr_scheduler_kwargs": {"min_lr_rate": settings.schedule.final},
        }
    elif settings.schedule.final > 0:
        schedule = {
            "lr_scheduler_type": "polynomial",
            "lr_scheduler_kwargs": {
                "lr_end": settings.learning_rate * settings.schedule.final, "power": 1.0
            },
        }  # fmt: skip
    steps = settings.evaluate_every
    arguments = TrainingArguments(
        output_dir=str(scratch),
        learning_rate=settings.learning_rate,
        **schedule,
        warmup_steps=settings.warmup,  # a fraction of all updates, since it is below 1
        weight_decay=settings.weight_decay,
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.batch_size,
        per_device_eval_batch_size=min(scored, _ROWS_ON_CARD if on_card else _ROWS_ON_CPU),
        eval_strategy="epoch" if steps == "epoch" else "steps",
        eval_steps=None if steps == "epoch" else steps,
        save_strategy="best",
        save_only_model=True,
        save_total_limit=1,
        load_best_model_at_end=True,
        metric_for_best_model=settings.choose_by,
        greater_is_better=True,
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        seed=seed,
        bf16=_uses_bfloat16(settings),
        use_cpu=not on_card,
        dataloader_pin_memory=on_card,
    )
    assert arguments.device is not None
    # The Trainer multiplies the batch size by the number of GPUs.
    arguments._n_gpu = min(1, arguments.n_gpu)
    return arguments


def _planned_rows(
    settings: FinetuningSettings, arguments: TrainingArguments, train: int, choosing: int, read: int
) -> int:
    """Rows to train on and to predict without early stopping; every batch counts as full."""
    at_once, read_at_once = settings.batch_size, int(arguments.per_device_eval_batch_size)
    batches = math.ceil(train / at_once) * settings.epochs
    looks = settings.epochs
    if settings.evaluate_every != "epoch":
        looks = math.ceil(batches / settings.evaluate_every)
    reads = looks * math.ceil(choosing / read_at_once) + math.ceil(read / read_at_once)
    return batches * at_once + reads * read_at_once


def _uses_bfloat16(settings: FinetuningSettings) -> bool:
    if settings.precision != "auto":
        return settings.precision == "bfloat16"
    return torch.cuda.is_available() and torch.cuda.get_device_capability() >= (8, 0)


def _by_length(rows: Sequence[Features], numbers: Sequence[int]) -> list[int]:
    """Row numbers sorted by length, so that batches need the least padding."""
    return sorted(numbers, key=lambda row: len(rows[row]["input_ids"]))


def _classes(logits: Any, title: str) -> Int64[np.ndarray, " rows"]:
    logits = np.asarray(logits)
    if not np.isfinite(logits).all():
        raise InputError(
            f"{title}: the model's logits are not finite",
            why="The training diverged, or the model's own weights are damaged.",
            mend="Lower the learning rate: --set learning_rate=1e-5",
        )
    return np.asarray(logits.argmax(axis=-1), dtype=np.int64)


def _evaluations(state: Any) -> tuple[dict[str, float], list[dict[str, float]], int]:
    looks = [
        {
            "step": look["step"],
            "epoch": round(look["epoch"], 3),
            **{name: look[f"eval_{name}"] for name in ("accuracy", "f1", "mcc")},
        }
        for look in state.log_history
        if "eval_accuracy" in look
    ]
    best = next(look for look in looks if look["step"] == state.best_global_step)
    return best, looks, state.global_step


class _ShowProgress(TrainerCallback):  # type: ignore[misc]
    """Advances our progress bar."""

    def __init__(self, bar: ProgressBar, settings: FinetuningSettings, read_at_once: int) -> None:
        self._bar, self._settings, self._read_at_once = bar, settings, read_at_once

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self._bar.advance(self._settings.batch_size)

    def on_prediction_step(self, *_: Any, **__: Any) -> None:
        self._bar.advance(self._read_at_once)

    def on_evaluate(self, _args: Any, state: Any, *_: Any, metrics: Any, **__: Any) -> None:
        name = self._settings.choose_by
        score = 100 * metrics[f"eval_{name}"]
        self._bar.advance(0, note=f"{name} {score:.1f} after {state.epoch:.1f} epochs")


@contextmanager
def _errors_only() -> Iterator[None]:
    """Keep the library's log messages from breaking the progress bar."""
    before = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_error()
    try:
        yield
    finally:
        transformers.logging.set_verbosity(before)
