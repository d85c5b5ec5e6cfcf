"""Does a student learn as much from a stored signal as from running teachers?

    python -m benchmarks.equal_learning --teacher DIR --teacher DIR --tokens DIR --tokenizer DIR \\
        --out build/benchmarks/equal_learning.json [--jobs 2] [--seeds 3] [--kinds online twin ...]

The same small student is trained on each kind of signal, with the same initial weights, order of
windows and number of steps. Its cross-entropy on all dev windows after the last step is compared
with that of `online` with the same seed, so that the effect of the seed cancels. `online` runs the
teachers in float32 beside the student; `online, bfloat16` differs only in precision; `twin` is
trained on the text alone. topk and sampled store as many tokens as fit the bytes, for the student's
temperature only.

The students read `--train-tokens` tokens, taken evenly from the whole stream. Each result is saved
at once: a script that was killed resumes with the missing ones.
"""

import argparse
import json
import os
import shutil
import statistics
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

import numpy as np

from babyllama.console import print_status
from babyllama.data.windows import read_header
from babyllama.recipe import (
    AdamW,
    DistilledStudent,
    HiddenSignal,
    LlamaShape,
    SampledSignal,
    StoredSignal,
    TopKSignal,
    TrainingRecipe,
)
from babyllama.runs.files import write_atomically
from babyllama.signals.store import store_signal
from babyllama.signals.stored import read_signal
from babyllama.signals.writer import SignalSource
from babyllama.training.distillation import distill
from babyllama.training.pretraining import pretrain
from benchmarks.loss_speed import machine

TEMPERATURE = 2.0
WINDOW = 128
AIMS = {"hidden bfloat16": 0.005, "hidden int8": 0.005, "coded 64 B": 0.01, "coded 32 B": 0.02}


@dataclass(frozen=True)
class Setting:
    """Everything that determines a result, except the kind of signal and the seed."""

    teachers: tuple[str, ...]
    tokens: str
    tokenizer: str
    train_tokens: int
    epochs: int
    batch_size: int
    width: int
    layers: int
    learning_rate: float
    reduction: Literal["window_sum", "token_mean"]
    precision: Literal["float32", "bfloat16"] = "float32"


