"""Devices and precisions, and products that round only where rounding is allowed."""

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from babyllama.models import precision
from babyllama.models.precision import (
    accumulation_dtype,
    as_head_operand,
    bf16_matmul,
    compute_dtype,
    computing_in,
    gradient_dtype,
    matmul_precision,
    onednn_matmul,
    operand_dtype,
    returns_float32,
)

CPU = torch.device("cpu")


def error_of_a_product(context):
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(300, 700, generator=generator), torch.randn(700, 500, generator=generator)
    exact = a.double() @ b.double()
    with context:
        return float((a @ b - exact).norm() / exact.norm())


def test_bfloat16_is_chosen_only_where_it_is_asked_for_or_fast():
    assert compute_dtype("float32", CPU) == torch.float32
    assert compute_dtype("bfloat16", CPU) == torch.bfloat16
    assert compute_dtype("auto", CPU) in (torch.float32, torch.bfloat16)


def test_bf16_matmul_ends_with_its_block():
    setting = torch.backends.mkldnn.matmul
    before = setting.fp32_precision
    with bf16_matmul():
        assert setting.fp32_precision == "bf16"
    assert setting.fp32_precision == before


def test_bf16_matmul_ends_with_a_block_that_fails():
    setting = torch.backends.mkldnn.matmul
    before = setting.fp32_precision
    with pytest.raises(ZeroDivisionError), bf16_matmul():
        _ = 1 / 0
    assert setting.fp32_precision == before


def test_onednn_matmul_rounds_nothing():
    assert error_of_a_product(onednn_matmul()) < 1e-6


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_only_a_model_in_bfloat16_lets_float32_products_round_their_operands(dtype):
    setting = torch.backends.mkldnn.matmul
    with matmul_precision(dtype, CPU):
        may_round = setting.fp32_precision == "bf16"
    if dtype == torch.bfloat16:
        assert may_round
    else:
        assert error_of_a_product(matmul_precision(dtype, CPU)) < 1e-6


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_models_of_float32_weights_compute_in_the_precision_asked_for(dtype):
    layer = torch.nn.Linear(4, 4)
    with computing_in(dtype, CPU):
        assert layer(torch.ones(1, 4)).dtype == dtype
    assert layer(torch.ones(1, 4)).dtype == torch.float32


def test_sums_are_float32_or_better():
    dtypes = (torch.bfloat16, torch.float16, torch.float32, torch.float64)
    sums = [accumulation_dtype(dtype) for dtype in dtypes]
    assert sums == [torch.float32, torch.float32, torch.float32, torch.float64]


def test_a_processor_takes_products_with_the_head_in_float32():
    assert operand_dtype(torch.zeros(1, dtype=torch.bfloat16)) == torch.float32


def exact_mm(a, b, *, out_dtype, out):
    return out.copy_(a.to(out_dtype) @ b.to(out_dtype))


def exact_addmm(total, a, b, *, out_dtype, out):
    return out.copy_(total + a.to(out_dtype) @ b.to(out_dtype))


def rounded_addmm(total, a, b, *, out_dtype, out):
    return out.copy_((total + a.to(out_dtype) @ b.to(out_dtype)).bfloat16())


def no_addmm(*_arguments, **_options):
    raise RuntimeError("self and mat2 must have the same dtype, but got Float and BFloat16")


@pytest.fixture
def new_trial():
    """No trial's answer is known, before a test and after."""
    returns_float32.cache_clear()
    yield
    returns_float32.cache_clear()


@pytest.mark.usefixtures("new_trial")
@pytest.mark.parametrize(
    ("addmm", "works"), [(exact_addmm, True), (rounded_addmm, False), (no_addmm, False)]
)
def test_a_trial_tells_whether_products_of_bfloat16_return_float32(monkeypatch, addmm, works):
    monkeypatch.setattr(torch, "mm", exact_mm)
    monkeypatch.setattr(torch, "addmm", addmm)
    assert returns_float32(CPU) == works


def test_a_processor_has_no_products_of_bfloat16_that_return_float32():
    assert not returns_float32(CPU)


@pytest.mark.parametrize(
    ("autocast", "returned", "expected"),
    [
        (True, True, torch.bfloat16),
        (True, False, torch.float32),  # products would round their results
        (False, True, torch.float32),
    ],
)
def test_a_gpu_gets_states_in_the_precision_of_the_model(monkeypatch, autocast, returned, expected):
    monkeypatch.setattr(precision, "_bfloat16_is_fast", lambda _device: True)
    monkeypatch.setattr(precision, "returns_float32", lambda _device: returned)
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda _kind: autocast)
    monkeypatch.setattr(torch, "get_autocast_dtype", lambda _kind: torch.bfloat16)
    with FakeTensorMode():  # no GPU is needed
        states = torch.zeros(2, 3, device="cuda")
        found = as_head_operand(states)
        assert found.dtype == expected
        assert operand_dtype(found) == expected


@pytest.mark.parametrize(
    ("fast", "exact", "expected"),
    [
        (True, True, torch.bfloat16),
        (True, False, torch.float32),  # the product rounds its operands itself
        (False, True, torch.float32),
    ],
)
def test_a_processor_gets_rounded_states_where_that_is_faster(monkeypatch, fast, exact, expected):
    monkeypatch.setattr(precision, "_bfloat16_is_fast", lambda _device: fast)
    monkeypatch.setattr(precision, "_onednn_is_exact", lambda: exact)
    states = torch.zeros(2, 3)
    with computing_in(torch.bfloat16, CPU):
        assert as_head_operand(states).dtype == expected
        with torch.no_grad():
            assert as_head_operand(states) is states
    assert as_head_operand(states) is states


def test_states_of_more_bits_are_not_rounded(monkeypatch):
    monkeypatch.setattr(precision, "gains_by_rounding", lambda _device: True)
    with computing_in(torch.bfloat16, CPU):
        assert as_head_operand(torch.zeros(2, 3, dtype=torch.float64)).dtype == torch.float64


@pytest.mark.parametrize(
    ("states", "fast", "expected"),
    [
        (torch.bfloat16, True, torch.bfloat16),
        (torch.bfloat16, False, torch.float32),
        (torch.float32, True, torch.float32),
        (torch.float64, True, torch.float64),
    ],
)
def test_gradients_are_rounded_as_their_states_are(monkeypatch, states, fast, expected):
    monkeypatch.setattr(precision, "_bfloat16_is_fast", lambda _device: fast)
    assert gradient_dtype(torch.zeros(1, dtype=states)) == expected
