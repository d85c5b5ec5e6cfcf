"""The fused loss: cross-entropy from the text and KL from the teachers, by chunks of logits.

Logits exist for one chunk of tokens at any moment. A chunk's logits give at once its loss and the
gradients to the hidden states and to the output head; then they are let go. Peak memory is a few
(chunk, vocab) blocks whatever the batch.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

IGNORE_INDEX = -100  # a label that no loss looks at, as torch names it


@dataclass(frozen=True)
class SparseTarget:
    """An unbiased sketch of the ensemble's distributions: weights of a few tokens a position.

    Attributes:
        tokens: whose weights these are; none twice in a row.
        weights: E[weights] = softmax(z_bar / T) there, all other tokens having none.
        entropy: of softmax(z_bar / T) itself in nats, so that what is reported is a KL.
    """

    tokens: Int64[Tensor, "chunk kept"]
    weights: Float[Tensor, "chunk kept"]
    entropy: Float[Tensor, " chunk"]


# What the teachers say about a slice of positions: logits (chunk, vocab), or a sketch.
TeacherTargets = Callable[[slice], Tensor | SparseTarget]
Reduction = Literal["window_sum", "token_mean"]
CHUNK = 512


@dataclass(frozen=True)
class LossTerms:
    """What a batch says.

    Attributes:
        total: to differentiate.
        cross_entropy, kl: detached, nats per token under either reduction. `kl` is at the loss's
            temperature, without the factor T**2, and 0 when alpha is 1.
    """

    total: Tensor
    cross_entropy: Tensor
    kl: Tensor


def distillation_loss(
    hidden: Float[Tensor, "batch window hidden"],
    head: Float[Tensor, "vocab hidden"],
    labels: Int64[Tensor, "batch window"],
    teachers: TeacherTargets | None,
    *,
    temperature: float,
    alpha: float,
    reduction: Reduction,
    softcap: float | None = None,
    chunk: int = CHUNK,
    compiled: bool = False,
) -> LossTerms:
    """Weigh the text's cross-entropy against the KL from the teachers.

        alpha * CE(z, y) + (1 - alpha) * T**2 * KL(softmax(z_bar / T) || softmax(z / T))

    with z = hidden @ head.T. Holds a few (chunk, vocab) blocks, never (batch, window, vocab).
    Where the teachers give a sketch instead of logits, value and gradient of the KL are unbiased
    estimates.

    Args:
        hidden: the student's last hidden states, after its final norm.
        head: the student's output embedding, tied or not.
        labels: the next token at each position. IGNORE_INDEX takes a position out of CE and,
            under "token_mean", out of KL.
        teachers: given a slice of the batch * window positions, the ensemble's z_bar there, not
            yet divided by T, or a sketch of its distribution at T. No gradient flows into it.
            None is allowed when alpha is 1.
        temperature: T > 0. T**2 keeps the gradient's size comparable across temperatures.
        alpha: in [0, 1]. At 1 this is the twin's loss and `teachers` is not called.
        reduction: "token_mean" averages over the labelled positions. "window_sum" divides the KL
            summed over all positions by batch alone, as the paper's code does, so that KL weighs
            `window` times as much.
        softcap: the student's logits are c * tanh(z / c) of this c, as in Gemma 2.
        chunk: positions whose logits exist at once. It changes memory and speed, not the result.
        compiled: fuse the element-wise part with torch.compile, which needs a compiler. It
            changes speed, and the result by rounding alone.

    Returns:
        `total` with gradients to `hidden` and `head`, and the two terms for the log.

    Raises:
        ValueError: temperature or alpha out of range; teachers missing; vocabularies differ.

    Source: Hinton et al. 2015, section 2; Timiryasov and Tastet 2023 for alpha and the ensemble.
    """
    if not temperature > 0:
        raise ValueError(f"temperature is {temperature}; it must be above 0")
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha is {alpha}; it lies between 0 and 1")
    if teachers is None and alpha < 1:
        raise ValueError(f"alpha is {alpha}, so teachers are needed; at 1 they are not")
    batch, _, width = hidden.shape
    flat_labels = labels.reshape(-1)
    labelled = flat_labels != IGNORE_INDEX
    kl_mask = torch.ones_like(labelled) if reduction == "window_sum" else labelled
    exact = _at_least_float32(hidden.dtype)
    ce_count, kl_count = (mask.sum().clamp(min=1).to(exact) for mask in (labelled, kl_mask))
    kl_divisor = torch.full_like(kl_count, batch) if reduction == "window_sum" else kl_count
    weights = _Weights(
        ce=alpha / ce_count,
        kl=(1 - alpha) * temperature**2 / kl_divisor,
        temperature=temperature,
        alpha=alpha,
        softcap=softcap,
        compiled=compiled,
    )
    total, ce, kl = _ChunkedLoss.apply(  # type: ignore[no-untyped-call]
        hidden.reshape(-1, width),
        head,
        flat_labels,
        kl_mask,
        teachers,
        weights,
        chunk,
        torch.is_grad_enabled(),  # inside `forward` it always reads False
    )
    return LossTerms(total, ce / ce_count, kl / kl_count)


def cross_entropy_loss(
    hidden: Float[Tensor, "batch window hidden"],
    head: Float[Tensor, "vocab hidden"],
    labels: Int64[Tensor, "batch window"],
    *,
    softcap: float | None = None,
    compiled: bool = False,
) -> LossTerms:
    """The text alone: what teachers and twins minimise. The distillation loss at alpha = 1."""
    return distillation_loss(
        hidden, head, labels, None,
        temperature=1.0, alpha=1.0, reduction="token_mean", softcap=softcap, compiled=compiled,
    )  # fmt: skip


def token_log_probabilities(
    logits_of: Callable[[slice], Tensor], labels: Int64[Tensor, " tokens"], *, chunk: int = CHUNK
) -> Float[Tensor, " tokens"]:
    """log p(label) at each position in nats, a chunk of logits at a time; 0 where ignored.

    Args:
        logits_of: given a slice of the positions, their logits (chunk, vocab).
    """
    pieces = []
    for start in range(0, len(labels), chunk):
        part = slice(start, start + chunk)
        pieces.append(
            -F.cross_entropy(
                logits_of(part), labels[part], ignore_index=IGNORE_INDEX, reduction="none"
            )
        )
    return torch.cat(pieces)


def form_logits(
    states: Float[Tensor, "chunk hidden"],
    head: Float[Tensor, "vocab hidden"],
    softcap: float | None = None,
) -> Float[Tensor, "chunk vocab"]:
    """states @ head.T in float32 at least, however few bits the operands have."""
    exact = _at_least_float32(states.dtype)
    logits = states.to(exact) @ head.to(exact).T
    return logits if softcap is None else softcap * torch.tanh(logits / softcap)


def _at_least_float32(dtype: torch.dtype) -> torch.dtype:
    return torch.float64 if dtype == torch.float64 else torch.float32


@contextmanager
def short_products(enabled: bool) -> Iterator[None]:
    """Let float32 products on a processor multiply in bfloat16 and add up in float32.

    The operands lose bits, the results do not: logits and gradients stay float32, which rounding
    the results to bfloat16 would spoil (a KL's gradient is a difference of nearly equal numbers).
    """
    settings: Any = getattr(torch.backends.mkldnn, "matmul", None)
    if settings is None or not enabled:  # torch before 2.9 has no such setting: exact products
        yield
        return
    before = settings.fp32_precision
    settings.fp32_precision = "bf16"
    try:
        yield
    finally:
        settings.fp32_precision = before


@dataclass(frozen=True)
class _Weights:
    ce: Tensor
    kl: Tensor
    temperature: float
    alpha: float
    softcap: float | None
    compiled: bool


class _ChunkedLoss(torch.autograd.Function):
    """Forward takes the gradients along, since only there the logits exist."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        head: Tensor,
        labels: Tensor,
        kl_mask: Tensor,
        teachers: TeacherTargets | None,
        weights: _Weights,
        chunk: int,
        wants_gradient: bool,
    ) -> tuple[Tensor, Tensor, Tensor]:
        wants_gradient = wants_gradient and any(ctx.needs_input_grad[:2])
        exact = _at_least_float32(hidden.dtype)
        # Summed over the chunks in `exact`, whatever the head's own precision.
        head_gradient = torch.zeros_like(head, dtype=exact) if wants_gradient else head
        hidden_gradient = torch.empty_like(hidden) if wants_gradient else hidden
        ce_sum = kl_sum = torch.zeros((), dtype=exact, device=hidden.device)
        wide_head = head.to(exact)
        for start in range(0, len(labels), chunk):
            part = slice(start, min(start + chunk, len(labels)))
            states = hidden[part].to(exact)
            z = form_logits(states, wide_head, weights.softcap)
            ce, kl, z_gradient = _chunk_terms(
                z, labels[part], kl_mask[part], teachers, part, weights, wants_gradient
            )
            ce_sum, kl_sum = ce_sum + ce, kl_sum + kl
            if z_gradient is not None:
                if weights.softcap is not None:  # d c tanh(x / c) / d x = 1 - tanh(x / c)**2
                    z_gradient = z_gradient * (1 - (z / weights.softcap) ** 2)
                hidden_gradient[part] = z_gradient @ wide_head
                head_gradient.addmm_(z_gradient.T, states)
        ctx.mark_non_differentiable(ce_sum, kl_sum)
        if wants_gradient:
            ctx.save_for_backward(hidden_gradient, head_gradient.to(head.dtype))
        return weights.ce * ce_sum + weights.kl * kl_sum, ce_sum, kl_sum

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        hidden_gradient, head_gradient = ctx.saved_tensors
        upstream = gradients[0]
        return hidden_gradient * upstream, head_gradient * upstream, *[None] * 6


