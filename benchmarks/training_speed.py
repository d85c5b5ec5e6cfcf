"""How fast training is, beside what a user would choose and beside its floor.

    python -m benchmarks.training_speed [--recipe laptop] [--model distilled] [--steps 12]
        [--rounds 3] [--precision float32 bfloat16] [--out FILE.json]
    python -m benchmarks.training_speed --settings      find the best settings of the peers
    python -m benchmarks.training_speed --overhead      the cost of log, guard and checkpoints
    python -m benchmarks.training_speed --processes     two of one thread beside one of two
    python -m benchmarks.training_speed --profile       where a step's time goes

A recipe's model is trained on the text alone; on a CPU, a GPT-2 of its width and depth as well.
Each is trained by our loop with its defaults, by a bare loop and by `transformers.Trainer`
(`benchmarks/trainers.py`), in the best settings that `--settings` found, in turn, each in a process
of its own: ours has the allocator's settings of the command line.
Tokens are random. The floor is the matrix products of a step, measured between the contenders with
the faster of torch's libraries; the products inside attention are not included.

On a GPU (untested: none was available when this was written) only the given model is trained, FLOPs
are also compared with the GPU's peak, and peak memory is shown.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from importlib import metadata
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile, record_function

from babyllama.cli.allocator import keep_freed_memory
from babyllama.console import format_bytes, print_result, print_status, table
from babyllama.data.windows import Windows
from babyllama.models.build import flops_per_token
from babyllama.models.precision import compute_dtype, matmul_precision, pick_device
from babyllama.recipe import GPT2Shape, LlamaShape, PretrainingRecipe, load_recipe
from babyllama.runs.files import write_atomically
from babyllama.training.checkpoints import Checkpoints
from babyllama.training.gradient import Forward
from babyllama.training.guard import Guard
from babyllama.training.log import LogWriter
from babyllama.training.meter import SECONDS_BETWEEN_PRODUCTS, Meter
from babyllama.training.optimizer import Optimizer
from babyllama.training.speed import StepCost, seconds_of_products
from benchmarks.loss_speed import machine
from benchmarks.made_up import write_text
from benchmarks.trainers import WARM, Case, Timed, Way, bare, ours, timed, train_ours, trainer

PEERS: dict[str, Callable[..., Way]] = {"bare loop": bare, "Trainer": trainer}
SETTINGS = [
    {"compiled": compiled, "attention": attention}
    for compiled in (False, True)
    for attention in ("sdpa", "eager")
]
# The fastest that `--settings` found, for a kind of model and a precision, on two cores of an EPYC:
# float32 with AVX2 and with AVX-512, bfloat16 with AVX-512. Combinations that are not listed are
# tried first.
BEST: dict[tuple[str, str], dict[str, dict[str, Any]]] = {
    (kind, precision): {peer: {"compiled": True, "attention": attention} for peer in PEERS}
    for kind in ("llama", "gpt2")
    for precision, attention in (("float32", "sdpa"), ("bfloat16", "eager"))
}
AIM_TRAINER, AIM_BARE, AIM_PRODUCTS, AIM_OVERHEAD, AIM_PROCESSES = 1.2, 1.0, 0.5, 0.03, 0.9
# Dense bfloat16 FLOP/s by the manufacturer, keyed by a word of the GPU's name.
PEAK_FLOPS = {"H100": 989e12, "H200": 989e12, "A100": 312e12}


def main() -> None:
    """Measure, print and write the results."""
    asked = _arguments()
    # As in the command line; read when transformers is imported.
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    results: dict[str, Any] = {
        "machine": machine()
        | {"transformers": metadata.version("transformers"), "recipe": asked.recipe}
    }
    print("  ".join(f"{name}: {value}" for name, value in results["machine"].items()))
    if asked.processes:
        results["processes"] = compare_processes(asked)
    for case in () if asked.processes else cases(asked):
        name = f"{case.name}, {case.precision}"
        torch._dynamo.reset()
        if asked.settings:
            results[name] = try_settings(case, asked.steps, asked.rounds)
        elif asked.overhead:
            results[name] = overhead(case, asked.steps)
        elif asked.profile:
            results[name] = profile_steps(case, asked.steps)
        else:
            results[name] = compare(case, asked.steps, asked.rounds)
    results["load average at the end"] = os.getloadavg()
    if asked.out:
        asked.out.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(asked.out, json.dumps(results, indent=1) + "\n")


def cases(asked: argparse.Namespace) -> Iterator[Case]:
    """The given model and, on a CPU, a GPT-2 of its size, in each precision."""
    recipe = load_recipe(asked.recipe)
    part = recipe.pretraining(asked.model)
    shapes = {f"{asked.recipe} {asked.model}": part.model}
    if isinstance(part.model, LlamaShape) and not torch.cuda.is_available():
        shapes["a GPT-2 of its size"] = gpt2_like(part.model)
    for precision in asked.precision:
        training = part.training.model_copy(update={"precision": precision, "compile": True})
        for name, shape in shapes.items():
            made = PretrainingRecipe(model=shape, training=training)
            yield Case(name, made, recipe.tokenizer.vocab_size)


def gpt2_like(shape: LlamaShape) -> GPT2Shape:
    """A GPT-2 of the same width, depth and number of heads."""
    return GPT2Shape(
        model_type="gpt2",
        n_embd=shape.hidden_size,
        n_inner=4 * shape.hidden_size,
        n_layer=shape.num_hidden_layers,
        n_head=shape.num_attention_heads,
    )


# Comparison with the peers


def compare(case: Case, steps: int, rounds: int) -> dict[str, Any]:
    """Time all contenders in turn, in rotating order, with the floor before each."""
    ways: dict[str, dict[str, Any]] = {"ours": {}}
    settings = {"ours": "compiled blocks"}
    chosen = {} if _on_gpu() else BEST.get((case.kind, case.precision), {})
    if not chosen:
        tried = try_settings(case, max(1, steps // 3), 1)
        chosen = {peer: tried[peer][0] for peer in PEERS}
    for peer in PEERS:
        ways[peer] = {key: chosen[peer][key] for key in ("compiled", "attention")}
        settings[peer] = _spelt(ways[peer])
    runs: dict[str, list[Timed]] = {name: [] for name in ways}
    floors = []
    names = list(ways)
    for number in range(rounds):
        for name in names[number % 3 :] + names[: number % 3]:
            floors.append(floor(case))
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
                runs[name].append(
                    process.submit(timed_apart, name, ways[name], case, steps).result()
                )
    model = case.model()
    result = {
        "tokens_per_step": case.tokens_per_step,
        "flops_per_step": 3 * flops_per_token(model) * case.tokens_per_step,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "products": floors,
        "contenders": {
            name: {
                "setting": settings[name],
                "seconds": [run.seconds for run in each],
                "peak_bytes": max(run.peak_bytes for run in each),
            }
            for name, each in runs.items()
        },
    }
    print_comparison(case, result)
    return result


def timed_apart(name: str, setting: dict[str, Any], case: Case, steps: int) -> Timed:
    """Time one contender; called in a process of its own, since ours changes the allocator."""
    if name == "ours":
        keep_freed_memory()
        return timed(ours, case, steps)
    return timed(PEERS[name](**setting), case, steps)


def floor(case: Case) -> float:
    """Seconds of a step's products, by the faster library."""
    device = pick_device()
    model = case.model().to(device)
    seconds = []
    for context in (nullcontext(), matmul_precision(case.dtype, device)):
        with context:
            seconds.append(seconds_of_products(model, case.part.training, case.dtype))
    return min(seconds)


