"""The fused loss: cross-entropy from the text and KL from the teachers, by chunks of logits.

Logits exist for one chunk of tokens at any moment. A chunk's logits give at once its loss and the
gradients to the hidden states and to the output head; the next chunk overwrites them. Peak memory
is a few (chunk, vocab) blocks whatever the batch; compiled, only the student's and the teachers',
and half a block more where gradients are bfloat16.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from babyllama.data.windows import IGNORE_INDEX
from babyllama.models.logits import Head
from babyllama.models.precision import (
    accumulation_dtype,
    gradient_dtype,
    onednn_matmul,
    operand_dtype,
    returns_float32,
)


@dataclass(frozen=True)
class SparseTarget:
    """An unbiased sketch of the ensemble's distributions: weights of a few tokens per position.

    Attributes:
        tokens: the tokens that have a weight; distinct within a row.
        weights: E[weights] = softmax(z_bar / T) at these tokens; all other tokens weigh 0.
        entropy: of softmax(z_bar / T) itself in nats, so that what is reported is a KL.
    """

    tokens: Int64[Tensor, "chunk kept"]
    weights: Float[Tensor, "chunk kept"]
    entropy: Float[Tensor, " chunk"]


# The teachers' predictions for a slice of positions: logits (chunk, vocab), or a sketch.
TeacherTargets = Callable[[slice], Tensor | SparseTarget]
_Soften = Callable[..., tuple[Tensor, Tensor, Tensor]]
Reduction = Literal["window_sum", "token_mean"]
# Size of a (chunk, vocab) block: about a CPU's caches; enough to keep a GPU busy.
_BLOCK_BYTES = {"cpu": 32 * 2**20, "cuda": 256 * 2**20}
# How much of a CPU's block an uncompiled pass works on at once: with its temporary results it
# stays in a core's own cache.
_CACHED_BYTES = 2**20


@dataclass(frozen=True)
class LossTerms:
    """The loss of a batch and its two parts.

    Attributes:
        total: to differentiate.
        cross_entropy, kl: detached, nats per token under either reduction. `kl` is at the loss's
            temperature, without the factor T**2. A part of weight 0 is not computed and is 0: `kl`
            at alpha 1, `cross_entropy` at alpha 0.
    """

    total: Tensor
    cross_entropy: Tensor
    kl: Tensor


def distillation_loss(
    hidden: Float[Tensor, "batch window hidden"],
    head: Head,
    labels: Int64[Tensor, "batch window"],
    teachers: TeacherTargets | None,
    *,
    temperature: float,
    alpha: float,
    reduction: Reduction,
    chunk: int | None = None,
    compiled: bool = False,
) -> LossTerms:
    """Weigh the text's cross-entropy against the KL from the teachers.

        alpha * CE(z, y) + (1 - alpha) * T**2 * KL(softmax(z_bar / T) || softmax(z / T))

    with z the head's logits. Holds a few (chunk, vocab) blocks, never (batch, window, vocab).
    Where the teachers give a sketch instead of logits, value and gradient of the KL are unbiased
    estimates.

    Args:
        hidden: the student's last hidden states, after its final norm.
        head: the student's output head, as `output_head` reads it from a model.
        labels: the next token at each position. IGNORE_INDEX takes a position out of CE and,
            under "token_mean", out of KL.
        teachers: given a slice of the batch * window positions, the ensemble's z_bar there, not
            yet divided by T, or a sketch of its distribution at T. No gradient flows into it.
            None is allowed when alpha is 1.
        temperature: T > 0. T**2 keeps the gradient's size comparable across temperatures.
        alpha: in [0, 1]. At 1 this is the twin's loss and `teachers` is not called.
        reduction: "token_mean" averages over the labelled positions. "window_sum" divides the KL
            summed over all positions by the batch size only, as the paper's code does, so KL
            weighs `window` times as much.
        chunk: positions whose logits exist at once; `chunk_size` by default. It changes memory and
            speed, not the result.
        compiled: fuse the element-wise part with torch.compile, which needs a compiler. It
            changes the speed, and the result only by rounding.

    Returns:
        `total` with gradients to `hidden` and to the head's weight and bias, and the two terms for
        the log.

    Raises:
        ValueError: temperature or alpha out of range; teachers missing; vocabularies differ.

    Source: Hinton et al. 2015, section 2; Timiryasov and Tastet 2023 for alpha and the ensemble.
    """
    if not temperature > 0:
        raise ValueError(f"temperature is {temperature}; it must be above 0")
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha is {alpha}; it must be between 0 and 1")
    if teachers is None and alpha < 1:
        raise ValueError(f"alpha is {alpha}, so teachers are needed; at 1 they are not")
    batch, _, width = hidden.shape
    flat_labels = labels.reshape(-1)
    labelled = flat_labels != IGNORE_INDEX
    kl_mask = torch.ones_like(labelled) if reduction == "window_sum" else labelled
    exact = accumulation_dtype(hidden.dtype)
    ce_count, kl_count = (mask.sum().clamp(min=1).to(exact) for mask in (labelled, kl_mask))
    kl_divisor = torch.full_like(kl_count, batch) if reduction == "window_sum" else kl_count
    weights = _Weights(
        ce=alpha / ce_count,
        kl=(1 - alpha) * temperature**2 / kl_divisor,
        temperature=temperature,
        alpha=alpha,
        softcap=head.softcap,
        compiled=compiled,
    )
    states, bias = hidden.reshape(-1, width), head.bias
    if head.scale != 1:
        states, bias = states * head.scale, None if bias is None else bias * head.scale
    total, ce, kl = _ChunkedLoss.apply(  # type: ignore[no-untyped-call]
        states,
        head.weight,
        bias,
        flat_labels,
        kl_mask,
        teachers,
        weights,
        chunk or chunk_size(head.vocab_size, hidden.device),
        torch.is_grad_enabled(),  # inside `forward` it always reads False
    )
    return LossTerms(total, ce / ce_count, kl / kl_count)


def cross_entropy_loss(
    hidden: Float[Tensor, "batch window hidden"],
    head: Head,
    labels: Int64[Tensor, "batch window"],
    *,
    compiled: bool = False,
) -> LossTerms:
    """The cross-entropy that teachers and twins minimise: the distillation loss at alpha = 1."""
    return distillation_loss(
        hidden, head, labels, None,
        temperature=1.0, alpha=1.0, reduction="token_mean", compiled=compiled,
    )  # fmt: skip


def chunk_size(vocab: int, device: torch.device) -> int:
    """How many positions' logits exist at once: as many as fit into a block of a fixed size.

    Few enough for the memory, enough for products at full speed whatever the vocabulary.
    """
    rows = _BLOCK_BYTES.get(device.type, _BLOCK_BYTES["cuda"]) // (4 * vocab)
    return min(max(rows // 64 * 64, 128), 4096)


@dataclass(frozen=True)
class _Weights:
    ce: Tensor
    kl: Tensor
    temperature: float
    alpha: float
    softcap: float | None
    compiled: bool


class _ChunkedLoss(torch.autograd.Function):
    """Forward computes the gradients as well, since the logits exist only there."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        labels: Tensor,
        kl_mask: Tensor,
        teachers: TeacherTargets | None,
        weights: _Weights,
        chunk: int,
        wants_gradient: bool,
    ) -> tuple[Tensor, Tensor, Tensor]:
        wants_gradient = wants_gradient and any(ctx.needs_input_grad[:3])
        exact = accumulation_dtype(hidden.dtype)
        operands = weight.to(operand_dtype(hidden))
        rounded = operands  # of the products that give gradients
        if wants_gradient and gradient_dtype(hidden) != operands.dtype:
            rounded = weight.to(gradient_dtype(hidden))
        # Summed over the chunks in `exact`, whatever the head's own precision.
        weight_gradient = torch.zeros_like(weight, dtype=exact) if wants_gradient else weight
        bias_gradient = None if bias is None else torch.zeros_like(bias, dtype=exact)
        hidden_gradient = torch.empty_like(hidden) if wants_gradient else hidden
        ce_sum = kl_sum = torch.zeros((), dtype=exact, device=hidden.device)
        block = torch.empty(
            min(chunk, len(labels)), len(weight), dtype=exact, device=hidden.device
        )  # every chunk's logits, then their gradient
        rounded_block = block
        if rounded.dtype != exact and wants_gradient:
            rounded_block = torch.empty_like(block, dtype=rounded.dtype)
        with onednn_matmul():
            for start in range(0, len(labels), chunk):
                part = slice(start, min(start + chunk, len(labels)))
                states = hidden[part].to(operands.dtype)
                z = block[: len(states)]
                _multiply(states, operands.T, z)
                if bias is not None:
                    z.add_(bias)
                if weights.softcap is not None:
                    z.div_(weights.softcap).tanh_().mul_(weights.softcap)
                target = teachers(part) if teachers is not None and weights.alpha < 1 else None
                ce, kl = _chunk_terms(
                    z, labels[part], kl_mask[part], target, weights, wants_gradient
                )
                ce_sum, kl_sum = ce_sum + ce, kl_sum + kl
                if wants_gradient:
                    z_gradient = z
                    if rounded_block is not block:
                        z_gradient = rounded_block[: len(z)].copy_(z)
                    hidden_gradient[part] = z_gradient @ rounded
                    _add_product(z_gradient.T, hidden[part].to(rounded.dtype), weight_gradient)
                    if bias_gradient is not None:
                        bias_gradient += z.sum(0)
        ctx.mark_non_differentiable(ce_sum, kl_sum)
        if wants_gradient:
            if bias is not None and bias_gradient is not None:
                bias_gradient = bias_gradient.to(bias.dtype)
            ctx.save_for_backward(hidden_gradient, weight_gradient.to(weight.dtype), bias_gradient)
        return weights.ce * ce_sum + weights.kl * kl_sum, ce_sum, kl_sum

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        upstream = gradients[0]
        by_input = (None if each is None else each * upstream for each in ctx.saved_tensors)
        return *by_input, *[None] * 6


