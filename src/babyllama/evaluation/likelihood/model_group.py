"""Masked models or encoder-decoders averaged as one: their heads are not one matrix product."""

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
    """One or more models with a common vocabulary.

    Attributes:
        weights: one for each model; they sum to 1.
        mean_of: whether logits or probabilities are averaged.
        dtype: the data type in which the models compute.
    """

    models: "Sequence[PreTrainedModel]"
    weights: Sequence[float]
    mean_of: MeanOf
    dtype: torch.dtype

    @property
    def device(self) -> torch.device:
        """The device of the models."""
        device: torch.device = self.models[0].device
        return device

    @property
    def vocab_size(self) -> int:
        """The size of the smallest vocabulary."""
        return min(int(model.config.vocab_size) for model in self.models)

    def log_probabilities(
        self, logits_of: "Callable[[PreTrainedModel], Float[Tensor, '*positions vocab']]"
    ) -> Float[Tensor, "*positions vocab"]:
        """Average the models and return log-probabilities in float32.

        Args:
            logits_of: a model's logits, at the same positions for every model.
        """
        with computing_in(self.dtype, self.device):
            each = (logits_of(model).float() for model in self.models)
            return torch.log_softmax(mean_logits(each, self.weights, self.mean_of), dim=-1)