def try_settings(case: Case, steps: int, rounds: int) -> dict[str, list[dict[str, Any]]]:
    """Time the peers in each of their settings, in turn; the fastest of each peer comes first.

    The fastest step decides: nothing else on the machine disturbed it.
    """
    tried = {peer: [setting | {"seconds": []} for setting in SETTINGS] for peer in PEERS}
    for _ in range(rounds):
        for peer, make in PEERS.items():
            for setting, each in zip(SETTINGS, tried[peer], strict=True):
                each["seconds"] += timed(make(**setting), case, steps).seconds
    for each in tried.values():
        each.sort(key=lambda one: min(one["seconds"]))
    tokens = case.tokens_per_step
    print_result(
        table(
            f"{case.name}, {case.precision}; load now {os.getloadavg()[0]:.2f}",
            ("", "setting", "tokens/s, fastest step", "median"),
            [
                (
                    peer,
                    _spelt(one),
                    f"{tokens / min(one['seconds']):,.0f}",
                    f"{tokens / statistics.median(one['seconds']):,.0f}",
                )
                for peer, each in tried.items()
                for one in each
            ],
        )
    )
    return tried


def print_comparison(case: Case, result: dict[str, Any]) -> None:
    """Print speeds, ratios and the floor."""
    each = result["contenders"]
    tokens, flops = result["tokens_per_step"], result["flops_per_step"]
    medians = {
        name: [statistics.median(seconds) for seconds in one["seconds"]]
        for name, one in each.items()
    }
    median = {name: statistics.median(chain(*one["seconds"])) for name, one in each.items()}
    products = statistics.median(result["products"])
    peak = _peak_flops(flops / products)
    rows = []
    for name, one in each.items():
        per_round = [tokens / seconds for seconds in medians[name]]
        ratios = [a / b for a, b in zip(medians[name], medians["ours"], strict=True)]
        aim = {"Trainer": AIM_TRAINER, "bare loop": AIM_BARE}.get(name)
        beside = f"{median[name] / median['ours']:.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        row = [
            name,
            one["setting"],
            f"{tokens / median[name]:,.0f}",
            f"{min(per_round):,.0f} to {max(per_round):,.0f}",
            f"{tokens / min(chain(*one['seconds'])):,.0f}",
            f"{1e3 * median[name]:.0f}",
            f"{beside}, aim {aim:.1f}" if aim else "",
            f"{products / median[name]:.0%}" + (f", aim {AIM_PRODUCTS:.0%}" if not aim else ""),
        ]
        if _on_gpu():
            row += [f"{flops / median[name] / peak:.1%}", format_bytes(one["peak_bytes"])]
        rows.append(row)
    columns = ["", "setting", "tokens/s", "rounds", "fastest", "ms per step"]
    columns += ["ours faster by", "of products"]
    print_result(
        table(
            f"{case.name}, {case.precision}: {result['parameters'] / 1e6:.1f}M parameters, "
            f"{tokens:,} tokens per step; products {1e3 * products:.0f} ms "
            f"({1e3 * min(result['products']):.0f} to {1e3 * max(result['products']):.0f}), "
            f"{flops / products / 1e9:,.0f} GFLOP/s; load now {os.getloadavg()[0]:.2f}",
            columns + (["MFU", "peak memory"] if _on_gpu() else []),
            rows,
        )
    )


