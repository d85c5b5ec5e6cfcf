"""Several models as one: the mean of their logits, by one product.

    [h1 | h2] @ [W1 / 2 | W2 / 2].T  =  (z1 + z2) / 2

so that an ensemble has hidden states and a head like any model, and whatever scores, stores or
distils one works on the other. A single model is an ensemble of one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from babyllama.errors import InputError
from babyllama.models import hidden_states, load_model, output_head, prefer_fast_attention
from babyllama.tokenizer import load_tokenizer, same_vocabulary

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Ensemble:
    """Models that share a vocabulary, read as one.

    Attributes:
        head: all output heads side by side, each times its model's weight.
        dtype: what the models compute in.
    """

    models: tuple["PreTrainedModel", ...]
    head: Float[Tensor, "vocab hidden"]
    dtype: torch.dtype

    @torch.no_grad()
    def states(
        self, input_ids: Int64[Tensor, "batch window"]
    ) -> Float[Tensor, "batch window hidden"]:
        """All models' last hidden states side by side: `states @ head.T` is the mean of logits."""
        enabled = self.dtype != torch.float32
        with torch.autocast(input_ids.device.type, dtype=self.dtype, enabled=enabled):
            return torch.cat([hidden_states(model, input_ids) for model in self.models], dim=-1)


def combine(
    models: Sequence["PreTrainedModel"],
    vocab_size: int,
    *,
    weights: Sequence[float] | None = None,
    dtype: torch.dtype = torch.float32,
) -> Ensemble:
    """Read several models as one.

    Args:
        vocab_size: tokens of the tokenizer; rows of a head beyond them (padding that some models
            carry) are cut off.
        weights: one a model, summing to 1; equal by default, as in the paper.

    Raises:
        InputError: a model that knows fewer tokens than the tokenizer has.
    """
    shares = list(weights or [1 / len(models)] * len(models))
    heads = []
    for model, share in zip(models, shares, strict=True):
        head = output_head(model).detach()
        if len(head) < vocab_size:
            raise InputError(
                f"{model.config.name_or_path or model.config.model_type} knows {len(head)} tokens, "
                f"the tokenizer has {vocab_size}",
                mend="Use the tokenizer that the model was trained with.",
            )
        heads.append(head[:vocab_size] * share)
    return Ensemble(tuple(models), torch.cat(heads, dim=-1), dtype)


def refuse_long_windows(ensemble: Ensemble, window: int) -> None:
    """Check that every model can see a whole window.

    Raises:
        InputError: names the model and its positions.
    """
    for model in ensemble.models:
        positions = getattr(model.config, "max_position_embeddings", None)
        if positions is not None and positions < window:
            raise InputError(
                f"{model.config.name_or_path} has {positions} positions, a window {window} tokens",
                why="A teacher must see the whole window that the student reads.",
                mend="Use shorter windows, or teachers with more positions.",
            )


def load_ensemble(
    folders: Sequence[Path], *, device: torch.device, dtype: torch.dtype = torch.float32
) -> Ensemble:
    """Load one or several model folders as one model.

    Raises:
        InputError: folders whose tokenizers number tokens differently; what `load_model` raises.
    """
    for folder in folders[1:]:
        if not same_vocabulary(folders[0], folder):
            raise InputError(
                f"{folders[0]} and {folder} have different vocabularies",
                why="Their logits speak of different tokens, so they cannot be averaged.",
                mend="Train both with one tokenizer.",
            )
    models = [load_model(folder).to(device) for folder in folders]
    for model in models:
        prefer_fast_attention(model, device)
    return combine(models, len(load_tokenizer(folders[0])), dtype=dtype)
