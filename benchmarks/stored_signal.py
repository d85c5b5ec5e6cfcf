"""The cost of a stored signal for a student: the step, the reading, the decoding.

    python -m benchmarks.stored_signal [--precision both] [--repeats 7] [--out FILE.json]

Three tables, from one process. First, a distillation step (forward, backward, update) with each
kind of stored signal, in turn with the same student's step on the text alone. Second, the part of
it that the signal needs before any logits: reading its windows in shuffled order and decoding them
to floats. Third, reading the plain kinds from start to end, beside the same files read by
`readinto` and copied from a memory map, from the page cache and from the disk. Those two write to
preallocated memory, which a reader that returns new tensors cannot do.

Shapes are the paper's at half their widths (`benchmarks/made_up.py`); weights and tokens are
random.
"""

import argparse
import dataclasses
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from babyllama.console import print_result, table
from babyllama.data.windows import Windows
from babyllama.models.build import flops_per_token, new_model, prefer_fast_attention
from babyllama.models.ensemble import Mixture
from babyllama.models.logits import CHUNK
from babyllama.models.precision import compute_dtype, pick_device
from babyllama.recipe import (
    DistillationRecipe,
    HiddenSignal,
    PretrainingRecipe,
    SampledSignal,
    StoredSignal,
    TopKSignal,
    TrainingRecipe,
)
from babyllama.runs.files import write_atomically
from babyllama.signals.coding import decode
from babyllama.signals.hidden import CodedStates
from babyllama.signals.store import store_signal
from babyllama.signals.stored import OpenSignal, open_stored
from babyllama.signals.writer import SignalSource
from babyllama.training.compilation import can_compile, compile_blocks
from babyllama.training.distillation import distillation_from
from babyllama.training.gradient import Forward, Loss, accumulate
from babyllama.training.optimizer import make_optimizer
from babyllama.training.pretraining import text_loss
from babyllama.training.processes import Processes
from benchmarks.loss_speed import machine
from benchmarks.made_up import STUDENT, VOCAB_SIZE, WINDOW, make_inputs

TEMPERATURE = 2.0
BATCH = 16
TOKENS = 65_536
KINDS: dict[str, StoredSignal] = {
    "hidden bfloat16": HiddenSignal(kind="hidden"),
    "hidden int8": HiddenSignal(kind="hidden", precision="int8"),
    "coded 64 B": HiddenSignal(kind="hidden", bytes_per_token=64),
    "coded 32 B": HiddenSignal(kind="hidden", bytes_per_token=32),
    "topk, k 15": TopKSignal(kind="topk", k=15, temperatures=(TEMPERATURE,)),
    "sampled, k 13": SampledSignal(kind="sampled", k=13, temperatures=(TEMPERATURE,)),
}
PLAIN = ("hidden bfloat16", "hidden int8")
TEXT = "the text alone"
AIM_STEP, AIM_SHARE, AIM_READING = 1.25, 0.10, 0.80

Timed = dict[str, list[float]]


def main() -> None:
    """Store the signals, measure, print and write the results."""
    asked = _arguments()
    results: dict[str, Any] = {"machine": machine()}
    print("  ".join(f"{name}: {value}" for name, value in results["machine"].items()))
    with tempfile.TemporaryDirectory() as folder:
        made = make_inputs(Path(folder), train_tokens=TOKENS, dev_tokens=4_096, layers=1)
        windows = Windows(made.tokens, "train", WINDOW)
        signals = {}
        for name, recipe in KINDS.items():
            (out := Path(folder) / name).mkdir()
            store_signal(SignalSource(made.teachers, made.tokens, recipe, WINDOW), out)
            signals[name] = _open(out, windows)
        flops = flops_beside_text(signals)
        for precision in asked.precisions:
            steps = time_steps(signals, windows, precision, asked.repeats)
            parts = time_parts(signals, windows, asked.repeats)
            results[precision] = {"steps": steps, "lookup and decoding": parts, "flops": flops}
            print_steps(precision, steps, parts, flops)
        signals.clear()
        results["reading"] = {
            name: time_reading(Path(folder) / name, windows, asked.repeats) for name in PLAIN
        }
        print_reading(results["reading"])
    results["load average at the end"] = os.getloadavg()
    if asked.out:
        asked.out.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(asked.out, json.dumps(results, indent=1) + "\n")