def _peak_flops(measured: float) -> float:
    """The peak of the GPU, or the measured speed of products if it is unknown."""
    name = torch.cuda.get_device_name() if _on_gpu() else ""
    return next((peak for word, peak in PEAK_FLOPS.items() if word in name), measured)


def _spelt(setting: dict[str, Any]) -> str:
    return f"{'compiled' if setting['compiled'] else 'as it is'}, {setting['attention']}"


def _on_gpu() -> bool:
    return torch.cuda.is_available()


# The cost of log, guard and checkpoints


def overhead(case: Case, steps: int) -> dict[str, Any]:
    """Seconds spent in each of them, and in a step.

    On a GPU these are the host's seconds, which may overlap with the GPU's; those of the guard are
    its wait for the step before.
    """
    every = case.part.training.checkpoint_every
    timers: dict[str, list[float]] = defaultdict(list)
    marks: list[float] = []
    total = steps + WARM + 1
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        for name, owner, attribute in (
            ("guard", Guard, "judge"),
            ("guard", Guard, "catch_up"),
            ("log", LogWriter, "step"),
            ("products measured", StepCost, "seconds_of_products"),
            ("again within the log", Meter, "remeasure_products"),
            ("words counted", Windows, "words"),
            ("checkpoint", Checkpoints, "save"),
            ("model saved", Checkpoints, "save_best"),
            ("windows read", Windows, "at"),
        ):
            stack.enter_context(_stopwatch(owner, attribute, timers[name]))
        text = case.part.training.window * 8
        write_text(
            Path(folder), case.vocab_size, train=total * case.tokens_per_step, dev=max(text, 64)
        )
        train_ours(
            case,
            Path(folder),
            lambda _: marks.append(time.perf_counter()),
            checkpoint_every=max(1, total // 4),
        )
    marks = marks[:: case.micro_batches]
    step = statistics.median(b - a for a, b in zip(marks[WARM:], marks[WARM + 1 :], strict=False))
    timers["guard"].append(-sum(timers["log"]))  # the guard calls the log
    timers["log"].append(-sum(timers.pop("again within the log")))  # counted separately
    costs = {name: sum(timers[name]) / total / step for name in ("guard", "log", "words counted")}
    costs["products measured"] = (
        statistics.median(timers["products measured"]) / SECONDS_BETWEEN_PRODUCTS
    )
    for name in ("checkpoint", "model saved"):
        costs[name] = statistics.median(timers[name]) / every / step
    result = {
        "step": step,
        "shares": costs,
        "total": sum(costs.values()),
        "windows read": sum(timers["windows read"]) / total / step,
        "seconds": dict(timers),
    }
    print_overhead(case, result, every)
    return result


@contextmanager
def _stopwatch(owner: Any, attribute: str, seconds: list[float]) -> Iterator[None]:
    """Add up how long calls of `owner.attribute` take."""
    function = getattr(owner, attribute)

    def with_time(*arguments: Any, **named: Any) -> Any:
        started = time.perf_counter()
        try:
            return function(*arguments, **named)
        finally:
            seconds.append(time.perf_counter() - started)

    with mock.patch.object(owner, attribute, with_time):
        yield


def print_overhead(case: Case, result: dict[str, Any], every: int) -> None:
    """Print shares of a step."""
    often = {
        "products measured": f"every {SECONDS_BETWEEN_PRODUCTS:.0f} s",
        "checkpoint": f"once in {every} steps",
        "model saved": f"counted once in {every} steps",
    }
    shares = result["shares"] | {"windows read": result["windows read"]}
    rows = [
        (
            name,
            often.get(name, "every step"),
            f"{1e3 * statistics.median(result['seconds'][name]):.2f}",
            f"{share:.3%}",
        )
        for name, share in shares.items()
    ]
    total = (f"all before this (aim {AIM_OVERHEAD:.0%})", "", "", f"{result['total']:.3%}")
    print_result(
        table(
            f"{case.name}, {case.precision}: a step takes {1e3 * result['step']:.0f} ms; "
            f"load now {os.getloadavg()[0]:.2f}",
            ("", "", "ms per call", "of the time"),
            [*rows[:-1], total, rows[-1]],
        )
    )


# Two processes beside one


def compare_processes(asked: argparse.Namespace) -> dict[str, Any]:
    """Tokens per second of the real command, from its own log, in turn."""
    layouts = {"one process, two threads": (1, 2), "two processes, one thread each": (2, 1)}
    recipe = load_recipe(asked.recipe)
    part = recipe.pretraining(asked.model)
    rates: dict[str, list[list[float]]] = {name: [] for name in layouts}
    with tempfile.TemporaryDirectory() as folder:
        write_text(
            Path(folder),
            recipe.tokenizer.vocab_size,
            train=(asked.steps + WARM + 1) * part.training.batch_size * part.training.window,
            dev=16 * part.training.window,
        )
        for number in range(asked.rounds):
            for name, (processes, threads) in layouts.items():
                out = Path(folder) / f"{number}-{processes}"
                _pretrain(asked, Path(folder), out, processes, threads)
                rates[name].append(_rates(out)[WARM:])
    medians = {name: [statistics.median(run) for run in runs] for name, runs in rates.items()}
    median = {name: statistics.median(chain(*runs)) for name, runs in rates.items()}
    one, two = layouts
    ratios = [b / a for a, b in zip(medians[one], medians[two], strict=True)]
    print_result(
        table(
            f"{asked.recipe} {asked.model}, {part.training.batch_size} windows a step in all; "
            f"load now {os.getloadavg()[0]:.2f}",
            ("", "tokens/s", "rounds", f"beside one (aim {AIM_PROCESSES})"),
            [
                (
                    name,
                    f"{median[name]:,.0f}",
                    f"{min(medians[name]):,.0f} to {max(medians[name]):,.0f}",
                    f"{median[two] / median[one]:.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
                    if name == two
                    else "",
                )
                for name in layouts
            ],
        )
    )
    return {"tokens_per_second": rates, "ratio": median[two] / median[one], "ratios": ratios}


def _pretrain(
    asked: argparse.Namespace, folder: Path, out: Path, processes: int, threads: int
) -> None:
    part = "teachers" if asked.model in load_recipe(asked.recipe).teachers else "students"
    changes = {"epochs": 1, "warmup_steps": 0, "log_every": 1}
    command = [
        sys.executable, "-c", "from babyllama.cli import main; main()", "pretrain", asked.recipe,
        "--model", asked.model, "--tokens", str(folder / "tokens"),
        "--tokenizer", str(folder / "tokenizer"), "--out", str(out),
    ]  # fmt: skip
    for key, value in changes.items():
        command += ["--set", f"{part}.{asked.model}.training.{key}={value}"]
    if processes > 1:
        launcher = ["torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
        command = [sys.executable, "-m", *launcher, "--no-python", *command]
    done = subprocess.run(
        command,
        env={**os.environ, "OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stderr[-3000:]}")


def _rates(out: Path) -> list[float]:
    lines = map(json.loads, (out / "training.jsonl").read_text().splitlines())
    return [line["tokens_per_second"] for line in lines if "tokens_per_second" in line]


# Where a step's time goes


def profile_steps(case: Case, steps: int) -> dict[str, Any]:
    """Seconds per step of each part, over `steps` steps of our loop under torch's profiler."""
    import torch._inductor.config as inductor

    seconds: dict[str, float] = defaultdict(float)
    kinds = [ProfilerActivity.CPU] + ([ProfilerActivity.CUDA] if _on_gpu() else [])
    running = profile(activities=kinds)
    wall: list[float] = []

    def at(number: int) -> None:
        if number == WARM * case.micro_batches:
            running.start()
            wall.append(time.perf_counter())
        elif number == (WARM + steps) * case.micro_batches:
            if _on_gpu():
                torch.cuda.synchronize()
            wall.append(time.perf_counter())
            running.stop()

    with (
        tempfile.TemporaryDirectory() as folder,
        inductor.patch({"cpp.enable_kernel_profile": True}),
        _named(Forward, "forward", "forward"),
        _named(Optimizer, "step", "optimiser"),
        _named(nn.utils, "clip_grad_norm_", "clipping"),
        _named_loss(),
    ):
        write_text(
            Path(folder),
            case.vocab_size,
            train=(WARM + steps + 1) * case.tokens_per_step,
            dev=8 * case.part.training.window,
        )
        train_ours(case, Path(folder), at)
    step = (wall[1] - wall[0]) / steps
    for event in running.events() or ():
        part, own = _part(event), _own_seconds(event)
        if part:
            seconds[part] += own / steps
    shares = {part: seconds[part] / step for part in sorted(seconds, key=seconds.__getitem__)[::-1]}
    shares["Python and what is not named"] = 1 - sum(shares.values())
    print_result(
        table(
            f"{case.name}, {case.precision}: a step takes {1e3 * step:.0f} ms under the profiler; "
            f"load now {os.getloadavg()[0]:.2f}",
            ("part", "ms per step", "share"),
            [(part, f"{1e3 * share * step:.1f}", f"{share:.1%}") for part, share in shares.items()],
        )
    )
    return {"step": step, "shares": shares, "operations": _slowest(running, steps)}


@contextmanager
def _named(owner: Any, attribute: str, name: str) -> Iterator[None]:
    """Show calls of `owner.attribute` under a name in the profile."""
    function = getattr(owner, attribute)

    def with_name(*arguments: Any, **named: Any) -> Any:
        with record_function(f"part: {name}"):
            return function(*arguments, **named)

    with mock.patch.object(owner, attribute, with_name):
        yield


@contextmanager
def _named_loss() -> Iterator[None]:
    from babyllama.models import loss as losses

    function = losses._ChunkedLoss.forward

    def forward(*arguments: Any) -> Any:
        with record_function("part: loss"):
            return function(*arguments)

    with mock.patch.object(losses._ChunkedLoss, "forward", staticmethod(forward)):
        yield


# Words in the names of operations, on a CPU or GPU, by the part that they belong to.
_WORDS = {
    "products": ("aten::mm", "aten::addmm", "aten::linear", "mkldnn", "gemm", "nvjet", "cutlass"),
    "attention's products and softmax": (
        "aten::bmm", "aten::baddbmm", "softmax", "attention", "flash", "fmha",
    ),
    "fused kernels of compiled blocks": ("fused", "triton"),
}  # fmt: skip


def _part(event: Any) -> str | None:
    """The part that an operation belongs to; None for containers of others and for Python."""
    name = event.name.lower()
    if _on_gpu():
        if event.device_type != torch.autograd.DeviceType.CUDA or name.startswith("part: "):
            return None
        around = set()
        if "adam" in name:
            return "optimiser"
    else:
        around = set(_around(event))
        if name.startswith(("part: ", "torch-compiled region", "## call", "profilerstep")):
            return None
    kind = next((kind for kind, words in _WORDS.items() if any(w in name for w in words)), None)
    if "part: loss" in around:
        return "loss: products" if kind == "products" else "loss: all else"
    for part in ("optimiser", "clipping"):
        if f"part: {part}" in around:
            return part
    return kind or "other operations"


def _around(event: Any) -> Iterator[str]:
    while event is not None:
        yield event.name
        event = event.cpu_parent


def _own_seconds(event: Any) -> float:
    own: float = event.self_device_time_total if _on_gpu() else event.self_cpu_time_total
    return own / 1e6


def _slowest(running: Any, steps: int) -> list[dict[str, Any]]:
    """Print the slowest operations, in more detail than the table."""
    rows = [
        {"name": each.key, "calls": each.count / steps, "ms": _own_seconds(each) * 1e3 / steps}
        for each in running.key_averages()
    ]
    return sorted(rows, key=lambda row: -row["ms"])[:40]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recipe", default="laptop")
    parser.add_argument("--model", default="distilled")
    parser.add_argument(
        "--precision",
        nargs="+",
        choices=("float32", "bfloat16"),
        help="default: bfloat16 where it is fast, and float32 on a CPU",
    )
    parser.add_argument("--steps", type=int, default=12, help="steps per contender and round")
    parser.add_argument("--rounds", type=int, default=3)
    mode = parser.add_mutually_exclusive_group()
    for name in ("settings", "overhead", "processes", "profile"):
        mode.add_argument(f"--{name}", action="store_true")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    if not asked.precision:
        quick = compute_dtype("auto", pick_device()) == torch.bfloat16
        asked.precision = (["bfloat16"] if quick else []) + ([] if _on_gpu() else ["float32"])
        if not quick:
            print_status("  bfloat16 is skipped: it is slow on this CPU")
    return asked


if __name__ == "__main__":
    main()
