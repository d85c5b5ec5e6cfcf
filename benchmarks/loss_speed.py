"""How fast the fused distillation loss is, beside its floor and the losses a user would choose.

    python -m benchmarks.loss_speed [--precision both] [--tokens 4096] [--repeats 5] [--out FILE]
    python -m benchmarks.loss_speed --table      only ours, for several vocabularies and tokens

One call computes the loss of a batch and its gradients to the student's hidden states and head. All
implementations take turns in one process, so that slow phases of the machine affect all of them;
peak memory is measured in a separate process for each. The floor is only the call's matrix
products, in our chunks, written to preallocated memory. All get the same input: a student close to
confident teachers, with a label at every position. The peers use the best settings that
`--settings` found. A peer that is not installed is skipped, with the command that installs it.

On a GPU: bfloat16, the paper's sizes, vocabularies of 16,000 and 128,000.
"""

import argparse
import ctypes
import dataclasses
import gc
import importlib.metadata
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from babyllama.console import format_bytes, print_result, print_status, table
from babyllama.models.logits import Head, form_logits
from babyllama.models.loss import chunk_size, distillation_loss
from babyllama.models.precision import bf16_matmul, onednn_matmul
from babyllama.pipeline.examination import processor_name
from babyllama.training.compilation import can_compile
from babyllama.training.meter import peak_memory, reset_peak_memory

PEERS = {"liger_kernel": "liger-kernel", "trl": "trl"}
INSTALL = "pip install -c constraints.txt -e '.[benchmarks]'"
WINDOW = 128
ON_GPU = torch.cuda.is_available()
TABLE_VOCABULARIES = (4_000, 16_000, 50_000, 128_000)
TABLE_TOKENS = (1_024, 4_096, 16_384)


@dataclass(frozen=True)
class Case:
    """The sizes of a call. Widths are hidden sizes; `precision` is the training's."""

    precision: str = "float32"
    tokens: int = 4_096
    vocab: int = 16_000
    width: int = 512
    teacher_widths: tuple[int, ...] = (1_024, 1_536)
    alpha: float = 0.5
    temperature: float = 2.0


@dataclass(frozen=True)
class Inputs:
    """A batch. Heads are float32, like master weights, with values that bfloat16 represents
    exactly: an implementation that multiplies in bfloat16 gets the same numbers.
    """

    case: Case
    hidden: Tensor
    head: Tensor
    labels: Tensor
    teacher_states: Tensor
    teacher_head: Tensor


Result = tuple[Tensor, Tensor, Tensor]  # loss, its gradients to hidden and to head
Way = Callable[[Inputs], Result]


def main() -> None:
    """Measure, print and write the results."""
    asked = _arguments()
    if asked.memory_of:
        print(json.dumps(measure_alone(Case(**json.loads(asked.case)), asked.memory_of)))
        return
    say_absent_peers()
    cases = [
        Case(precision=name, tokens=asked.tokens, vocab=vocab)
        for name in asked.precisions
        for vocab in asked.vocab
    ]
    results: dict[str, Any] = {"machine": machine()}
    print("  ".join(f"{name}: {value}" for name, value in results["machine"].items()))
    for case in cases:
        if asked.table:
            results[f"table {case.precision}"] = measure_table(case)
        elif asked.settings:
            results[f"settings {case.precision}"] = measure_settings(case)
        else:
            title = f"{case.precision}, vocabulary {case.vocab:,}"
            results[title] = compare(case, asked.repeats, asked.ways, asked.memory)
    if asked.out:
        asked.out.parent.mkdir(parents=True, exist_ok=True)
        asked.out.write_text(json.dumps(results, indent=1))


