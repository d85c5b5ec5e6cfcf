"""The frontier of stored signals: how close each kind comes to the ensemble for its bytes.

Every kind at several sizes, fitted to some states and measured on others, as `fidelity.py` measures
the one that is stored.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from babyllama.models.ensemble import Mixture
from babyllama.recipe import HiddenSignal, SampledSignal, StoredSignal, TopKSignal
from babyllama.signals.fidelity import compare
from babyllama.signals.formats import Format, fit_format
from babyllama.signals.sampled import Sampled
from babyllama.signals.topk import TopK

_CODED_BYTES = (8, 16, 32, 64, 128)
_KEPT_BYTES = (32, 64, 128, 256, 512)
_REST_TOKENS = 2**13  # enough to learn how the rest of topk is spread, which takes logits


@torch.no_grad()
def measure_frontier(
    mixture: Mixture,
    sample: Float[Tensor, "tokens hidden"],
    held_out: Float[Tensor, "held hidden"],
    sample_inputs: Int64[Tensor, " tokens"] | None = None,
    held_out_inputs: Int64[Tensor, " held"] | None = None,
) -> list[dict[str, Any]]:
    """Measure every kind at several sizes.

    Args:
        sample: states that codes and tables are fitted to.
        held_out: states of other text, on which they are measured.
        sample_inputs, held_out_inputs: the token that was read at each state.

    Returns:
        A row a form: name ("hidden 64 B", "topk 14"), kind, bytes_per_token, and temperatures as
        `fidelity.compare` gives them.
    """
    names, kinds, forms = zip(*frontier_forms(mixture, sample, sample_inputs), strict=True)
    found = compare(forms, mixture, held_out, held_out_inputs)
    return [
        {
            "name": name,
            "kind": kind,
            "bytes_per_token": form.bytes_per_token,
            "temperatures": by_temperature,
        }
        for name, kind, form, by_temperature in zip(names, kinds, forms, found, strict=True)
    ]


def frontier_forms(
    mixture: Mixture,
    sample: Float[Tensor, "tokens hidden"],
    inputs: Int64[Tensor, " tokens"] | None = None,
) -> Iterator[tuple[str, str, Format]]:
    """Name, kind and form of all that is measured."""
    some = sample[:: -(-len(sample) // _REST_TOKENS)]
    for name, recipe in _recipes(mixture):
        if isinstance(recipe, TopKSignal):
            yield name, recipe.kind, fit_format(recipe, mixture, some)
        else:
            yield name, recipe.kind, fit_format(recipe, mixture, sample, inputs)


def _recipes(mixture: Mixture) -> Iterator[tuple[str, StoredSignal]]:
    yield "hidden bfloat16", HiddenSignal(kind="hidden")
    yield "hidden int8", HiddenSignal(kind="hidden", precision="int8")
    for size in _CODED_BYTES:
        if size < sum(mixture.widths):
            yield f"hidden {size} B", HiddenSignal(kind="hidden", bytes_per_token=size)
    # The mean of probabilities is another at each temperature, and they keep one.
    temperatures = (1.0, 2.0) if mixture.mean_of == "logits" else (1.0,)
    nothing = torch.empty(len(temperatures), mixture.vocab_size, device="meta")
    for size in _KEPT_BYTES:
        k = _kept_within(size, lambda k: TopK(k, temperatures, nothing).bytes_per_token)
        if k <= mixture.vocab_size:
            yield f"topk {k}", TopKSignal(kind="topk", k=k, temperatures=temperatures)
    for size in _KEPT_BYTES:
        k = _kept_within(
            size, lambda k: Sampled(k, temperatures, mixture.vocab_size).bytes_per_token
        )
        if k <= mixture.vocab_size:
            yield f"sampled {k}", SampledSignal(kind="sampled", k=k, temperatures=temperatures)


def _kept_within(size: int, bytes_of: Callable[[int], int]) -> int:
    """The most tokens that fit into so many bytes; at least one."""
    return max(1, 1 + (size - bytes_of(1)) // (bytes_of(2) - bytes_of(1)))
