"""Label smoothing: the text's next token mixed with a distribution that is the same everywhere.

    CE(q, z) = (1 - epsilon) * CE(y, z) + epsilon * KL(u || softmax(z)) + constant

with the target q = (1 - epsilon) * y + epsilon * u, so it is the distillation loss at alpha =
1 - epsilon and temperature 1, whose teachers say log u at every position. u is uniform, or the
frequency of each token in the training text. Source: Szegedy et al. 2016 (uniform); Pereyra et al.
2017 (unigram).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from babyllama.data.windows import IGNORE_INDEX, Batch, Windows
from babyllama.errors import InputError
from babyllama.models.ensemble import load_ensemble, refuse_unread_windows
from babyllama.models.logits import CHUNK, Head
from babyllama.models.loss import LossTerms, distillation_loss
from babyllama.models.precision import pick_device
from babyllama.recipe import Mixing, Smoothing
from babyllama.training.gradient import Loss

_WINDOWS = 256  # for the teachers' mean entropy; on mini it is within 0.3% of that over all windows
_AT_ONCE = 2048  # tokens the teachers read at once; it changes only speed and memory


@dataclass(frozen=True)
class MatchedTeachers:
    """The teachers whose mean entropy a smoothed target has, and how their student reads them."""

    folders: Sequence[Path]
    mixing: Mixing
    temperature: float


def smoothed_loss(
    epsilon: float, fixed: Float64[np.ndarray, " vocab"], *, compiled: bool = False
) -> Loss:
    """The loop's `loss`: cross-entropy to the smoothed target, up to a constant.

    Args:
        epsilon: in [0, 1): the weight of `fixed`. At 0 this is the twin's loss, bit for bit.
        fixed: u, a distribution over the vocabulary.
    """
    tiny = torch.finfo(torch.float32).tiny  # no logarithm of 0; adds nothing to any sum
    logits = torch.from_numpy(fixed).clamp(min=tiny).log().float()

    def loss(hidden: Tensor, head: Head, batch: Batch) -> LossTerms:
        u = logits.to(hidden.device)
        return distillation_loss(
            hidden,
            head,
            batch.labels,
            lambda part: u.expand(part.stop - part.start, -1),
            temperature=1.0,
            alpha=1 - epsilon,
            reduction="token_mean",
            compiled=compiled,
        )

    return loss


def fixed_distribution(
    smoothing: Smoothing, frequencies: Float64[np.ndarray, " vocab"]
) -> Float64[np.ndarray, " vocab"]:
    """What the target is smoothed towards.

    Args:
        frequencies: the share of each token in the training text.
    """
    if smoothing.towards == "unigram":
        return frequencies
    return np.full(len(frequencies), 1 / len(frequencies))


def target_entropy(
    epsilon: float,
    fixed: Float64[np.ndarray, " vocab"],
    frequencies: Float64[np.ndarray, " vocab"],
) -> float:
    """Mean entropy in nats of the smoothed target over a text with these token frequencies."""
    smooth = epsilon * fixed
    label = 1 - epsilon + smooth  # what the target gives to the next token
    others = _entropy_terms(smooth).sum() - _entropy_terms(smooth)
    return float((frequencies * (_entropy_terms(label) + others)).sum())


def matched_epsilon(
    entropy: float,
    fixed: Float64[np.ndarray, " vocab"],
    frequencies: Float64[np.ndarray, " vocab"],
) -> float:
    """The epsilon with which the target has this mean entropy in nats.

    Raises:
        InputError: more than any epsilon gives.
    """
    largest = target_entropy(1.0, fixed, frequencies)
    if entropy >= largest:
        raise InputError(
            f"the teachers' mean entropy is {entropy:.3f} nats per token, and no epsilon gives the "
            f"smoothed target more than {largest:.3f}",
            mend="Give smoothing.epsilon a number, smooth towards uniform, or lower the student's "
            "temperature.",
        )
    low, high = 0.0, 1.0
    for _ in range(60):  # the entropy rises with epsilon; each step halves the interval
        middle = (low + high) / 2
        below = target_entropy(middle, fixed, frequencies) < entropy
        low, high = (middle, high) if below else (low, middle)
    return (low + high) / 2


@torch.no_grad()
def teachers_entropy(teachers: MatchedTeachers, tokens: Path, window: int) -> float:
    """Mean entropy in nats per token of the ensemble on some training windows, evenly spaced.

    Raises:
        InputError: what `load_ensemble` raises, or teachers with fewer positions than a window.
    """
    device, temperature = pick_device(), teachers.temperature
    ensemble = load_ensemble(teachers.folders, device=device, mixing=teachers.mixing)
    windows = Windows(tokens, "train", window)
    refuse_unread_windows(ensemble, window, separate=windows.separates_documents)
    total, count = 0.0, 0
    for batch in windows.evenly_spaced(_WINDOWS, max(1, _AT_ONCE // window)):
        states = ensemble.states_of(batch).flatten(0, 1)
        states = states[(batch.labels.flatten() != IGNORE_INDEX).to(device)]
        for part in torch.split(states, CHUNK):
            z_bar = ensemble.mixture.logits(part, temperature) / temperature
            log_p = torch.log_softmax(z_bar, dim=-1)
            total -= float((log_p.exp() * log_p).sum(-1).double().sum())
        count += len(states)
    return total / count


def _entropy_terms(p: Float64[np.ndarray, " vocab"]) -> Float64[np.ndarray, " vocab"]:
    return -p * np.log(np.where(p > 0, p, 1.0))
