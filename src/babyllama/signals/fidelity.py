"""How close a stored signal comes to the ensemble itself, on held-out windows.

Two measures. The KL from the ensemble to what is read back, in nats a token; a sketch of a few
drawn tokens has none. And the gradient that a student would get from it against the exact one:
the angle between them and the ratio of their lengths.

No student exists yet when a signal is written, so one stands in: the ensemble seen through the
first quarter of its states' principal directions, which is as near to its teachers as a student of
a quarter of their width can come. Its gradient is that of its head, summed over all tokens; noise
that averages out over tokens, as a sketch's does, averages out in it as it does in training.
"""

import math
import time
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from babyllama.ensemble import Mixture
from babyllama.losses import CHUNK, SparseTarget
from babyllama.signals.formats import Format

_TEMPERATURES = (1.0, 2.0)


@torch.no_grad()
def measure_fidelity(
    form: Format, mixture: Mixture, states: Float[Tensor, "tokens hidden"]
) -> dict[str, Any]:
    """Encode held-out states, read them back, and compare.

    Returns:
        bytes_per_token, tokens, tokens_per_second_read (the reading that training waits for: from
        stored numbers to logits or a sketch), and for each temperature that the form serves
        kl (nats a token; None for a sketch), gradient_angle (degrees) and gradient_norm_ratio.
    """
    seeds = torch.arange(len(states), device=states.device)
    stored = form.encode(states, seeds)
    student_states, student_head = _stand_in(states, mixture.head)
    served = [t for t in _TEMPERATURES if t in (form.temperatures or _TEMPERATURES)]
    by_temperature = {
        f"{temperature:g}": _compare(
            form, stored, mixture, states, (student_states, student_head), temperature
        )
        for temperature in served
    }
    started = time.perf_counter()
    targets = form.targets(stored, [*served, *(form.temperatures or ())][0])
    for start in range(0, len(states), CHUNK):
        targets(slice(start, start + CHUNK))
    seconds = time.perf_counter() - started
    return {
        "bytes_per_token": form.bytes_per_token,
        "tokens": len(states),
        "tokens_per_second_read": len(states) / seconds,
        "temperatures": by_temperature,
    }


def _compare(
    form: Format,
    stored: dict[str, Tensor],
    mixture: Mixture,
    states: Tensor,
    student: tuple[Tensor, Tensor],
    temperature: float,
) -> dict[str, float | None]:
    targets = form.targets(stored, temperature)
    kl: Tensor | None = states.new_zeros((), dtype=torch.float64)
    exact_gradient = torch.zeros_like(student[1])
    gradient = torch.zeros_like(student[1])
    for start in range(0, len(states), CHUNK):
        part = slice(start, min(start + CHUNK, len(states)))
        log_p = torch.log_softmax(mixture.logits(states[part], temperature) / temperature, dim=-1)
        h = student[0][part]
        q = torch.softmax(h @ student[1].T / temperature, dim=-1)
        exact_gradient += (q - log_p.exp()).T @ h
        target = targets(part)
        if isinstance(target, SparseTarget):
            kl = None
            q = q * target.weights.sum(-1, keepdim=True)
            gradient += q.scatter_add(1, target.tokens, -target.weights).T @ h
            continue
        log_read = torch.log_softmax(target / temperature, dim=-1)
        assert kl is not None
        kl += (log_p.exp() * (log_p - log_read)).sum(-1).double().sum()
        gradient += (q - log_read.exp()).T @ h
    return {
        "kl": None if kl is None else float(kl) / len(states),
        **angle(gradient, exact_gradient),
    }


def angle(gradient: Tensor, exact: Tensor) -> dict[str, float]:
    """Degrees between two gradients, and the length of the first in lengths of the second."""
    one, other = gradient.double().flatten(), exact.double().flatten()
    cosine = float(one @ other / (one.norm() * other.norm()))
    return {
        "gradient_angle": math.degrees(math.acos(max(-1.0, min(1.0, cosine)))),
        "gradient_norm_ratio": float(one.norm() / other.norm()),
    }


def _stand_in(states: Tensor, head: Tensor) -> tuple[Tensor, Tensor]:
    """States and head of the stand-in student; the last column of its states is 1."""
    mean = states.mean(0)
    centred = states - mean
    _, vectors = torch.linalg.eigh(centred.T @ centred)
    directions = vectors[:, -max(1, states.shape[1] // 4) :]
    ones = states.new_ones(len(states), 1)
    return (
        torch.cat([centred @ directions, ones], dim=1),
        torch.cat([head @ directions, (head @ mean)[:, None]], dim=1),
    )