def compare(case: Case, repeats: int, names: list[str], memory: bool) -> list[dict[str, Any]]:
    """Time all implementations in turn, `repeats` times, after two calls that check the results.

    The gradients are compared at alpha 0, where nothing but the KL is there to hide their errors.
    """
    inputs = make_inputs(case)
    ways = {name: way for name, way in all_ways().items() if not names or name in names}
    kl_inputs = dataclasses.replace(inputs, case=dataclasses.replace(case, alpha=0.0))
    exact = paper_way(exact_copy(kl_inputs))
    rows = {
        name: {"name": name, "loss": float(way(inputs)[0]), **errors(way(kl_inputs), exact)}
        for name, way in ways.items()
    }
    del exact
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            seconds[name].append(seconds_of(way, inputs))
    for name, row in rows.items():
        row |= {"seconds": statistics.median(seconds[name]), "all_seconds": seconds[name]}
        if memory:
            row["extra_bytes"] = memory_of(case, name)
    _print_comparison(case, list(rows.values()))
    return list(rows.values())


def measure_table(case: Case) -> list[dict[str, Any]]:
    """Time ours for several vocabularies and token counts, each in its own process."""
    name = "ours, compiled" if can_compile() else "ours, plain"
    rows = []
    for vocab in TABLE_VOCABULARIES:
        for tokens in TABLE_TOKENS:
            cell = dataclasses.replace(case, vocab=vocab, tokens=tokens)
            rows.append({"vocab": vocab, "tokens": tokens, **in_own_process(cell, name)})
    print_result(
        table(
            f"{name}, {case.precision}",
            ("vocabulary", "tokens", "seconds", "tokens/s", "GFLOP/s", "extra", "less gradients"),
            [
                (
                    f"{row['vocab']:,}",
                    f"{row['tokens']:,}",
                    f"{row['seconds']:.2f}",
                    f"{row['tokens'] / row['seconds']:,.0f}",
                    f"{flops(case, row['tokens'], row['vocab']) / row['seconds'] / 1e9:,.0f}",
                    format_bytes(row["extra_bytes"]),
                    format_bytes(max(0, row["extra_bytes"] - row["gradient_bytes"])),
                )
                for row in rows
            ],
        )
    )
    return rows


def measure_settings(case: Case) -> list[dict[str, Any]]:
    """Find the best settings of the peers: the faster of two calls, after a warm-up."""
    inputs = make_inputs(case)
    ways: dict[str, Way] = {}
    if has("liger_kernel"):
        for chunk in (128, 256, 512, 1024):
            for compiled in (False, True):
                ways[f"Liger, {chunk}, compiled={compiled}"] = partial(
                    liger, chunk=chunk, compiled=compiled
                )
    if has("trl"):
        for chunk in (128, 256, 512, 1024):
            ways[f"TRL, {chunk}"] = partial(trl, chunk=chunk)
    rows = []
    for name, way in ways.items():
        way(inputs)
        rows.append({"name": name, "seconds": min(seconds_of(way, inputs) for _ in range(2))})
        print(f"{name:32} {rows[-1]['seconds']:.3f} s", flush=True)
    return rows


# Implementations


def all_ways() -> dict[str, Way]:
    """Implementations by name, if installed. The floor is first, the paper's way last."""
    ways: dict[str, Way] = {"products alone": products}
    if not ON_GPU:
        ways["products, torch's own"] = partial(products, own=True)
    if can_compile():
        ways["ours, compiled"] = partial(ours, compiled=True)
    ways["ours, plain"] = partial(ours, compiled=False)
    if has("liger_kernel"):
        ways["Liger"] = partial(liger, **LIGER)
        if ON_GPU:
            ways["Liger's kernel"] = liger_kernel
        else:
            ways["Liger, our products"] = with_our_products(ways["Liger"])
    if has("trl"):
        ways["TRL"] = partial(trl, **TRL)
        ways["TRL, KL alone"] = partial(trl, **TRL, text=False)
        if not ON_GPU:
            ways["TRL, our products"] = with_our_products(ways["TRL"])
    if can_compile():
        ways["the paper's way, compiled"] = partial(paper_way, compiled=True)
    ways["the paper's way"] = paper_way
    return ways


def our_products(case: Case) -> AbstractContextManager[None]:
    """The matrix products of training: on a CPU float32, by the fastest exact library."""
    return bf16_matmul() if _dtype(case) == torch.bfloat16 else onednn_matmul()


