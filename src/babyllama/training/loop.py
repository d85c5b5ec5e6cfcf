"""The loop. Teachers, twins and students differ in `loss` alone.

What happens in a step is visible here or one call away. The order of the data and the dropout of a
step are functions of (seed, step), so a run that was killed goes on to the same bits.
"""

import json
import math
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from babyllama.artefact import SCRATCH, Facts
from babyllama.console import Interrupted, ProgressBar, stoppable
from babyllama.errors import InputError
from babyllama.losses import LossTerms, cross_entropy_loss, products_for
from babyllama.models import (
    compute_dtype,
    flops_per_token,
    hidden_states,
    output_head,
    pick_device,
    prefer_fast_attention,
    softcap_of,
)
from babyllama.recipe import TrainingRecipe
from babyllama.tokens import Batch, Windows
from babyllama.training.checkpoints import BEST, load_checkpoint, save_checkpoint
from babyllama.training.compilation import compile_blocks
from babyllama.training.optimizer import learning_rate, make_optimizer, set_learning_rate
from babyllama.training.speed import seconds_of_products

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_SECONDS_BETWEEN_FLOORS = 30.0

Loss = Callable[[Tensor, Tensor, Batch], LossTerms]


class Diverged(InputError):
    """A loss or a gradient that is no number; the weights were left as they were."""


def train(
    model: "PreTrainedModel",
    loss: Loss,
    train_windows: Windows,
    dev_windows: Windows,
    recipe: TrainingRecipe,
    out: Path,
    *,
    seed: int,
    teacher_products: tuple[tuple[int, int], ...] = (),
) -> Facts:
    """Train `model` in place and leave in it the weights of its best epoch.

    Args:
        loss: from the student's hidden states, its head and the batch to the terms of the loss.
        out: gets `training.jsonl`, a line a logged step and one an epoch, and `checkpoints/`
            while training. A run that finds checkpoints there goes on from the newest.
        teacher_products: (inputs, outputs) of products that the loss does besides the student's
            own, so that the share of the machine's speed counts them.

    Returns:
        steps, epochs, dev cross-entropy, FLOPs, peak memory and speed, for the manifest.

    Raises:
        Diverged: a loss that is not a number. Interrupted: after Ctrl-C, with all saved.
    """
    reset_peak_memory()
    device = pick_device()
    dtype = compute_dtype(recipe.precision, device)
    model.to(device).train()
    prefer_fast_attention(model, device)
    if recipe.compile:
        compile_blocks(model)
    optimizer = make_optimizer(model, recipe)
    checkpoints = out / SCRATCH
    progress = load_checkpoint(checkpoints, model, optimizer)
    epoch_steps = train_windows.steps_per_epoch(recipe.batch_size)
    steps = epoch_steps * recipe.epochs
    tokens_per_step = recipe.batch_size * recipe.window
    flops_per_step = tokens_per_step * (
        3 * flops_per_token(model) + sum(2 * k * n for k, n in teacher_products)
    )
    meter = _Meter(model, recipe, dtype, teacher_products, flops_per_step)

    with (
        stoppable() as stop,
        ProgressBar(out.name.removesuffix(".partial"), steps * tokens_per_step, "tokens") as bar,
        _open_log(out / "training.jsonl", progress.step) as log,
    ):
        bar.start_at(progress.step * tokens_per_step)
        for step in range(progress.step, steps):
            set_learning_rate(optimizer, learning_rate(step, steps, recipe))
            batch = train_windows.at(step, batch_size=recipe.batch_size, seed=seed)
            torch.manual_seed(_step_seed(seed, step))
            terms = _accumulate(model, loss, batch, recipe, device, dtype)
            terms["gradient_norm"] = float(
                nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_norm)
            )
            _refuse_divergence(step, terms, batch, out)  # raises before the weights change
            optimizer.step()
            optimizer.zero_grad()
            progress = replace(progress, step=step + 1)
            bar.advance(tokens_per_step, f"cross-entropy {terms['cross_entropy']:.3f}")

            if step % recipe.log_every == 0 or step + 1 == steps:
                rate = optimizer.param_groups[0]["lr"]
                _write(log, meter.line(step + 1, epoch_steps, terms, rate))
            if (step + 1) % epoch_steps == 0:
                epoch = (step + 1) // epoch_steps
                dev = dev_cross_entropy(model, dev_windows, recipe, device, dtype)
                best = dev < progress.best_cross_entropy
                if best:
                    progress = replace(progress, best_cross_entropy=dev, best_epoch=epoch)
                    model.save_pretrained(checkpoints / BEST)
                _write(log, {"step": step + 1, "epoch": epoch, "dev_cross_entropy": dev})
                save_checkpoint(checkpoints, model, optimizer, progress)
                meter.pause()
            elif (step + 1) % recipe.checkpoint_every == 0 or stop.requested:
                save_checkpoint(checkpoints, model, optimizer, progress)
                meter.pause()
            if stop.requested:
                raise Interrupted
    return {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "steps": steps,
        "epochs": recipe.epochs,
        "best_epoch": progress.best_epoch,
        "dev_cross_entropy": progress.best_cross_entropy,
        "tokens": steps * tokens_per_step,
        "flops": steps * flops_per_step,
        "precision": str(dtype).removeprefix("torch."),
        "device": _device_name(device),
        **meter.summary(),
    }


