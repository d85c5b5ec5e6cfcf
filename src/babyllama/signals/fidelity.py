"""How close a stored signal comes to the ensemble itself, on held-out windows.

Two measures: the KL from the ensemble to what is read back, in nats per token (a sketch of a few
drawn tokens has none), and the gradient that a student would get from the signal against the exact
one, as the angle between the two and the ratio of their lengths.

No student exists yet when a signal is written, so a stand-in takes its place: its states are random
linear mixtures of the ensemble's states, a quarter as many, and its head is the least-squares fit
to the ensemble's logits. (The principal directions of the states would not do: a transform code
leaves out just what such a student does not know, and the angle would measure nothing else.) Its
gradient is that of its head, summed over all tokens, so noise that averages out over tokens, as a
sketch's does, averages out as in training. Angles compare encodings; a real student's are smaller
at the start of its training and larger at the end, when little is left to learn: see
`benchmarks/signal_frontier.py`.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from babyllama.models.ensemble import Mixture
from babyllama.models.logits import CHUNK
from babyllama.models.loss import SparseTarget, TeacherTargets
from babyllama.signals.encoding import Encoding

_TEMPERATURES = (1.0, 2.0)  # where an encoding that serves any temperature is measured
Measures = dict[str, float | None]


@torch.no_grad()
def measure_fidelity(
    encoding: Encoding,
    mixture: Mixture,
    states: Float[Tensor, "tokens hidden"],
    inputs: Int64[Tensor, " tokens"] | None = None,
) -> dict[str, Any]:
    """Encode held-out states, decode them, and compare them with the ensemble.

    Args:
        inputs: the token that was read at each state.

    Returns:
        bytes_per_token, tokens, tokens_per_second_read (from stored numbers to logits or a sketch,
        which training waits for), and temperatures as `compare_with_ensemble` returns them.
    """
    [by_temperature] = compare_with_ensemble([encoding], mixture, states, inputs)
    return {
        "bytes_per_token": encoding.sizes.bytes_per_token,
        "tokens": len(states),
        "tokens_per_second_read": len(states) / _seconds_of_reading(encoding, states, inputs),
        "temperatures": by_temperature,
    }


@torch.no_grad()
def compare_with_ensemble(
    encodings: Sequence[Encoding],
    mixture: Mixture,
    states: Float[Tensor, "tokens hidden"],
    inputs: Int64[Tensor, " tokens"] | None = None,
) -> list[dict[str, Measures]]:
    """Several encodings against the ensemble, whose logits are formed once for all of them.

    Returns:
        For each encoding, and each temperature ("1", "2") that it is read at: kl (nats per token;
        None for a sketch), gradient_angle (degrees) and gradient_norm_ratio.
    """
    stored = [_encoded(each, states, inputs) for each in encodings]
    student = stand_in(states, mixture.head.weight)
    found: list[dict[str, Measures]] = [{} for _ in encodings]
    for temperature in sorted(
        {t for each in encodings for t in each.temperatures or _TEMPERATURES}
    ):
        targets = {
            number: each.targets(stored[number], temperature)
            for number, each in enumerate(encodings)
            if each.temperatures is None or temperature in each.temperatures
        }
        for number, measures in _compare_at(temperature, targets, mixture, states, student).items():
            found[number][f"{temperature:g}"] = measures
    return found


def _compare_at(
    temperature: float,
    targets: dict[int, TeacherTargets],
    mixture: Mixture,
    states: Tensor,
    student: tuple[Tensor, Tensor],
) -> dict[int, Measures]:
    student_states, student_head = student
    exact_gradient = torch.zeros_like(student_head)
    sums = {number: _Sums(torch.zeros_like(student_head)) for number in targets}
    for start in range(0, len(states), CHUNK):
        part = slice(start, min(start + CHUNK, len(states)))
        log_p = torch.log_softmax(mixture.logits(states[part], temperature) / temperature, dim=-1)
        h = student_states[part]
        q = torch.softmax(h @ student_head.T / temperature, dim=-1)
        exact_gradient += (q - log_p.exp()).T @ h
        for number, target in targets.items():
            sums[number].add(target(part), log_p, q, h, temperature)
    return {
        number: {
            "kl": None if each.kl is None else each.kl / len(states),
            **angle(each.gradient, exact_gradient),
        }
        for number, each in sums.items()
    }


@dataclass
class _Sums:
    """KL and gradient of one encoding, summed over the tokens so far."""

    gradient: Tensor
    kl: float | None = 0.0

    def add(
        self, target: Tensor | SparseTarget, log_p: Tensor, q: Tensor, h: Tensor, temperature: float
    ) -> None:
        if isinstance(target, SparseTarget):
            self.kl = None
            q = q * target.weights.sum(-1, keepdim=True)
            self.gradient += q.scatter_add(1, target.tokens, -target.weights).T @ h
            return
        log_read = torch.log_softmax(target / temperature, dim=-1)
        assert self.kl is not None
        self.kl += float((log_p.exp() * (log_p - log_read)).sum(-1).double().sum())
        self.gradient += (q - log_read.exp()).T @ h


def _encoded(encoding: Encoding, states: Tensor, inputs: Tensor | None) -> dict[str, Tensor]:
    seeds = torch.arange(len(states), device=states.device)
    stored = encoding.encode(states, seeds, inputs)
    return stored if inputs is None else {**stored, "inputs": inputs}


def _seconds_of_reading(encoding: Encoding, states: Tensor, inputs: Tensor | None) -> float:
    stored = _encoded(encoding, states, inputs)
    targets = encoding.targets(stored, (encoding.temperatures or _TEMPERATURES)[0])
    started = time.perf_counter()
    for start in range(0, len(states), CHUNK):
        targets(slice(start, start + CHUNK))
    return time.perf_counter() - started


def angle(gradient: Tensor, exact: Tensor) -> dict[str, float]:
    """Degrees between two gradients, and the ratio of the first one's length to the second's."""
    one, other = gradient.double().flatten(), exact.double().flatten()
    cosine = float(one @ other / (one.norm() * other.norm()))
    return {
        "gradient_angle": math.degrees(math.acos(max(-1.0, min(1.0, cosine)))),
        "gradient_norm_ratio": float(one.norm() / other.norm()),
    }


def stand_in(states: Tensor, head: Tensor) -> tuple[Tensor, Tensor]:
    """States and head of the stand-in student; its states end in a 1."""
    mean = states.mean(0)
    centred = states - mean
    hidden = states.shape[1]
    generator = torch.Generator().manual_seed(0)
    mixing = torch.randn(hidden, max(1, hidden // 4), generator=generator).to(states)
    seen = centred @ (mixing / math.sqrt(hidden))
    best = torch.linalg.lstsq(seen.T @ seen, seen.T @ centred).solution  # states from what it sees
    ones = states.new_ones(len(states), 1)
    return (
        torch.cat([seen, ones], dim=1),
        torch.cat([head @ best.T, (head @ mean)[:, None]], dim=1),
    )