def main() -> None:
    """Train what is missing, print and write the results."""
    asked = _arguments()
    setting, out = setting_of(asked), asked.out
    results = kept_results(out, setting)
    os.environ.update(OMP_NUM_THREADS=str(max(1, (os.cpu_count() or 1) // asked.jobs)))
    work = out.with_suffix(".work")
    write_part_of_stream(Path(setting.tokens), work / "tokens", setting.train_tokens)
    missing = [
        (kind, seed)
        for seed in range(asked.seeds)
        for kind in asked.kinds
        if f"{kind}, seed {seed}" not in results
    ]
    with ProcessPoolExecutor(asked.jobs, mp_context=get_context("spawn")) as pool:
        kinds = sorted({kind for kind, _ in missing if kind in STORED}, key=asked.kinds.index)
        for stored in [pool.submit(store, setting, kind, work) for kind in kinds]:
            stored.result()
        runs = {pool.submit(learn, setting, *each, work): each for each in missing}
        for run in as_completed(runs):
            kind, seed = runs[run]
            results[f"{kind}, seed {seed}"] = run.result()
            reached = results[f"{kind}, seed {seed}"]["dev_cross_entropy"]
            print_status(f"{kind}, seed {seed}: {reached:.4f}")
            keep(out, setting, results)
    print(report(setting, results))


# The kinds


def stored_kinds() -> dict[str, StoredSignal]:
    """Recipes by name. topk and sampled store as many tokens (of 16 bits) as fit the bytes."""
    only = (TEMPERATURE,)
    return {
        "hidden bfloat16": HiddenSignal(kind="hidden"),
        "hidden int8": HiddenSignal(kind="hidden", precision="int8"),
        "coded 64 B": HiddenSignal(kind="hidden", bytes_per_token=64),
        "coded 32 B": HiddenSignal(kind="hidden", bytes_per_token=32),
        "coded 16 B": HiddenSignal(kind="hidden", bytes_per_token=16),
        "topk 64 B": TopKSignal(kind="topk", k=15, temperatures=only),
        "topk 128 B": TopKSignal(kind="topk", k=31, temperatures=only),
        "sampled 64 B": SampledSignal(kind="sampled", k=13, temperatures=only),
        "sampled 128 B": SampledSignal(kind="sampled", k=29, temperatures=only),
    }


STORED = stored_kinds()
KINDS = ["online", "online, bfloat16", *STORED, "twin"]


def store(setting: Setting, kind: str, work: Path) -> None:
    """Store a signal of one kind, unless it is stored already."""
    out = work / "signals" / kind
    if (out / "fidelity.json").exists():
        return
    out.mkdir(parents=True, exist_ok=True)
    teachers = tuple(map(Path, setting.teachers))
    store_signal(SignalSource(teachers, work / "tokens", STORED[kind], WINDOW), out)


def learn(setting: Setting, kind: str, seed: int, work: Path) -> dict[str, Any]:
    """Train one student; return its scores after the last step."""
    if kind == "online, bfloat16":
        setting = replace(setting, precision="bfloat16")
    student = student_of(setting)
    inputs = (work / "tokens", Path(setting.tokenizer))
    out = work / "students" / f"{kind}, seed {seed}"
    out.mkdir(parents=True, exist_ok=True)
    if kind == "twin":
        facts = pretrain(student.pretraining, *inputs, out, seed=seed)
    elif kind in STORED:
        signal = work / "signals" / kind
        facts = distill(student, *inputs, out, signal=signal, seed=seed)
    else:
        teachers = tuple(map(Path, setting.teachers))
        facts = distill(student, *inputs, out, teachers=teachers, seed=seed)
    log = [json.loads(line) for line in (out / "training.jsonl").read_text().splitlines()]
    shutil.rmtree(out)
    scores = [line["dev_cross_entropy"] for line in log if "dev_cross_entropy" in line]
    signal_bytes = {}
    if kind in STORED:
        signal_bytes = {"bytes_per_token": read_signal(work / "signals" / kind)["bytes_per_token"]}
    return {
        "dev_cross_entropy": scores[-1],
        "by_epoch": scores,
        "steps": facts["steps"],
        "tokens_per_second": facts["tokens_per_second"],
        **signal_bytes,
    }


def student_of(setting: Setting) -> DistilledStudent:
    """A small LLaMA with the training settings of the laptop recipe."""
    return DistilledStudent(
        kind="distilled",
        alpha=0.5,
        temperature=TEMPERATURE,
        reduction=setting.reduction,
        model=LlamaShape(
            model_type="llama",
            hidden_size=setting.width,
            intermediate_size=setting.width * 11 // 4,
            num_hidden_layers=setting.layers,
            num_attention_heads=max(1, setting.width // 64),
        ),
        training=TrainingRecipe(
            epochs=setting.epochs,
            batch_size=setting.batch_size,
            window=WINDOW,
            learning_rate=setting.learning_rate,
            warmup_steps=30,
            optimizer=AdamW(weight_decay=0.1, beta2=0.98),
            precision=setting.precision,
            compile=True,
            checkpoint_every=1_000_000,
        ),
    )


def write_part_of_stream(tokens: Path, out: Path, count: int) -> None:
    """Write a tokens folder whose training stream is windows taken evenly from another's."""
    header = read_header(tokens)
    total = header["train_tokens"] // WINDOW
    chosen = np.unique(np.linspace(0, total - 1, count // WINDOW).astype(np.int64))
    out.mkdir(parents=True, exist_ok=True)
    for name, dtype in (("train.bin", header["dtype"]), ("train.words.bin", "uint8")):
        stream = np.fromfile(tokens / name, dtype)
        stream[: total * WINDOW].reshape(-1, WINDOW)[chosen].tofile(out / name)
    for name in ("dev.bin", "dev.words.bin"):
        shutil.copy(tokens / name, out)
    header["train_tokens"] = len(chosen) * WINDOW
    write_atomically(out / "tokens.json", json.dumps(header))


# Saving and printing


def kept_results(out: Path, setting: Setting) -> dict[str, Any]:
    """The results of an earlier call with this setting."""
    out.parent.mkdir(parents=True, exist_ok=True)
    if not out.exists():
        return {}
    kept = json.loads(out.read_text())
    if kept["setting"] != json.loads(json.dumps(asdict(setting))):
        raise SystemExit(f"{out} holds results of another setting. Give another --out.")
    found: dict[str, Any] = kept["results"]
    return found


def keep(out: Path, setting: Setting, results: dict[str, Any]) -> None:
    """Write all results so far."""
    content = {"machine": machine(), "setting": asdict(setting), "results": results}
    write_atomically(out, json.dumps(content | {"table": list(rows(results))}, indent=1) + "\n")


def report(setting: Setting, results: dict[str, Any]) -> str:
    """A Markdown table."""
    here = ", ".join(f"{name} {value}" for name, value in machine().items())
    steps = max(each["steps"] for each in results.values())
    lines = [
        f"Student {setting.width} wide, {setting.layers} layers, {steps} steps of "
        f"{setting.batch_size} windows of {WINDOW}, {setting.reduction}, T {TEMPERATURE:g}.",
        here + ".",
        "",
        "| kind | bytes/token | dev cross-entropy | minus online | 95% interval | seeds | aim |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows(results):
        difference = interval = ""
        if "difference" in row:
            difference = f"{row['difference']:+.4f}"
        if "interval" in row:
            interval = f"{row['interval'][0]:+.4f} to {row['interval'][1]:+.4f}"
        lines.append(
            f"| {row['kind']} | {row['bytes_per_token'] or ''} | {row['dev_cross_entropy']:.4f} "
            f"| {difference} | {interval} | {row['seeds']} | {row['aim'] or ''} |"
        )
    return "\n".join(lines)


def rows(results: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One row per kind: the mean over seeds, and that of the differences from `online`."""
    for kind in KINDS:
        runs = {
            name.rpartition(" ")[2]: run
            for name, run in results.items()
            if name.startswith(f"{kind}, seed ")
        }
        if not runs:
            continue
        row = {
            "kind": kind,
            "bytes_per_token": next(iter(runs.values())).get("bytes_per_token"),
            "dev_cross_entropy": statistics.mean(run["dev_cross_entropy"] for run in runs.values()),
            "seeds": len(runs),
            "aim": AIMS.get(kind),
        }
        differences = [
            run["dev_cross_entropy"] - results[f"online, seed {seed}"]["dev_cross_entropy"]
            for seed, run in runs.items()
            if kind != "online" and f"online, seed {seed}" in results
        ]
        yield row | _mean_and_interval(differences)


def _mean_and_interval(values: list[float]) -> dict[str, Any]:
    """Student's t interval over the seeds; none for a single seed."""
    if not values:
        return {}
    mean = statistics.mean(values)
    if len(values) < 2:
        return {"difference": mean}
    from scipy.stats import t

    half = float(t.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / len(values) ** 0.5
    return {"difference": mean, "interval": [mean - half, mean + half]}


def setting_of(asked: argparse.Namespace) -> Setting:
    """The arguments that determine a result."""
    return Setting(
        teachers=tuple(str(folder.resolve()) for folder in asked.teacher),
        tokens=str(asked.tokens.resolve()),
        tokenizer=str(asked.tokenizer.resolve()),
        train_tokens=asked.train_tokens,
        epochs=asked.epochs,
        batch_size=asked.batch_size,
        width=asked.width,
        layers=asked.layers,
        learning_rate=asked.learning_rate,
        reduction=asked.reduction,
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--teacher", type=Path, action="append", required=True)
    parser.add_argument("--tokens", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("build/benchmarks/equal_learning.json"))
    parser.add_argument("--kinds", nargs="+", default=KINDS, choices=KINDS, metavar="KIND")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=1, help="students trained at the same time")
    parser.add_argument("--train-tokens", type=int, default=163_840)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=8, help="windows per step")
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--reduction", choices=("window_sum", "token_mean"), default="window_sum")
    return parser.parse_args()


if __name__ == "__main__":
    main()