@torch.no_grad()
def dev_cross_entropy(
    model: "PreTrainedModel",
    windows: Windows,
    recipe: TrainingRecipe,
    device: torch.device,
    dtype: torch.dtype,
) -> float:
    """Mean cross-entropy over the dev windows in nats per token: what chooses the best epoch."""
    model.eval()
    total = torch.zeros((), dtype=torch.float64)
    labelled = 0
    batch_size = recipe.micro_batch_size or recipe.batch_size
    softcap = softcap_of(model)

    def text_loss(hidden: Tensor, head: Tensor, batch: Batch) -> LossTerms:
        return cross_entropy_loss(hidden, head, batch.labels, softcap=softcap)

    for batch in windows.spread(recipe.max_dev_windows, batch_size):
        terms = _terms(model, text_loss, batch, device, dtype)
        count = batch.labels.shape[0] * (batch.labels.shape[1] - 1)
        total += terms.cross_entropy.double().cpu() * count
        labelled += count
    model.train()
    return float(total) / labelled


def _accumulate(
    model: "PreTrainedModel",
    loss: Loss,
    batch: Batch,
    recipe: TrainingRecipe,
    device: torch.device,
    dtype: torch.dtype,
) -> dict[str, float]:
    """Forward and backward over the batch, a micro-batch at a time; the terms of the whole."""
    size = recipe.micro_batch_size or recipe.batch_size
    sums = {"loss": 0.0, "cross_entropy": 0.0, "kl": 0.0}
    windows = len(batch.starts)
    for start in range(0, windows, size):
        part = batch.rows(start, start + size)
        share = len(part.starts) / windows
        terms = _terms(model, loss, part, device, dtype)
        with products_for(dtype, device):
            (terms.total * share).backward()  # type: ignore[no-untyped-call]
        for name, value in _named(terms):
            sums[name] += float(value.detach()) * share
    return sums


def _terms(
    model: "PreTrainedModel", loss: Loss, batch: Batch, device: torch.device, dtype: torch.dtype
) -> LossTerms:
    reduced = dtype != torch.float32
    batch = Batch(batch.starts, batch.input_ids.to(device), batch.labels.to(device))
    with products_for(dtype, device):
        with torch.autocast(device.type, dtype=dtype, enabled=reduced):
            hidden = hidden_states(model, batch.input_ids)
        return loss(hidden, output_head(model), batch)


def _named(terms: LossTerms) -> Iterator[tuple[str, Tensor]]:
    yield from (("loss", terms.total), ("cross_entropy", terms.cross_entropy), ("kl", terms.kl))


