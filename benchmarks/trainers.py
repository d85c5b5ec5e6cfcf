"""Three ways to train one model on the same text: ours, a bare loop, and `transformers.Trainer`.

All have the same initial weights, windows, batch, precision, AdamW (fused) and gradient clipping,
and none saves. Ours is the real loop, with its log and its guard.
"""

import gc
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from babyllama.data.windows import Batch, Windows
from babyllama.models.build import new_model
from babyllama.models.logits import Head
from babyllama.models.loss import LossTerms
from babyllama.models.precision import compute_dtype, pick_device
from babyllama.recipe import AdamW, PretrainingRecipe
from babyllama.training.loop import train
from babyllama.training.meter import peak_memory, reset_peak_memory
from babyllama.training.pretraining import text_loss
from benchmarks.made_up import write_text
from benchmarks.whole_bill import AsDataset

if TYPE_CHECKING:
    from transformers import PreTrainedModel

WARM = 3  # steps before those that count, compilation among them


@dataclass(frozen=True)
class Case:
    """A model shape and a training recipe, in float32 or bfloat16."""

    name: str
    part: PretrainingRecipe
    vocab_size: int

    @property
    def kind(self) -> str:
        return self.part.model.model_type

    @property
    def precision(self) -> str:
        return self.part.training.precision

    @property
    def dtype(self) -> torch.dtype:
        return compute_dtype(self.precision, pick_device())

    @property
    def rows(self) -> int:
        """Windows in memory at once."""
        return self.part.training.micro_batch_size or self.part.training.batch_size

    @property
    def micro_batches(self) -> int:
        return self.part.training.batch_size // self.rows

    @property
    def tokens_per_step(self) -> int:
        return self.part.training.batch_size * self.part.training.window

    @property
    def adamw(self) -> AdamW:
        chosen = self.part.training.optimizer
        assert isinstance(chosen, AdamW), "the peers have no other"
        return chosen

    def model(self) -> "PreTrainedModel":
        return new_model(self.part.model, self.vocab_size, seed=0, separators=True)


@dataclass
class Clock:
    """When steps ended; on a GPU measured by events, so that nothing waits for it."""

    marks: list[Any] = field(default_factory=list)

    def mark(self) -> None:
        if torch.cuda.is_available():
            event = torch.cuda.Event(enable_timing=True)
            event.record()
            self.marks.append(event)
        else:
            self.marks.append(time.perf_counter())

    def seconds(self) -> list[float]:
        """Seconds between marks, without warm-up steps."""
        pairs = list(zip(self.marks, self.marks[1:], strict=False))[WARM:]
        if torch.cuda.is_available():
            torch.cuda.synchronize()
            return [sooner.elapsed_time(later) / 1e3 for sooner, later in pairs]
        return [later - sooner for sooner, later in pairs]


@dataclass(frozen=True)
class Timed:
    """Seconds of each counted step, and the peak memory over all steps."""

    seconds: list[float]
    peak_bytes: int


Way = Callable[[Case, int, Path, Clock], None]


def timed(way: Way, case: Case, steps: int) -> Timed:
    """Train for `steps` counted steps after the warm-up."""
    with tempfile.TemporaryDirectory() as folder:
        total = steps + WARM + 1
        write_text(
            Path(folder),
            case.vocab_size,
            train=total * case.tokens_per_step,
            dev=8 * case.part.training.window,
        )
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        reset_peak_memory()
        clock = Clock()
        way(case, total, Path(folder), clock)
        return Timed(clock.seconds(), peak_memory())


def ours(case: Case, steps: int, folder: Path, clock: Clock) -> None:
    """Run the real loop to its end. A step lasts from one call of the loss to the next."""
    train_ours(case, folder, lambda number: clock.mark() if number % case.micro_batches == 0 else 0)
    assert len(clock.marks) == steps


def train_ours(case: Case, folder: Path, at: Callable[[int], object], **changes: Any) -> None:
    """Train one epoch of the folder's text; each call of the loss first calls `at` with a count."""
    training = case.part.training.model_copy(update={"epochs": 1, "warmup_steps": 0} | changes)
    part = case.part.model_copy(update={"training": training})
    model, calls = case.model(), iter(range(10**9))
    loss = text_loss(part.training)

    def counted(hidden: Tensor, head: Head, batch: Batch) -> LossTerms:
        at(next(calls))
        return loss(hidden, head, batch)

    (out := folder / "model").mkdir()
    train(
        model,
        counted,
        Windows(folder / "tokens", "train", training.window),
        Windows(folder / "tokens", "dev", training.window),
        training,
        folder / "tokenizer",
        out,
        seed=0,
    )


