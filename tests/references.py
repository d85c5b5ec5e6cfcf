"""Plain formulas: slow, obvious, in float64; what the fast code is held against."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812


def plain_loss(
    hidden: Tensor,
    head: Tensor,
    labels: Tensor,
    teacher_logits: Tensor | None,
    *,
    temperature: float,
    alpha: float,
    reduction: str,
) -> tuple[Tensor, Tensor, Tensor]:
    """(total, cross-entropy, KL) as a textbook writes them, all logits at once.

    The KL of "window_sum" is torch's KLDivLoss with `batchmean` on (batch, window, vocab), which
    is what the paper's code calls.
    """
    logits = hidden @ head.T
    cross_entropy = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-100)
    if teacher_logits is None:
        return cross_entropy, cross_entropy, logits.new_zeros(())
    student = F.log_softmax(logits / temperature, dim=-1)
    teacher = F.softmax(teacher_logits / temperature, dim=-1)
    by_token = (teacher * (teacher.log() - student)).sum(-1)
    if reduction == "window_sum":
        kl_term = F.kl_div(student, teacher, reduction="batchmean")
        kl = by_token.mean()
    else:
        kl = kl_term = by_token[labels != -100].mean()
    total = alpha * cross_entropy + (1 - alpha) * temperature**2 * kl_term
    return total, cross_entropy, kl


def realistic_logits(rows: Sequence[int], vocab: int, generator: torch.Generator) -> Tensor:
    """Logits as trained models have them: a Zipf-like prior, a few confident tokens a position."""
    prior = -torch.arange(1, vocab + 1, dtype=torch.float64).log()
    noise = torch.randn(*rows, vocab, generator=generator, dtype=torch.float64)
    peaks = torch.randint(0, vocab, (*rows, 2), generator=generator)
    logits = prior + 1.5 * noise
    return logits.scatter_add(-1, peaks, torch.full((*rows, 2), 6.0, dtype=torch.float64))