def _refuse_divergence(step: int, terms: dict[str, float], batch: Batch, out: Path) -> None:
    wrong = [f"{name} is {value}" for name, value in terms.items() if not math.isfinite(value)]
    if wrong:
        raise Diverged(
            f"{out.name.removesuffix('.partial')}: at step {step} {', '.join(wrong)}",
            why=f"The update of the windows at tokens {batch.starts.tolist()} was not made; the "
            f"last checkpoint lies in {out / SCRATCH}.",
            mend="Try a lower training.learning_rate, more warmup_steps, or precision float32.",
        )


def _step_seed(seed: int, step: int) -> int:
    """Dropout's seed: the same for a step however often it is done, another for the next one."""
    return (seed * 1_000_003 + step) % 2**63


class _Meter:
    """Speed and memory: tokens and FLOPs a second, and the share of what plain products reach."""

    def __init__(
        self,
        model: "PreTrainedModel",
        recipe: TrainingRecipe,
        dtype: torch.dtype,
        teacher_products: tuple[tuple[int, int], ...],
        flops_per_step: int,
    ) -> None:
        self._flops_per_step = flops_per_step
        self._tokens_per_step = recipe.batch_size * recipe.window
        self._measure_products: Callable[[], float] = lambda: seconds_of_products(
            model, recipe, dtype, teacher_products
        )
        self._products, self._products_at = self._measure_products(), time.monotonic()
        self._since, self._last_step = time.monotonic(), 0
        self._total_seconds, self._total_steps = 0.0, 0
        self._shares: list[float] = []

    def pause(self) -> None:
        """Leave out of the speed what was not training."""
        self._last_step = 0

    def line(
        self, step: int, epoch_steps: int, terms: dict[str, float], rate: float
    ) -> dict[str, Any]:
        """What is logged of a step; speed is over the steps since the line before."""
        return {
            "step": step,
            "epoch": round(step / epoch_steps, 4),
            "tokens": step * self._tokens_per_step,
            **terms,
            "learning_rate": rate,
            **self._speed(step),
            "memory_bytes": peak_memory(),
        }

    def _speed(self, step: int) -> dict[str, float]:
        now, before = time.monotonic(), self._last_step
        seconds, self._since, self._last_step = now - self._since, now, step
        if before == 0:  # the first line after a start or a pause: warm-up, compilation, saving
            return {}
        steps = step - before
        self._total_seconds += seconds
        self._total_steps += steps
        share = self._products * steps / seconds
        self._shares.append(share)
        self._refresh_products(now)
        return {
            "tokens_per_second": steps * self._tokens_per_step / seconds,
            "flops_per_second": steps * self._flops_per_step / seconds,
            "products_share": share,
        }

    def _refresh_products(self, now: float) -> None:
        """A shared machine's speed drifts, so the floor is measured again beside the training."""
        if now - self._products_at > _SECONDS_BETWEEN_FLOORS:
            self._products = self._measure_products()
            self._products_at = self._since = time.monotonic()

    def summary(self) -> dict[str, float]:
        """Mean speed over all measured steps, median share, peak memory."""
        facts: dict[str, float] = {"peak_memory_bytes": peak_memory()}
        if self._total_steps:
            speed = self._total_steps / self._total_seconds
            facts |= {
                "tokens_per_second": speed * self._tokens_per_step,
                "flops_per_second": speed * self._flops_per_step,
                "products_share": sorted(self._shares)[len(self._shares) // 2],
            }
        return facts


def peak_memory() -> int:
    """Largest resident set since `reset_peak_memory` in bytes; on a card, largest allocation.

    A system that cannot reset counts from the start of the process.
    """
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def reset_peak_memory() -> None:
    """Forget the peak of what the process did before."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"processor, {torch.get_num_threads()} threads"


def _open_log(path: Path, step: int) -> IO[str]:
    """Open the log for more lines, without those of steps that will be done again."""
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    kept = [line for line in lines if line.endswith("}") and json.loads(line)["step"] <= step]
    path.write_text("".join(line + "\n" for line in kept), "utf-8")
    return path.open("a", encoding="utf-8")


def _write(log: IO[str], line: dict[str, Any]) -> None:
    log.write(json.dumps(line) + "\n")
    log.flush()