def _multiply(a: Tensor, b: Tensor, out: Tensor) -> None:
    """out = a @ b, in as many bits as `out` has."""
    if a.dtype == out.dtype:
        torch.mm(a, b, out=out)
    else:
        torch.mm(a, b, out_dtype=out.dtype, out=out)


def _add_product(a: Tensor, b: Tensor, total: Tensor) -> None:
    """total += a @ b, with a rounded product if the device cannot return `total`'s data type."""
    if a.dtype == total.dtype:
        total.addmm_(a, b)
    elif returns_float32(total.device):
        torch.addmm(total, a, b, out_dtype=total.dtype, out=total)
    else:
        total.add_(a @ b)


def _chunk_terms(
    z: Tensor,
    labels: Tensor,
    kl_mask: Tensor,
    target: Tensor | SparseTarget | None,
    weights: _Weights,
    wants_gradient: bool,
) -> tuple[Tensor, Tensor]:
    """Summed CE and KL of a chunk. `z` becomes d total / d z, before the softcap."""
    ce = kl = z.new_zeros(())
    labelled = labels != IGNORE_INDEX
    label = labels.clamp(min=0)[:, None]
    ce_scale = (labelled * weights.ce)[:, None] if weights.alpha > 0 else None
    kl_scale = (kl_mask * weights.kl / weights.temperature)[:, None] if weights.alpha < 1 else None
    z_at_label = z.gather(1, label)
    if isinstance(target, SparseTarget):
        assert kl_scale is not None
        kept = target.weights.to(z.dtype)
        z_kept = z.gather(1, target.tokens)
        q_scale = kl_scale * kept.sum(-1, keepdim=True)
        normaliser, kl_normaliser, _ = _soften(z, None, ce_scale, q_scale, weights, wants_gradient)
        log_q = z_kept / weights.temperature - kl_normaliser
        divergence = -target.entropy.to(z.dtype) - (kept * log_q).sum(-1)
        if wants_gradient:
            _subtract(z, target.tokens, kept * kl_scale, z_kept, weights.softcap)
    else:
        z_bar = None if target is None else _same_shape(target, z)
        normaliser, _, divergence = _soften(z, z_bar, ce_scale, kl_scale, weights, wants_gradient)
    if ce_scale is not None:
        ce = ((normaliser - z_at_label)[:, 0] * labelled).sum()
        if wants_gradient:
            _subtract(z, label, ce_scale, z_at_label, weights.softcap)
    if kl_scale is not None:
        kl = (divergence * kl_mask).sum()
    return ce, kl


