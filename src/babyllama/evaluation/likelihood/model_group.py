"""Models of one kind that are read as one, for kinds whose head is more than a product."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from babyllama.models.ensemble import mean_logits
from babyllama.models.precision import computing_in
from babyllama.recipe import MeanOf

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class ModelGroup:
    """One model or more.

    Attributes:
        weights: of each model, summing to 1.
        mean_of: what is averaged over them.
        dtype: what they compute in.
    """

    models: "Sequence[PreTrainedModel]"
    weights: Sequence[float]
    mean_of: MeanOf
    dtype: torch.dtype

    @property
    def device(self) -> torch.device:
        """Where the models are."""
        device: torch.device = self.models[0].device
        return device

    @property
    def vocab_size(self) -> int:
        """Tokens that every model knows."""
        return min(int(model.config.vocab_size) for model in self.models)

    def log_probabilities(
        self, logits_of: "Callable[[PreTrainedModel], Float[Tensor, '*positions vocab']]"
    ) -> Float[Tensor, "*positions vocab"]:
        """log p of every token in float32, from each model's logits at the same positions."""
        with computing_in(self.dtype, self.device):
            each = (logits_of(model).float() for model in self.models)
            return torch.log_softmax(mean_logits(each, self.weights, self.mean_of), dim=-1)