def with_our_products(way: Way) -> Way:
    """The same code, with the library that computes our float32 products."""

    def faster(inputs: Inputs) -> Result:
        with our_products(inputs.case):
            return way(inputs)

    return faster


def products(inputs: Inputs, *, own: bool = False) -> Result:
    """The floor: only the four products of each chunk. Its loss is meaningless.

    They are ours: results in float32, by the same library. With `own`, as torch does those of the
    training's precision: in bfloat16 results are bfloat16 too, which is quicker and less than the
    loss needs.
    """
    case = inputs.case
    short = _dtype(case) if own or ON_GPU else torch.float32
    hidden, head, states, teacher_head = (
        each.to(short)
        for each in (inputs.hidden, inputs.head, inputs.teacher_states, inputs.teacher_head)
    )
    chunk = min(chunk_size(case.vocab, head.device), case.tokens)
    z, z_bar = (torch.empty(chunk, case.vocab, dtype=short, device=head.device) for _ in "12")
    hidden_gradient, head_gradient = torch.empty_like(hidden), torch.zeros_like(head)
    with nullcontext() if own else our_products(case):
        for start in range(0, case.tokens, chunk):
            part = slice(start, start + chunk)
            rows = len(hidden[part])
            torch.mm(hidden[part], head.T, out=z[:rows])
            torch.mm(states[part], teacher_head.T, out=z_bar[:rows])
            torch.mm(z[:rows], head, out=hidden_gradient[part])
            head_gradient.addmm_(z[:rows].T, hidden[part])
    return z.new_zeros(()), hidden_gradient, head_gradient


def ours(inputs: Inputs, *, compiled: bool) -> Result:
    """As in training: hidden states in the training's precision, float32 master weights."""
    case = inputs.case
    hidden = inputs.hidden.detach().view(-1, WINDOW, case.width).requires_grad_()
    head = inputs.head.detach().requires_grad_()
    with our_products(case):
        loss = distillation_loss(
            hidden,
            Head(head),
            inputs.labels.view(-1, WINDOW),
            lambda part: form_logits(inputs.teacher_states[part], Head(inputs.teacher_head)),
            temperature=case.temperature,
            alpha=case.alpha,
            reduction="token_mean",
            compiled=compiled,
        ).total
        by_hidden, by_head = torch.autograd.grad(loss, (hidden, head))
    return loss.detach(), by_hidden.flatten(0, 1), by_head


def paper_way(inputs: Inputs, *, compiled: bool = False) -> Result:
    """All logits at once, in the training's precision, as in the released script."""
    hidden, head, states, teacher_head = _operands(inputs)
    if not compiled:
        return _with_gradients(_papers_loss, inputs, hidden, head, states, teacher_head)
    loss = _compiled(_papers_loss)
    return _with_gradients(loss, inputs, hidden, head, states, teacher_head)


def _papers_loss(
    hidden: Tensor,
    head: Tensor,
    teacher_states: list[Tensor],
    teacher_heads: list[Tensor],
    labels: Tensor,
    alpha: float,
    temperature: float,
) -> Tensor:
    logits = hidden @ head.T
    with torch.no_grad():
        pairs = zip(teacher_states, teacher_heads, strict=True)
        z_bar = torch.stack([states @ weights.T for states, weights in pairs]).mean(0)
    text = F.cross_entropy(logits, labels)
    student = F.log_softmax(logits / temperature, dim=-1)
    teachers = F.softmax(z_bar / temperature, dim=-1)
    kl = nn.KLDivLoss(reduction="batchmean")(student, teachers)
    return alpha * text + (1 - alpha) * temperature**2 * kl


