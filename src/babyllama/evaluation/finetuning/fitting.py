"""One fine-tuning: a model, a task's rows and a seed in, a class for every validation row out.

The loop, the schedule, early stopping and the choice of the best model are transformers' Trainer's.
What is here says what it shall do and shows how far it is.
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
    EarlyStoppingCallback,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from babyllama.console import ProgressBar
from babyllama.errors import InputError
from babyllama.evaluation.finetuning.encoding import Padding, Row
from babyllama.evaluation.finetuning.scores import metrics_of
from babyllama.evaluation.finetuning.settings import FinetuningSettings

_ROWS_ON_CPU, _ROWS_ON_CARD = 32, 256  # that are only read


@dataclass(frozen=True)
class Fit:
    """What came out.

    Attributes:
        predictions: a class for each validation row, in the order of the file.
        chosen: `step` and `epoch` of the model that was kept, and the metrics (0 to 1) of the
            choosing rows there.
        looks: the same at every look.
        updates: made before it ended.
    """

    predictions: list[int]
    chosen: dict[str, float]
    looks: list[dict[str, float]]
    updates: int


def fit(
    model: Any,
    train: Sequence[Row],
    validation: Sequence[Row],
    choosing: Sequence[int],
    *,
    settings: FinetuningSettings,
    classes: int,
    padding: Padding,
    seed: int,
    scratch: Path,
    title: str,
) -> Fit:
    """Train on `train`, keep the model that is best on the choosing rows, read all of `validation`.

    Args:
        choosing: rows of `validation`.
        scratch: a folder for the best model so far; it is emptied before and after.
        title: what the bar says.

    Raises:
        InputError: logits that are not numbers.
    """
    shutil.rmtree(scratch, ignore_errors=True)
    chosen_rows = [validation[row] for row in _by_length(validation, choosing)]
    everything = _by_length(validation, range(len(validation)))
    arguments = _arguments(settings, seed, scratch, scored=len(choosing))
    rows = _rows_to_show(settings, arguments, len(train), len(choosing), len(validation))
    with ProgressBar(title, rows, "rows") as bar, _quiet():
        trainer = Trainer(
            model=model,
            args=arguments,
            data_collator=padding,
            train_dataset=list(train),
            eval_dataset=chosen_rows,
            compute_metrics=lambda found: metrics_of(
                found.label_ids, _classes(found.predictions, title), classes
            ),
            preprocess_logits_for_metrics=lambda logits, _labels: (
                logits[0] if isinstance(logits, tuple) else logits
            ),
            callbacks=[_Shown(bar, settings, arguments.per_device_eval_batch_size)],
        )
        trainer.remove_callback(PrinterCallback)
        if settings.patience is not None:
            trainer.add_callback(EarlyStoppingCallback(settings.patience, settings.threshold))
        trainer.train()
        found = trainer.predict([validation[row] for row in everything])
    predictions = np.empty(len(validation), dtype=np.int64)
    predictions[everything] = _classes(found.predictions, title)
    shutil.rmtree(scratch, ignore_errors=True)
    return Fit(predictions.tolist(), *_story(trainer.state))


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
        warmup_steps=settings.warmup,  # below 1 it is a share
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
        bf16=_takes_bfloat16(settings),
        use_cpu=not on_card,
        dataloader_pin_memory=on_card,
    )
    assert arguments.device is not None
    arguments._n_gpu = min(1, arguments.n_gpu)  # several cards would multiply the batch
    return arguments


def _rows_to_show(
    settings: FinetuningSettings, arguments: TrainingArguments, train: int, choosing: int, read: int
) -> int:
    """Rows until the end, if it does not stop early; a batch counts as full."""
    at_once, read_at_once = settings.batch_size, int(arguments.per_device_eval_batch_size)
    batches = math.ceil(train / at_once) * settings.epochs
    looks = settings.epochs
    if settings.evaluate_every != "epoch":
        looks = math.ceil(batches / settings.evaluate_every)
    reads = looks * math.ceil(choosing / read_at_once) + math.ceil(read / read_at_once)
    return batches * at_once + reads * read_at_once


def _takes_bfloat16(settings: FinetuningSettings) -> bool:
    if settings.precision != "auto":
        return settings.precision == "bfloat16"
    return torch.cuda.is_available() and torch.cuda.get_device_capability() >= (8, 0)


def _by_length(rows: Sequence[Row], of: Sequence[int]) -> list[int]:
    """Rows in the order in which their batches need least padding."""
    return sorted(of, key=lambda row: len(rows[row]["input_ids"]))


def _classes(logits: Any, title: str) -> Int64[np.ndarray, " rows"]:
    logits = np.asarray(logits)
    if not np.isfinite(logits).all():
        raise InputError(
            f"{title}: the model's logits are not numbers",
            why="The training diverged, or the model's own weights are damaged.",
            mend="Lower the rate: --set learning_rate=1e-5",
        )
    return np.asarray(logits.argmax(axis=-1), dtype=np.int64)


def _story(state: Any) -> tuple[dict[str, float], list[dict[str, float]], int]:
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


class _Shown(TrainerCallback):  # type: ignore[misc]
    """Tells the bar how far the Trainer is."""

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
def _quiet() -> Iterator[None]:
    """The library says nothing while our bar stands."""
    before = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_error()
    try:
        yield
    finally:
        transformers.logging.set_verbosity(before)
