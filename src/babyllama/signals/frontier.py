"""The frontier of stored signals: how close each kind comes to the ensemble for its bytes.

Every kind at several sizes is fitted to some states and measured on others, as `fidelity.py`
measures the signal that is stored.
"""

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from babyllama.models.ensemble import Mixture
from babyllama.signals.encoding import Encoding, TeacherShapes
from babyllama.signals.fidelity import compare_with_ensemble
from babyllama.signals.kinds import STORED_KINDS

_FEWER_TOKENS = 2**13  # sample for kinds whose fitting forms logits


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
        A row an encoding: name ("hidden 64 B", "topk 14"), kind, bytes_per_token, and temperatures
        as `compare_with_ensemble` returns them.
    """
    fitted = list(fitted_variants(mixture, sample, sample_inputs))
    encodings = [encoding for _, _, encoding in fitted]
    found = compare_with_ensemble(encodings, mixture, held_out, held_out_inputs)
    return [
        {
            "name": name,
            "kind": kind,
            "bytes_per_token": encoding.sizes.bytes_per_token,
            "temperatures": by_temperature,
        }
        for (name, kind, encoding), by_temperature in zip(fitted, found, strict=True)
    ]


def fitted_variants(
    mixture: Mixture,
    sample: Float[Tensor, "tokens hidden"],
    inputs: Int64[Tensor, " tokens"] | None = None,
) -> Iterator[tuple[str, str, Encoding]]:
    """Name, kind and encoding of everything that is measured."""
    teachers = TeacherShapes(mixture.vocab_size, mixture.widths)
    fewer = sample[:: -(-len(sample) // _FEWER_TOKENS)]
    for kind in STORED_KINDS.values():
        for name, recipe in kind.variants(teachers, mixture.mean_of):
            chosen = (sample, inputs) if kind.keeps_heads else (fewer,)
            yield name, recipe.kind, kind.fit(recipe, mixture, *chosen)