def time_steps(
    signals: dict[str, OpenSignal], windows: Windows, precision: str, repeats: int
) -> Timed:
    """Time a full step with each signal and one on the text alone, in turn."""
    device = pick_device()
    dtype = compute_dtype(precision, device)
    student = PretrainingRecipe(
        model=STUDENT,
        training=TrainingRecipe(epochs=1, batch_size=BATCH, learning_rate=1e-4, compile=True),
    )
    model = new_model(STUDENT, VOCAB_SIZE, seed=0, separators=True).to(device).train()
    prefer_fast_attention(model, device)
    compile_blocks(model)
    forward, processes = Forward(model, dtype), Processes()
    never = torch.zeros((), device=device)  # is an update held back
    optimizer = make_optimizer(model, student.training)
    recipe = DistillationRecipe(alpha=0.5, temperature=TEMPERATURE, reduction="window_sum")
    losses = {TEXT: text_loss(student.training)} | {
        name: distillation_from(signal, recipe, compiled=can_compile())
        for name, signal in signals.items()
    }

    def step(number: int, loss: Loss) -> None:
        batch = windows.at(number, batch_size=BATCH, seed=0)
        accumulate(forward, loss, batch, student.training, processes, dtype=dtype)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step(never)
        optimizer.zero_grad()

    return _in_turn(
        {name: lambda n, each=loss: step(n, each) for name, loss in losses.items()}, repeats
    )


def flops_beside_text(signals: dict[str, OpenSignal]) -> dict[str, float]:
    """The FLOPs of a step's products, relative to those of a step on the text."""
    step = 3 * flops_per_token(new_model(STUDENT, VOCAB_SIZE, seed=0, separators=True))
    return {TEXT: 1.0} | {
        name: 1 + sum(2 * k * n for k, n in signal.products) / step
        for name, signal in signals.items()
    }


def time_parts(signals: dict[str, OpenSignal], windows: Windows, repeats: int) -> Timed:
    """Time what a step does with its signal before the product with the head."""

    def look_up_and_decode(number: int, signal: OpenSignal) -> None:
        batch = windows.at(number, batch_size=BATCH, seed=0)
        stored = {name: each.flatten(0, 1) for name, each in signal.read(batch.starts).items()}
        decoded = _decoding(signal, stored, batch.input_ids.flatten())
        for start in range(0, BATCH * WINDOW, CHUNK):
            decoded(slice(start, start + CHUNK))

    ways = {
        name: lambda n, each=signal: look_up_and_decode(n, each) for name, signal in signals.items()
    }
    return _in_turn(ways, repeats)


def _decoding(
    signal: OpenSignal, stored: dict[str, Tensor], tokens: Tensor
) -> Callable[[slice], Any]:
    form: Any = signal.encoding
    if isinstance(form, CodedStates):
        return lambda part: decode(form.code, stored["code"][part], tokens[part])
    if getattr(form, "mixture", None) is not None:
        form = dataclasses.replace(form, mixture=_StatesAlone((), ()))
    decoding: Callable[[slice], Any] = form.targets(stored, TEMPERATURE)
    return decoding


class _StatesAlone(Mixture):
    """Stops before the logits."""

    def logits(self, states: Tensor, temperature: float = 1.0) -> Tensor:
        del temperature
        return states.float()


def _in_turn(ways: dict[str, Callable[[int], None]], repeats: int) -> Timed:
    """Time each function in turn, after two warm-up rounds."""
    seconds: Timed = {name: [] for name in ways}
    for number in range(repeats + 2):
        for name, way in ways.items():
            _wait()
            started = time.perf_counter()
            way(number)
            _wait()
            if number >= 2:
                seconds[name].append(time.perf_counter() - started)
    return seconds


# Reading from start to end


