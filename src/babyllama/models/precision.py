"""Where and in which precision models compute: device, dtype, and how products are computed."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor


def pick_device() -> torch.device:
    """The GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def compute_dtype(precision: str, device: torch.device) -> torch.dtype:
    """float32 or bfloat16; `auto` takes bfloat16 where products in it are fast."""
    if precision == "auto":
        return torch.bfloat16 if _bfloat16_is_fast(device) else torch.float32
    return torch.bfloat16 if precision == "bfloat16" else torch.float32


@contextmanager
def computing_in(dtype: torch.dtype, device: torch.device) -> Iterator[None]:
    """Run the forward pass of models with float32 weights in `dtype`."""
    enabled = dtype != torch.float32
    with matmul_precision(dtype, device), torch.autocast(device.type, dtype=dtype, enabled=enabled):
        yield


def matmul_precision(dtype: torch.dtype, device: torch.device) -> AbstractContextManager[None]:
    """How a model that computes in `dtype` computes its remaining float32 products."""
    if device.type == "cpu" and dtype == torch.bfloat16:
        return bf16_matmul()
    return onednn_matmul()


@contextmanager
def bf16_matmul() -> Iterator[None]:
    """Let a CPU round the operands of float32 products to bfloat16 and sum in float32.

    Only the operands lose bits. Logits stay float32: the gradient of a KL is a difference of nearly
    equal numbers, which rounding them to bfloat16 would spoil.
    """
    settings: Any = getattr(torch.backends.mkldnn, "matmul", None)
    if settings is None:  # before torch 2.9: products stay exact
        yield
        return
    before = settings.fp32_precision
    settings.fp32_precision = "bf16"
    try:
        yield
    finally:
        settings.fp32_precision = before


@contextmanager
def onednn_matmul() -> Iterator[None]:
    """Let oneDNN compute a CPU's float32 products if it does not round their operands.

    torch calls oneDNN for them only where operands may be rounded, and MKL otherwise. Where oneDNN
    has no kernel that rounds (AVX-512 without AMX) it multiplies in float32 all the same, on AMD's
    CPUs more than twice as fast as MKL: 440 against 190 GFLOP/s on two Zen 5 cores.
    """
    if not _onednn_is_exact():
        yield
        return
    with bf16_matmul():
        yield


@lru_cache
def _onednn_is_exact() -> bool:
    """Determined by a trial product, since no setting shows which kernel oneDNN picks."""
    generator = torch.Generator().manual_seed(0)
    with torch.autocast("cpu", enabled=False), torch.no_grad():
        a = torch.randn(256, 512, generator=generator, device="cpu", dtype=torch.float32)
        b = torch.randn(512, 1024, generator=generator, device="cpu", dtype=torch.float32)
        exact = a.double() @ b.double()
        with bf16_matmul():
            error = (a @ b - exact).norm() / exact.norm()
    return float(error) < 1e-5  # bfloat16 operands would give 2e-3


def accumulation_dtype(dtype: torch.dtype) -> torch.dtype:
    """What logits, losses and gradients are summed in: float32 or better."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def operand_dtype(states: Tensor) -> torch.dtype:
    """What the operands of a product with the output head are cast to.

    On a GPU states in bfloat16 stay as they are if the product can return float32.
    """
    if states.dtype.itemsize < 4 and returns_float32(states.device):
        return states.dtype
    return accumulation_dtype(states.dtype)


def as_head_operand(states: Tensor) -> Tensor:
    """Last hidden states in float32, rounded under autocast as a linear layer would round them.

    A model's last norm returns float32 even under autocast, and products of float32 are slow. On a
    GPU, logits are computed from rounded states and are float32 nevertheless. On a CPU, logits are
    computed in float32 and gradients in bfloat16, so nothing is rounded where no gradient is
    needed. States stay float32 where rounding gains nothing: see `gains_by_rounding`.
    """
    kind = states.device.type
    if states.dtype != torch.float32 or not torch.is_autocast_enabled(kind):
        return states
    if kind == "cpu" and not torch.is_grad_enabled():
        return states
    if not gains_by_rounding(states.device):
        return states
    return states.to(torch.get_autocast_dtype(kind))


def gains_by_rounding(device: torch.device) -> bool:
    """Whether a training in bfloat16 gains by rounding its last states.

    It does not without fast bfloat16, on a GPU whose products round their results, or on a CPU that
    rounds the operands of float32 products itself (see `bf16_matmul`).
    """
    if not _bfloat16_is_fast(device):
        return False
    return returns_float32(device) if device.type == "cuda" else _onednn_is_exact()


def gradient_dtype(states: Tensor) -> torch.dtype:
    """What the operands of products that give gradients of states and head are cast to.

    A gradient may be rounded as its states are: the difference of nearly equal numbers, which the
    gradient of a KL is, has been taken by then.
    """
    if states.dtype.itemsize < 4 and _bfloat16_is_fast(states.device):
        return states.dtype
    return accumulation_dtype(states.dtype)


@lru_cache
def returns_float32(device: torch.device) -> bool:
    """Whether products of bfloat16 operands can return float32, or add to a float32 total.

    Determined by a trial, since it depends on the device and torch: in torch 2.8 and 2.9 a GPU has
    the first kind only.
    """
    with torch.autocast(device.type, enabled=False), torch.no_grad():
        a = torch.ones(16, 16, dtype=torch.bfloat16, device=device)
        b = a.clone()
        b[0] = 2**-7  # so that the sum of a column has more digits than bfloat16
        total = torch.empty(16, 16, dtype=torch.float32, device=device)
        try:
            torch.mm(a, b, out_dtype=torch.float32, out=total)
            torch.addmm(total, a, b, out_dtype=torch.float32, out=total)
        except (RuntimeError, TypeError):
            return False
        return bool((total == 2 * (15 + 2**-7)).all())


@lru_cache  # asked at every step
def _bfloat16_is_fast(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags
