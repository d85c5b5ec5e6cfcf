"""The full cost of distillation, from teachers to student, beside the way of the paper's code.

    python -m benchmarks.whole_bill [--peer-steps 6] [--out FILE.json]
    python -m benchmarks.whole_bill --settings       find the best settings of the peer

Ours: the teachers run once over the text, their states are stored in bfloat16 and a student is
trained on them for six epochs; then a second student, with another alpha, on the same signal. The
peer: a `transformers.Trainer` whose `compute_loss` runs both teachers beside the student in every
step, as the paper's code does, with the same student, windows, updates and optimiser, in its best
settings. Ours is timed in full, including loading, storing and saving. The peer's steps all cost
the same, so `--peer-steps` of them are timed and multiplied.

Shapes are the paper's at half their widths (`benchmarks/made_up.py`): the teachers' forward pass
takes 7 times a student's step. The text is short, 96 windows. So costs that do not grow with the
text are made small (the dev text is 8 windows) or excluded on both sides: a first step of each,
with compilation, is shown but not counted.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.utils.data import Dataset

from babyllama.console import print_result, table
from babyllama.data.windows import Windows
from babyllama.models.build import flops_per_token, new_model
from babyllama.models.loading import load_model
from babyllama.models.precision import pick_device
from babyllama.recipe import (
    DistilledStudent,
    HiddenSignal,
    TrainingRecipe,
)
from babyllama.runs.files import write_atomically
from babyllama.signals.store import store_signal
from babyllama.signals.writer import SignalSource
from babyllama.training.distillation import distill
from benchmarks.loss_speed import machine
from benchmarks.made_up import STUDENT, VOCAB_SIZE, WINDOW, Inputs, make_inputs

EPOCHS = 6
BATCH = 16
WINDOWS = 96
ALPHA, TEMPERATURE, LEARNING_RATE = 0.5, 2.0, 1e-3
STEPS = EPOCHS * WINDOWS // BATCH
AIM_FIRST, AIM_SECOND = 3.0, 5.0
# The fastest that `--settings` found, on two cores of an EPYC with bfloat16 products.
PEER_SETTING = {"bf16": True, "attention": "sdpa", "micro_batches": 1}


def main() -> None:
    """Measure, print and write the results."""
    asked = _arguments()
    results: dict[str, Any] = {
        "machine": machine() | {"transformers": metadata.version("transformers")}
    }
    print("  ".join(f"{name}: {value}" for name, value in results["machine"].items()))
    with tempfile.TemporaryDirectory() as folder:
        made = make_inputs(Path(folder), train_tokens=WINDOWS * WINDOW, dev_tokens=8 * WINDOW)
        if asked.settings:
            results["settings"] = try_settings(made)
        else:
            results |= whole_bill(made, Path(folder), asked.peer_steps)
            print_bill(results)
    results["load average at the end"] = os.getloadavg()
    if asked.out:
        asked.out.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(asked.out, json.dumps(results, indent=1) + "\n")


def whole_bill(made: Inputs, folder: Path, peer_steps: int) -> dict[str, Any]:
    """Time every part of ours, and the peer's steps before and after ours."""
    signal = folder / "signal"
    source = SignalSource(made.teachers, made.tokens, HiddenSignal(kind="hidden"), WINDOW)
    before = seconds_of_peer_steps(made, peer_steps // 2)
    storing = seconds_of(lambda: store_signal(source, new_folder(signal)))
    warming = seconds_of(
        lambda: _distill(made, signal, new_folder(folder / "warm"), epochs=1, alpha=ALPHA)
    )
    first = seconds_of(lambda: _distill(made, signal, new_folder(folder / "first"), alpha=ALPHA))
    second = seconds_of(lambda: _distill(made, signal, new_folder(folder / "second"), alpha=0.2))
    after = seconds_of_peer_steps(made, peer_steps - peer_steps // 2)
    return {
        "steps": STEPS,
        "storing": storing,
        "warming up": warming,
        "first student": first,
        "second student": second,
        "signal bytes": sum(file.stat().st_size for file in signal.glob("shard-*")),
        "peer's step": before + after,
        "flops": _flops(made),
    }


def _distill(made: Inputs, signal: Path, out: Path, *, alpha: float, epochs: int = EPOCHS) -> None:
    training = TrainingRecipe(
        epochs=epochs,
        batch_size=BATCH,
        window=WINDOW,
        learning_rate=LEARNING_RATE,
        compile=True,
    )
    student = DistilledStudent(
        kind="distilled",
        alpha=alpha,
        temperature=TEMPERATURE,
        reduction="window_sum",
        model=STUDENT,
        training=training,
    )
    distill(student, made.tokens, made.tokenizer, out, signal=signal, seed=0)


def new_folder(folder: Path) -> Path:
    folder.mkdir()
    return folder


def seconds_of(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


# The peer


def seconds_of_peer_steps(made: Inputs, steps: int, **setting: Any) -> list[float]:
    """Train for one step more than asked; return the seconds of each but the first."""
    from transformers import Trainer, TrainerCallback, TrainingArguments

    chosen = PEER_SETTING | setting
    device = pick_device()
    teachers = [load_model(folder).to(device) for folder in made.teachers]
    student = new_model(STUDENT, VOCAB_SIZE, seed=0, separators=True)
    for model in (student, *teachers):
        model.set_attn_implementation(chosen["attention"])

    class DistillingTrainer(Trainer):  # type: ignore[misc]
        """The paper's objective as in its code: all logits of all models, at every step."""

        def compute_loss(
            self,
            model: nn.Module,
            inputs: dict[str, Tensor],
            return_outputs: bool = False,
            **_: Any,
        ) -> Any:
            output = model(**inputs)
            with torch.no_grad():
                ensemble = torch.stack([teacher(**inputs).logits for teacher in teachers]).mean(0)
            kl = nn.KLDivLoss(reduction="batchmean")(
                F.log_softmax(output.logits / TEMPERATURE, dim=-1),
                F.softmax(ensemble / TEMPERATURE, dim=-1),
            )
            loss = ALPHA * output.loss + (1 - ALPHA) * TEMPERATURE**2 * kl
            return (loss, output) if return_outputs else loss

    class Clock(TrainerCallback):  # type: ignore[misc]
        """Record when each update ended."""

        def __init__(self) -> None:
            self.ends: list[float] = []

        def on_step_end(self, *_: Any, **__: Any) -> None:
            if device.type == "cuda":
                torch.cuda.synchronize()
            self.ends.append(time.perf_counter())

    clock = Clock()
    with tempfile.TemporaryDirectory() as out:
        DistillingTrainer(
            model=student,
            args=TrainingArguments(
                output_dir=out,
                max_steps=steps + 1,
                use_cpu=device.type == "cpu",
                per_device_train_batch_size=BATCH // chosen["micro_batches"],
                gradient_accumulation_steps=chosen["micro_batches"],
                bf16=chosen["bf16"],
                learning_rate=LEARNING_RATE,
                lr_scheduler_type="cosine",
                report_to=[],
                save_strategy="no",
                logging_strategy="no",
                disable_tqdm=True,
            ),
            train_dataset=AsDataset(Windows(made.tokens, "train", WINDOW)),
            callbacks=[clock],
        ).train()
    return [later - sooner for sooner, later in zip(clock.ends, clock.ends[1:], strict=False)]


class AsDataset(Dataset):  # type: ignore[type-arg]
    """Windows for a Trainer; a Hugging Face model shifts the labels itself."""

    def __init__(self, windows: Windows) -> None:
        self._windows = windows

    def __len__(self) -> int:
        return len(self._windows)

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        ids = self._windows.read(np.array([number])).input_ids[0]
        return {"input_ids": ids, "labels": ids}


def try_settings(made: Inputs) -> list[dict[str, Any]]:
    """Time a step in each setting of the peer, after a warm-up step."""
    tried = []
    for bf16 in (False, True):
        for attention in ("sdpa", "eager"):
            for micro_batches in (1, 2):
                setting = {"bf16": bf16, "attention": attention, "micro_batches": micro_batches}
                seconds = seconds_of_peer_steps(made, 1, **setting)
                tried.append(setting | {"seconds": seconds})
                print(setting, f"{statistics.median(seconds):.2f} s", flush=True)
    return tried


# Printing


def _flops(made: Inputs) -> dict[str, float]:
    """FLOPs per token, in matrix products."""
    student = 3 * flops_per_token(new_model(STUDENT, VOCAB_SIZE, seed=0, separators=True))
    teachers = [load_model(folder) for folder in made.teachers]
    logits = sum(2 * model.config.hidden_size * VOCAB_SIZE for model in teachers)
    return {
        "student's step": student,
        "teachers' forward": sum(map(flops_per_token, teachers)),
        "logits from stored states": logits,
    }


def print_bill(results: dict[str, Any]) -> None:
    """Print parts, sums and ratios, and the ratios of the FLOPs alone."""
    steps = results["peer's step"]
    peer = STEPS * statistics.median(steps)
    spread = f"{STEPS * min(steps):.0f} to {STEPS * max(steps):.0f}"
    second = results["second student"]
    first = results["storing"] + results["first student"]
    student, teachers, logits = results["flops"].values()
    peer_flops, our_flops = EPOCHS * (student + teachers), EPOCHS * (student + logits)
    rows = [
        ("the signal, stored once", results["storing"]),
        (f"a student, {EPOCHS} epochs", results["first student"]),
        (
            "first student, signal included",
            first,
            f"{peer / first:.2f} (aim {AIM_FIRST:g})",
            f"{peer_flops / (teachers + our_flops):.2f}",
        ),
        (
            "second student, same signal",
            second,
            f"{peer / second:.2f} (aim {AIM_SECOND:g})",
            f"{peer_flops / our_flops:.2f}",
        ),
        (f"the peer, from {len(steps)} of its {STEPS} steps: {spread}", peer),
        ("our first epoch, with compilation, not counted", results["warming up"]),
    ]
    print_result(
        table(
            f"{WINDOWS} windows of {WINDOW}, {STEPS} steps of {BATCH} windows; "
            f"load now {os.getloadavg()[0]:.2f}",
            ("", "seconds", "peer / ours", "by FLOPs alone"),
            [(name, f"{seconds:.1f}", *more) for name, seconds, *more in rows],
        )
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peer-steps", type=int, default=6, help="how many of its steps are timed")
    parser.add_argument("--settings", action="store_true", help="try the peer's settings")
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