def _chunk_terms(
    z: Tensor,
    labels: Tensor,
    kl_mask: Tensor,
    teachers: TeacherTargets | None,
    part: slice,
    weights: _Weights,
    wants_gradient: bool,
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Summed CE and KL of a chunk, and d total / d z."""
    labelled = labels != IGNORE_INDEX
    label = labels.clamp(min=0)[:, None]
    ce = kl = z.new_zeros(())
    gradient = None
    ce_pass, kl_pass = (
        (_compiled(_cross_entropy), _compiled(_divergence))
        if weights.compiled
        else (_cross_entropy, _divergence)
    )
    if weights.alpha > 0:
        scale = (labelled * weights.ce)[:, None]
        log_normaliser, gradient = ce_pass(z, scale, wants_gradient)
        ce = ((log_normaliser - z.gather(1, label))[:, 0] * labelled).sum()
        if gradient is not None:
            gradient.scatter_add_(1, label, -scale.to(gradient.dtype))
    if weights.alpha < 1:
        assert teachers is not None
        target = teachers(part)
        scale = (kl_mask * weights.kl / weights.temperature)[:, None]
        if isinstance(target, SparseTarget):
            by_token, gradient = _sketched_divergence(
                z, target, weights.temperature, scale, gradient, wants_gradient
            )
        else:
            by_token, gradient = kl_pass(
                z, _same_shape(target, z), weights.temperature, scale, gradient, wants_gradient
            )
        kl = (by_token * kl_mask).sum()
    return ce, kl, gradient


def _same_shape(z_bar: Tensor, z: Tensor) -> Tensor:
    if z_bar.shape != z.shape:
        raise ValueError(
            f"the student's logits are {tuple(z.shape)}, the teachers' {tuple(z_bar.shape)}: "
            "they must share the vocabulary"
        )
    return z_bar.to(z.dtype)


def _cross_entropy(z: Tensor, scale: Tensor, wants_gradient: bool) -> tuple[Tensor, Tensor | None]:
    """log sum exp z of each row, and scale * softmax(z): the gradient but for the labels' ones."""
    log_normaliser = torch.logsumexp(z, dim=-1, keepdim=True)
    return log_normaliser, (z - log_normaliser).exp() * scale if wants_gradient else None


def _divergence(
    z: Tensor,
    z_bar: Tensor,
    temperature: float,
    scale: Tensor,
    gradient: Tensor | None,
    wants_gradient: bool,
) -> tuple[Tensor, Tensor | None]:
    """KL(softmax(z_bar / T) || softmax(z / T)) of each row; its gradient on top of `gradient`.

    d KL / d z = (softmax(z / T) - softmax(z_bar / T)) / T, the division being in `scale`.
    """
    log_q = torch.log_softmax(z / temperature, dim=-1)
    log_p = torch.log_softmax(z_bar / temperature, dim=-1)
    p = log_p.exp()
    kl = (p * (log_p - log_q)).sum(-1)
    if not wants_gradient:
        return kl, None
    ours = (log_q.exp() - p) * scale
    return kl, ours if gradient is None else gradient + ours


def _sketched_divergence(
    z: Tensor,
    target: SparseTarget,
    temperature: float,
    scale: Tensor,
    gradient: Tensor | None,
    wants_gradient: bool,
) -> tuple[Tensor, Tensor | None]:
    """An unbiased estimate of the KL of each row, -entropy - sum_j w_j log q_j; its gradient.

    d / d z = (sum(w) q - w) / T: like the exact one it adds up to zero over the vocabulary.
    """
    weights = target.weights.to(z.dtype)
    mass = weights.sum(-1, keepdim=True)
    log_normaliser, ours = _cross_entropy(z / temperature, scale * mass, wants_gradient)
    log_q = z.gather(1, target.tokens) / temperature - log_normaliser
    kl = -target.entropy.to(z.dtype) - (weights * log_q).sum(-1)
    if ours is None:
        return kl, None
    ours.scatter_add_(1, target.tokens, (-weights * scale).to(ours.dtype))
    return kl, ours if gradient is None else gradient + ours


@lru_cache
def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """One pass over a chunk in place of a dozen: on a processor the exponentials of separate
    passes cost as much as the products."""
    compiled: Callable[..., Any] = torch.compile(function)
    return compiled