def _with_gradients(
    loss: Callable[..., Tensor],
    inputs: Inputs,
    hidden: Tensor,
    head: Tensor,
    states: Tensor,
    teacher_head: Tensor,
) -> Result:
    case = inputs.case
    count = len(case.teacher_widths)
    value = loss(
        hidden,
        head,
        list(states.split(case.teacher_widths, dim=1)),
        [each * count for each in teacher_head.split(case.teacher_widths, dim=1)],
        inputs.labels,
        case.alpha,
        case.temperature,
    )
    return value.detach(), *torch.autograd.grad(value, (hidden, head))


# The best of the settings that `--settings` tries, on two cores.
LIGER: dict[str, Any] = {"chunk": 1024, "compiled": can_compile()}
TRL: dict[str, Any] = {"chunk": 512}


def liger(inputs: Inputs, *, chunk: int, compiled: bool) -> Result:
    """Liger's chunked loss, torch code on any device; beta 0 is KL(teachers || student)."""
    from liger_kernel.chunked_loss import LigerFusedLinearJSDLoss

    case = inputs.case
    hidden, head, states, teacher_head = _operands(inputs)
    loss = LigerFusedLinearJSDLoss(
        weight_hard_loss=case.alpha,
        weight_soft_loss=(1 - case.alpha) * case.temperature**2,
        beta=0.0,
        temperature=case.temperature,
        compiled=compiled,
        chunk_size=chunk,
    )(hidden, head, states, teacher_head, inputs.labels)
    return loss.detach(), *torch.autograd.grad(loss, (hidden, head))


def liger_kernel(inputs: Inputs) -> Result:
    """Liger's fused linear JSD in Triton, for the KL, and its fused cross-entropy for the text."""
    from liger_kernel.transformers import LigerFusedLinearCrossEntropyLoss, LigerFusedLinearJSD

    case = inputs.case
    hidden, head, states, teacher_head = _operands(inputs)
    kl = LigerFusedLinearJSD(jsd_beta=0.0, temperature=case.temperature)
    loss = (1 - case.alpha) * case.temperature**2 * kl(
        hidden, head, states, teacher_head, inputs.labels
    ) + case.alpha * LigerFusedLinearCrossEntropyLoss()(head, hidden, inputs.labels)
    return loss.detach(), *torch.autograd.grad(loss, (hidden, head))


def trl(inputs: Inputs, *, chunk: int, text: bool = True) -> Result:
    """TRL's chunked divergence, and for the text its chunked log-probabilities.

    On a CPU its tiles are folded by torch operations. Its tiles' sizes are constants of its
    modules; a tile as wide as the vocabulary spares it the fold over vocabulary chunks.
    """
    from trl.kernels import chunked_divergence, chunked_logprob

    case = inputs.case
    hidden, head, states, teacher_head = _operands(inputs)
    if not ON_GPU:
        chunked_divergence.TOKEN_CHUNK_SIZE = chunked_logprob.TOKEN_CHUNK_SIZE = chunk
        chunked_divergence.VOCAB_CHUNK_SIZE = case.vocab
    divergence, _ = chunked_divergence.ChunkedDivergenceFunction.apply(
        hidden, head, None, states, teacher_head, None, 0.0, case.temperature
    )
    loss = (1 - case.alpha) * case.temperature**2 * divergence.mean()
    if text and case.alpha > 0:
        log_probabilities = chunked_logprob.ChunkedLogProbFunction.apply(
            hidden, head, None, inputs.labels, 1.0, case.vocab, None, 1.0, ()
        )[0]
        loss = loss - case.alpha * log_probabilities.mean()
    return loss.detach(), *torch.autograd.grad(loss, (hidden, head))


def _operands(inputs: Inputs) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The operands of a peer: everything in the training's precision."""
    short = _dtype(inputs.case)
    hidden, head = (each.detach().to(short) for each in (inputs.hidden, inputs.head))
    return (
        hidden.requires_grad_(),
        head.requires_grad_(),
        inputs.teacher_states.to(short),
        inputs.teacher_head.to(short),
    )


