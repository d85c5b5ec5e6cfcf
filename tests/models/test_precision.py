"""Devices and precisions, and products that round only where rounding is allowed."""

import pytest
import torch

from babyllama.models.precision import (
    accumulation_dtype,
    bf16_matmul,
    compute_dtype,
    computing_in,
    matmul_precision,
    onednn_matmul,
    operand_dtype,
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
