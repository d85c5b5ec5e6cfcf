"""Code shared by `topk` and `sampled`, the kinds that store a few tokens per position."""

from collections.abc import Callable, Iterator
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from babyllama.errors import InputError
from babyllama.models.ensemble import Mixture
from babyllama.models.logits import CHUNK
from babyllama.recipe import MeanOf, SampledSignal, TopKSignal
from babyllama.signals.encoding import Sizes, TeacherShapes

VARIANT_BYTES = (32, 64, 128, 256, 512)  # sizes that the frontier measures
SparseSignal = TypeVar("SparseSignal", TopKSignal, SampledSignal)


def logits_by_chunk(
    mixture: Mixture, states: Float[Tensor, "tokens hidden"], temperature: float
) -> Iterator[Float[Tensor, "chunk vocab"]]:
    """The mixture's logits of some states, a chunk of positions at a time."""
    for start in range(0, len(states), CHUNK):
        yield mixture.logits(states[start : start + CHUNK], temperature)


def sparse_bytes(k: int, vocab_size: int) -> int:
    """What k tokens take: a token number and a float16 logit each."""
    return k * (token_dtype(vocab_size).itemsize + 2)


def token_dtype(vocab_size: int) -> torch.dtype:
    """The smallest integers that hold every token."""
    return torch.uint16 if vocab_size <= 2**16 else torch.int32


def refuse_large_k(k: int, vocab_size: int) -> None:
    """Check that a position does not store more tokens than there are.

    Raises:
        InputError: names both numbers.
    """
    if k > vocab_size:
        raise InputError(
            f"k is {k}, the vocabulary has {vocab_size} tokens",
            why="A position cannot store more tokens than there are.",
            mend="A few dozen are usual: --k 12",
        )


def sparse_variants(
    make: Callable[[int, tuple[float, ...]], SparseSignal],
    sizes: Callable[[SparseSignal, TeacherShapes], Sizes],
    teachers: TeacherShapes,
    mean_of: MeanOf,
) -> Iterator[tuple[str, SparseSignal]]:
    """Names and recipes of a sparse kind at several sizes.

    Args:
        make: the recipe for a number of tokens and some temperatures.
        sizes: of such a recipe.
    """
    # The mean of probabilities differs by temperature, so a signal of it serves one temperature.
    temperatures = (1.0, 2.0) if mean_of == "logits" else (1.0,)
    one, two = (sizes(make(k, temperatures), teachers).bytes_per_token for k in (1, 2))
    for size in VARIANT_BYTES:
        k = max(1, 1 + (size - one) // (two - one))
        if k <= teachers.vocab_size:
            recipe = make(k, temperatures)
            yield f"{recipe.kind} {k}", recipe