def bare(*, compiled: bool, attention: str) -> Way:
    """A loop like nanoGPT's train.py: only what a step needs."""

    def way(case: Case, steps: int, folder: Path, clock: Clock) -> None:
        device, window = pick_device(), case.part.training.window
        stream = np.memmap(folder / "tokens" / "train.bin", dtype=np.uint16, mode="r")

        def get_batch() -> Tensor:
            at = torch.randint(len(stream) - window, (case.rows,)).tolist()
            rows = np.stack([stream[each : each + window].astype(np.int64) for each in at])
            ids = torch.from_numpy(rows)
            if device.type == "cuda":
                return ids.pin_memory().to(device, non_blocking=True)
            return ids

        model = case.model().to(device).train()
        model.set_attn_implementation(attention)
        optimizer = _adamw(model, case)
        run = torch.compile(model) if compiled else model
        context: AbstractContextManager[Any] = nullcontext()
        if case.dtype != torch.float32:
            context = torch.autocast(device.type, dtype=case.dtype)
        ids = get_batch()
        for _ in range(steps):
            for _ in range(case.micro_batches):
                with context:
                    loss = run(input_ids=ids, labels=ids, use_cache=False).loss
                ids = get_batch()  # while the GPU computes
                (loss / case.micro_batches).backward()
            nn.utils.clip_grad_norm_(model.parameters(), case.part.training.clip_norm)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            clock.mark()

    return way


def _adamw(model: nn.Module, case: Case) -> torch.optim.AdamW:
    chosen, parameters = case.adamw, list(model.parameters())
    return torch.optim.AdamW(
        [
            {
                "params": [each for each in parameters if each.ndim >= 2],
                "weight_decay": chosen.weight_decay,
            },
            {"params": [each for each in parameters if each.ndim < 2], "weight_decay": 0.0},
        ],
        lr=case.part.training.learning_rate,
        betas=(chosen.beta1, chosen.beta2),
        eps=chosen.epsilon,
        fused=True,
    )


def trainer(*, compiled: bool, attention: str) -> Way:
    """`transformers.Trainer` without logging, saving or NaN checks."""

    def way(case: Case, steps: int, folder: Path, clock: Clock) -> None:
        from transformers import (
            PrinterCallback,
            Trainer,
            TrainerCallback,
            TrainingArguments,
        )

        class OnEnd(TrainerCallback):  # type: ignore[misc]
            def on_step_end(self, *_: Any, **__: Any) -> None:
                clock.mark()

        training, chosen = case.part.training, case.adamw
        model = case.model()
        model.set_attn_implementation(attention)
        environment = dict(os.environ)  # Accelerate leaves its settings there
        made = Trainer(
            model=model,
            args=TrainingArguments(
                output_dir=str(folder / "trainer"),
                max_steps=steps,
                use_cpu=pick_device().type == "cpu",
                per_device_train_batch_size=case.rows,
                gradient_accumulation_steps=case.micro_batches,
                bf16=case.dtype == torch.bfloat16,
                torch_compile=compiled,
                optim="adamw_torch_fused",
                learning_rate=training.learning_rate,
                adam_beta1=chosen.beta1,
                adam_beta2=chosen.beta2,
                adam_epsilon=chosen.epsilon,
                weight_decay=chosen.weight_decay,
                max_grad_norm=training.clip_norm,
                lr_scheduler_type="cosine",
                dataloader_pin_memory=pick_device().type == "cuda",
                logging_nan_inf_filter=False,
                logging_strategy="no",
                save_strategy="no",
                report_to=[],
                disable_tqdm=True,
            ),
            train_dataset=AsDataset(Windows(folder / "tokens", "train", training.window)),
            callbacks=[OnEnd()],
        )
        made.remove_callback(PrinterCallback)
        made.train()
        os.environ.clear()
        os.environ.update(environment)

    return way