def _same_shape(z_bar: Tensor, z: Tensor) -> Tensor:
    if z_bar.shape != z.shape:
        raise ValueError(
            f"the student's logits are {tuple(z.shape)}, the teachers' {tuple(z_bar.shape)}: "
            "they must share the vocabulary"
        )
    return z_bar.to(z.dtype)


def _subtract(
    gradient: Tensor, tokens: Tensor, amounts: Tensor, z: Tensor, softcap: float | None
) -> None:
    """Subtract what a target puts on single tokens, whose logits are `z`, from the gradient."""
    slope = 1 if softcap is None else 1 - (z / softcap) ** 2
    gradient.scatter_add_(1, tokens, (-amounts * slope).to(gradient.dtype))


def _soften(
    z: Tensor,
    z_bar: Tensor | None,
    ce_scale: Tensor | None,
    kl_scale: Tensor | None,
    weights: _Weights,
    wants_gradient: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """`_soften_rows`: compiled, or a few rows at a time that fit into a CPU's caches."""
    settings = (weights.temperature, weights.softcap, wants_gradient)
    run = _compiled(_soften_rows) if weights.compiled else _soften_rows
    if weights.compiled or z.device.type != "cpu":
        return run(z, z_bar, ce_scale, kl_scale, *settings)
    rows = max(1, _CACHED_BYTES // (z.shape[1] * z.itemsize))
    pieces = []
    for start in range(0, len(z), rows):
        few, few_bar, few_ce, few_kl = (
            None if each is None else each[start : start + rows]
            for each in (z, z_bar, ce_scale, kl_scale)
        )
        assert few is not None
        pieces.append(run(few, few_bar, few_ce, few_kl, *settings))
    normaliser, kl_normaliser, divergence = (torch.cat(each) for each in zip(*pieces, strict=True))
    return normaliser, kl_normaliser, divergence


def _soften_rows(
    z: Tensor,
    z_bar: Tensor | None,
    ce_scale: Tensor | None,
    kl_scale: Tensor | None,
    temperature: float,
    softcap: float | None,
    wants_gradient: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """What the loss needs of each row of logits `z`, which is overwritten by its gradient.

        ce_scale * softmax(z) + kl_scale * (softmax(z / T) - softmax(z_bar / T))

    times the softcap's slope; the caller subtracts the labels' part. A part whose scale is None is
    not computed, nor is softmax(z_bar / T) without `z_bar`.

    Returns:
        log sum exp of z and of z / T, (rows, 1), and KL(softmax(z_bar / T) || softmax(z / T)),
        (rows,); 0 where not computed.
    """
    normaliser = kl_normaliser = z.new_zeros(len(z), 1)
    divergence = z.new_zeros(len(z))
    gradient = None
    if ce_scale is not None:
        probabilities, normaliser = _softmax(z)
        gradient = probabilities.mul_(ce_scale)
    if kl_scale is not None:
        scaled = z / temperature
        pull, kl_normaliser = _softmax(scaled)
        if z_bar is not None:
            scaled_bar = z_bar / temperature
            p, bar_normaliser = _softmax(scaled_bar)
            log_ratio = scaled_bar.sub_(scaled).sub_(bar_normaliser - kl_normaliser)
            pull.sub_(p)
            divergence = p.mul_(log_ratio).sum(-1)
        pull.mul_(kl_scale)
        gradient = pull if gradient is None else gradient.add_(pull)
    if wants_gradient and gradient is not None:
        z.copy_(gradient if softcap is None else gradient * (1 - (z / softcap) ** 2))
    return normaliser, kl_normaliser, divergence


def _softmax(z: Tensor) -> tuple[Tensor, Tensor]:
    """softmax(z) and log sum exp(z) of each row, with one exponential for each logit.

    The largest probability is exp(max z - log sum exp(z)) and at least 1 / vocab, so its logarithm
    loses nothing.
    """
    probabilities = torch.softmax(z, dim=-1)
    largest = probabilities.amax(-1, keepdim=True)
    return probabilities, z.amax(-1, keepdim=True) - largest.log()


@lru_cache
def _compiled(function: _Soften) -> _Soften:
    """One pass over a chunk instead of a dozen: on a CPU the exponentials of separate passes
    cost as much as the products. A second number of rows makes torch compile it once more, for any
    number of rows.
    """
    compiled: _Soften = torch.compile(function)
    return compiled