def time_reading(folder: Path, windows: Windows, repeats: int) -> dict[str, Any]:
    """Bytes per second of reading the signal in order: each reader, from cache and from disk."""
    files = sorted(folder.glob("shard-*.safetensors"))
    batches = np.array_split(np.arange(len(windows)) * WINDOW, len(windows) // BATCH)
    size = sum(file.stat().st_size for file in files)

    def ours(signal: OpenSignal) -> None:
        for batch in batches:
            signal.read(batch)

    readers: dict[str, Callable[[OpenSignal], None]] = {
        "ours": ours,
        "readinto": lambda _: _read_into(files, size // len(batches)),
        "memory map": lambda _: _copy_maps(files, size // len(batches)),
    }
    cold = _cold(readers, folder, windows, files)
    held_open = _open(folder, windows)
    cached = _in_turn(
        {name: lambda _, each=way: each(held_open) for name, way in readers.items()}, repeats
    )
    return {"bytes": size, "cached": cached, "cold": cold}


def _cold(
    readers: dict[str, Callable[[OpenSignal], None]],
    folder: Path,
    windows: Windows,
    files: list[Path],
) -> Timed:
    """Three times each. The signal is reopened, since mapped pages stay in memory once read."""
    seconds: Timed = {name: [] for name in readers}
    for name in list(readers) * 3:
        signal = _open(folder, windows)
        _drop_from_cache(files)
        started = time.perf_counter()
        readers[name](signal)
        seconds[name].append(time.perf_counter() - started)
        del signal
    return seconds


def _open(folder: Path, windows: Windows) -> OpenSignal:
    return open_stored(folder, windows, temperature=TEMPERATURE, device=pick_device())


def _read_into(files: list[Path], block: int) -> None:
    buffer = memoryview(bytearray(block))
    for file in files:
        with file.open("rb", buffering=0) as opened:
            while opened.readinto(buffer):
                pass


def _copy_maps(files: list[Path], block: int) -> None:
    buffer = np.empty(block, np.uint8)
    for file in files:
        mapped = np.memmap(file, np.uint8, mode="r")
        for at in range(0, len(mapped), block):
            part = mapped[at : at + block]
            buffer[: len(part)] = part


def _drop_from_cache(files: list[Path]) -> None:
    """Ask the system to drop the files from its page cache."""
    for file in files:
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


# Printing


def print_steps(precision: str, steps: Timed, parts: Timed, flops: dict[str, float]) -> None:
    """Print the first two tables."""
    text = statistics.median(steps[TEXT])
    print_result(
        table(
            f"{precision}: a step of {BATCH} windows of {WINDOW}, compiled: {can_compile()}; "
            f"load now {os.getloadavg()[0]:.2f}",
            (
                "signal",
                "ms",
                "range",
                f"/ text (aim {AIM_STEP})",
                "by FLOPs",
                "lookup, decoding ms",
                "range",
                f"/ text (aim {AIM_SHARE:.0%})",
            ),
            [
                (
                    name,
                    f"{1e3 * statistics.median(seconds):.0f}",
                    _range(seconds, 1e3, 0),
                    f"{_paired(seconds, steps[TEXT]):.2f}",
                    f"{flops[name]:.2f}",
                    f"{1e3 * statistics.median(parts[name]):.1f}" if name in parts else "",
                    _range(parts[name], 1e3, 1) if name in parts else "",
                    f"{statistics.median(parts[name]) / text:.1%}" if name in parts else "",
                )
                for name, seconds in steps.items()
            ],
        )
    )


def print_reading(reading: dict[str, Any]) -> None:
    """Print the third table."""
    rows = []
    for name, measured in reading.items():
        for state in ("cached", "cold"):
            rates = {
                reader: [measured["bytes"] / each / 1e9 for each in seconds]
                for reader, seconds in measured[state].items()
            }
            median = {reader: statistics.median(each) for reader, each in rates.items()}
            peer = max(median["readinto"], median["memory map"])
            shown = [f"{median[each]:.2f} ({_range(rates[each], 1, 2)})" for each in rates]
            rows.append([f"{name}, {state}", *shown, f"{median['ours'] / peer:.0%}"])
    size = ", ".join(f"{each['bytes'] / 2**20:.0f} MiB" for each in reading.values())
    print_result(
        table(
            f"reading the signal in order ({size}), GB/s",
            (
                "signal",
                "OpenSignal.read",
                "readinto",
                "memory map",
                f"ours / best (aim {AIM_READING:.0%})",
            ),
            rows,
        )
    )


def _paired(seconds: list[float], others: list[float]) -> float:
    """The median ratio of times measured in the same round."""
    return statistics.median(a / b for a, b in zip(seconds, others, strict=True))


def _range(values: list[float], unit: float, digits: int) -> str:
    return f"{unit * min(values):.{digits}f} to {unit * max(values):.{digits}f}"


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--precision", choices=("float32", "bfloat16", "both"))
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    precision = asked.precision or ("bfloat16" if torch.cuda.is_available() else "both")
    asked.precisions = ("float32", "bfloat16") if precision == "both" else (precision,)
    return asked


if __name__ == "__main__":
    main()
