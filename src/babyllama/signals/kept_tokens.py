"""What the two kinds that keep a few tokens a position have in common."""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from babyllama.models.ensemble import Mixture
from babyllama.models.logits import CHUNK


def logits_by_chunk(
    mixture: Mixture, states: Float[Tensor, "tokens hidden"], temperature: float
) -> Iterator[Float[Tensor, "chunk vocab"]]:
    """The mixture's logits of some states, a chunk of positions at a time."""
    for start in range(0, len(states), CHUNK):
        yield mixture.logits(states[start : start + CHUNK], temperature)


def kept_bytes(k: int, vocab_size: int) -> int:
    """What k tokens take: a number and half a float each."""
    return k * (narrow_integers(vocab_size).itemsize + 2)


def narrow_integers(vocab_size: int) -> torch.dtype:
    """The smallest integers that hold every token."""
    return torch.uint16 if vocab_size <= 2**16 else torch.int32