@lru_cache
def _compiled(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    compiled: Callable[..., Tensor] = torch.compile(function)
    return compiled


# Inputs


def make_inputs(case: Case) -> Inputs:
    """A student and teachers whose hidden states share a signal, each with its own noise.

    Logits as trained models have them: a Zipf-like prior over tokens, two likely ones a position,
    the label being the first.
    """
    device = torch.device("cuda" if ON_GPU else "cpu")
    generator = torch.Generator().manual_seed(0)
    normal = partial(torch.randn, generator=generator)
    head = normal(case.vocab, case.width) / case.width**0.5
    head[:, 0] = -torch.arange(1, case.vocab + 1).log()
    likely = torch.randint(0, case.vocab, (case.tokens, 2), generator=generator)
    view = 1.5 * normal(case.tokens, case.width) + 6 * head[likely].sum(1)
    view[:, 0] = 1
    noise = [0.3 * normal(case.tokens, case.width) for _ in ("student", *case.teacher_widths)]
    for each in noise:
        each[:, 0] = 0
    turns = [torch.linalg.qr(normal(w, case.width)).Q.T for w in case.teacher_widths]
    states = [(view + own) @ turn for own, turn in zip(noise[1:], turns, strict=True)]
    heads = [head @ turn / len(turns) for turn in turns]
    short = _dtype(case)
    return Inputs(
        case,
        hidden=(view + noise[0]).to(device, short),
        head=head.to(short).to(device, torch.float32),
        labels=likely[:, 0].to(device),
        teacher_states=torch.cat(states, dim=1).to(device, short),
        teacher_head=torch.cat(heads, dim=1).to(short).to(device, torch.float32),
    )


def exact_copy(inputs: Inputs) -> Inputs:
    """The same numbers in float32."""
    return dataclasses.replace(
        inputs,
        case=dataclasses.replace(inputs.case, precision="float32"),
        hidden=inputs.hidden.float(),
        teacher_states=inputs.teacher_states.float(),
    )


def _dtype(case: Case) -> torch.dtype:
    dtype: torch.dtype = getattr(torch, case.precision)
    return dtype


def flops(case: Case, tokens: int, vocab: int) -> int:
    """FLOPs of one call: three products with the student's head, one with the teachers'."""
    return 2 * tokens * vocab * (3 * case.width + sum(case.teacher_widths))


# Measuring


def seconds_of(way: Way, inputs: Inputs) -> float:
    """Wall seconds of one call."""
    _wait()
    started = time.perf_counter()
    way(inputs)
    _wait()
    return time.perf_counter() - started


def _wait() -> None:
    if ON_GPU:
        torch.cuda.synchronize()


def errors(result: Result, exact: Result) -> dict[str, float]:
    """The relative error of each gradient."""
    return {
        f"{name}_error": float((one.float() - other).norm() / other.norm())
        for name, one, other in zip(("hidden", "head"), result[1:], exact[1:], strict=True)
    }


def memory_of(case: Case, name: str) -> int:
    """Peak extra bytes of one call, in its own process."""
    return int(in_own_process(case, name)["extra_bytes"])


def in_own_process(case: Case, name: str) -> dict[str, Any]:
    """Run `measure_alone` in a new process that returns freed memory to the system at once."""
    command = [sys.executable, "-m", "benchmarks.loss_speed", "--memory-of", name]
    done = subprocess.run(
        [*command, "--case", json.dumps(dataclasses.asdict(case))],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{name}: {done.stderr[-2000:]}")
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def measure_alone(case: Case, name: str) -> dict[str, float]:
    """Seconds, and how much one call raises the peak above the memory in use before it.

    The inputs are held before; both gradients are part of what the call adds. A call on few tokens
    comes first, so that compilation, which takes memory of its own, does not count.
    """
    way = all_ways()[name]
    inputs = make_inputs(dataclasses.replace(case, teacher_widths=tuple(case.teacher_widths)))
    few = 2 * chunk_size(case.vocab, inputs.head.device)
    head_of = {key: getattr(inputs, key)[:few] for key in ("hidden", "labels", "teacher_states")}
    way(dataclasses.replace(inputs, case=_with_tokens(inputs.case, few), **head_of))
    _give_back_freed_memory()
    before = _held()
    reset_peak_memory()
    started = time.perf_counter()
    result = way(inputs)
    _wait()
    return {
        "seconds": time.perf_counter() - started,
        "extra_bytes": peak_memory() - before,
        "gradient_bytes": sum(each.nbytes for each in result[1:]),
    }


def _with_tokens(case: Case, tokens: int) -> Case:
    return dataclasses.replace(case, tokens=min(tokens, case.tokens))


def _give_back_freed_memory() -> None:
    gc.collect()
    if ON_GPU:
        torch.cuda.empty_cache()
    with suppress(OSError, AttributeError):  # glibc alone keeps freed memory and can let it go
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def _held() -> int:
    if ON_GPU:
        return torch.cuda.memory_allocated()
    import psutil

    return int(psutil.Process().memory_info().rss)


# Printing


def has(module: str) -> bool:
    """Whether a peer is installed."""
    return importlib.util.find_spec(module) is not None


def say_absent_peers() -> None:
    """Name the peers that are skipped, and the command that installs them."""
    absent = [package for module, package in PEERS.items() if not has(module)]
    if absent:
        print_status(f"skipped, not installed: {', '.join(absent)}. Run: {INSTALL}")


def machine() -> dict[str, str]:
    """The machine and versions that the numbers belong to."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=8"],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parent,
    ).stdout.strip()
    device = torch.cuda.get_device_name() if ON_GPU else processor_name()
    versions = {
        package: importlib.metadata.version(package)
        for module, package in PEERS.items()
        if has(module)
    }
    load = " ".join(f"{each:.2f}" for each in os.getloadavg())
    return {
        "device": device,
        "threads": str(torch.get_num_threads()),
        "torch": torch.__version__,
        **versions,
        "commit": commit,
        "load average": load,
    }


def _print_comparison(case: Case, rows: list[dict[str, Any]]) -> None:
    floor = next((row["seconds"] for row in rows if row["name"] == "products alone"), None)
    best = next((row["seconds"] for row in rows if row["name"].startswith("ours")), None)
    print_result(
        table(
            f"{case.precision}: {case.tokens:,} tokens, vocabulary {case.vocab:,}, student "
            f"{case.width}, teachers {' and '.join(map(str, case.teacher_widths))}, alpha "
            f"{case.alpha}, T {case.temperature}; load now {os.getloadavg()[0]:.2f}",
            (
                "",
                "seconds",
                "range",
                "/ products",
                "/ ours",
                "extra memory",
                "loss",
                "KL's gradients off",
            ),
            [_row(row, floor, best) for row in rows],
        )
    )


def _row(row: dict[str, Any], floor: float | None, best: float | None) -> tuple[str, ...]:
    is_floor = row["name"].startswith("products")
    return (
        row["name"],
        f"{row['seconds']:.3f}",
        f"{min(row['all_seconds']):.3f} to {max(row['all_seconds']):.3f}",
        f"{row['seconds'] / floor:.2f}" if floor else "",
        f"{row['seconds'] / best:.2f}" if best else "",
        format_bytes(row["extra_bytes"]) if "extra_bytes" in row else "",
        "" if is_floor else f"{row['loss']:.5f}",
        "" if is_floor else f"{row['hidden_error']:.1e}, {row['head_error']:.1e}",
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--precision", choices=("float32", "bfloat16", "both"))
    parser.add_argument("--vocab", type=int, nargs="+")
    parser.add_argument("--tokens", type=int, default=Case.tokens)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--ways", nargs="+", default=[], metavar="NAME", help="only these")
    parser.add_argument("--no-memory", dest="memory", action="store_false")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--settings", action="store_true", help="try the peers' settings")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    precision = asked.precision or ("bfloat16" if ON_GPU else "both")
    asked.precisions = ("float32", "bfloat16") if precision == "both" else (precision,)
    asked.vocab = asked.vocab or ([16_000, 128_000] if ON_GPU else [16_000])
    return asked


if __name__ == "__main__":
    main()
