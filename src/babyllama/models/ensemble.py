"""Several models as one: the mean of their logits, by one product.

    [h1 | h2] @ [W1 / 2 | W2 / 2].T  =  (z1 + z2) / 2

so an ensemble has hidden states and logits like any model, and code that scores, stores or distils
a model works on an ensemble too. A single model is an ensemble of one. The mean of probabilities
and models with a softcap take one product a model instead.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from babyllama.console import print_status
from babyllama.data.tokenizer import differing_tokens, load_tokenizer
from babyllama.data.windows import Batch
from babyllama.errors import InputError
from babyllama.models.build import positions_of, prefer_fast_attention
from babyllama.models.documents import refuse_joined_documents, separate_documents
from babyllama.models.loading import load_model
from babyllama.models.logits import (
    Head,
    form_logits,
    hidden_states,
    output_head,
    token_log_probabilities,
)
from babyllama.models.precision import computing_in, operand_dtype, pick_device
from babyllama.models.vocabulary import shared_vocabulary
from babyllama.recipe import EQUAL_WEIGHTS, MeanOf, Mixing, weights_fault

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Mixture:
    """How the states of several models, side by side, become the logits of one.

    Attributes:
        heads: of each model, without bias and scale (`Head.as_product`); their widths add up to
            that of the states.
        weights: of each model; they sum to 1.
        mean_of: "logits" is the paper's. "probabilities" averages softmax(z_k / T).
    """

    heads: tuple[Head, ...]
    weights: tuple[float, ...]
    mean_of: MeanOf = "logits"

    @property
    def vocab_size(self) -> int:
        """Logits of a position."""
        return self.heads[0].vocab_size

    @property
    def widths(self) -> tuple[int, ...]:
        """Columns of the states that belong to each model."""
        return tuple(head.weight.shape[1] for head in self.heads)

    @property
    def is_linear(self) -> bool:
        """Whether the mixture's logits are one product of its states."""
        return self.mean_of == "logits" and not any(head.softcap for head in self.heads)

    @cached_property
    def head(self) -> Head:
        """All heads side by side, each times its model's weight, as one head without softcap."""
        weighted = [
            head.weight * weight for head, weight in zip(self.heads, self.weights, strict=True)
        ]
        return Head(torch.cat(weighted, dim=-1))

    def head_in(self, dtype: torch.dtype) -> Head:
        """`head` in a data type, converted once and not for every chunk of states."""
        if dtype not in self._converted:
            weight = self.head.weight
            same = weight.dtype == dtype
            self._converted[dtype] = self.head if same else Head(weight.to(dtype))
        return self._converted[dtype]

    @cached_property
    def _converted(self) -> dict[torch.dtype, Head]:
        return {}

    def logits(
        self, states: Float[Tensor, "chunk hidden"], temperature: float = 1.0
    ) -> Float[Tensor, "chunk vocab"]:
        """z_bar, such that softmax(z_bar / T) is the mixture's distribution at this temperature.

        Under the mean of probabilities z_bar = T * log(sum_k w_k softmax(z_k / T)) depends on the
        temperature; under the mean of logits it does not.
        """
        if self.is_linear:
            return form_logits(states, self.head_in(operand_dtype(states)))
        parts = torch.split(states, list(self.widths), dim=-1)
        # A generator: one model's logits exist at a time.
        each = (form_logits(part, head) for part, head in zip(parts, self.heads, strict=True))
        return mean_logits(each, self.weights, self.mean_of, temperature=temperature)

    def log_probabilities(
        self, states: Float[Tensor, "tokens hidden"], labels: Int64[Tensor, " tokens"]
    ) -> Float[Tensor, " tokens"]:
        """log p(label) at each position in nats, 0 where the label is ignored."""
        return token_log_probabilities(lambda part: self.logits(states[part]), labels)

    def with_weights(self, weights: Sequence[float]) -> "Mixture":
        """The same models with other weights.

        Raises:
            InputError: not one weight per model, a negative one, or a sum other than 1.
        """
        refuse_weights(weights, len(self.heads))
        return replace(self, weights=tuple(weights))


@dataclass(frozen=True)
class Ensemble:
    """Models that share a vocabulary, read as one.

    Attributes:
        mixture: turns their states into one model's logits.
        dtype: the precision that the models compute in.
    """

    models: tuple["PreTrainedModel", ...]
    mixture: Mixture
    dtype: torch.dtype

    @staticmethod
    def load(*folders: str | PathLike[str], mixing: Mixing = EQUAL_WEIGHTS) -> "Ensemble":
        """Load model folders as one model in float32, on the GPU where there is one.

        Raises:
            InputError: what `load_ensemble` raises.
        """
        return load_ensemble([Path(each) for each in folders], device=pick_device(), mixing=mixing)

    def logits(
        self, input_ids: Int64[Tensor, "batch window"]
    ) -> Float[Tensor, "batch window vocab"]:
        """The mixture's logits at all positions, for looking at a few texts."""
        flat = self.mixture.logits(self.states(input_ids).flatten(0, 1))
        return flat.reshape(*input_ids.shape, -1)

    @property
    def device(self) -> torch.device:
        """Where the models are."""
        return self.mixture.heads[0].weight.device

    @torch.no_grad()
    def states(
        self, input_ids: Int64[Tensor, "batch window"], **context: Any
    ) -> Float[Tensor, "batch window hidden"]:
        """All models' last hidden states side by side, as the mixture reads them.

        Args:
            context: as for `hidden_states`.
        """
        with computing_in(self.dtype, input_ids.device):
            each = [
                output_head(model).with_bias_column(hidden_states(model, input_ids, **context))
                for model in self.models
            ]
        return torch.cat(each, dim=-1)

    def states_of(self, batch: Batch) -> Float[Tensor, "batch window hidden"]:
        """`states` of a batch's windows; documents are read separately if it has positions."""
        positions = None if batch.position_ids is None else batch.position_ids.to(self.device)
        context = separate_documents(positions, self.dtype)
        return self.states(batch.input_ids.to(self.device), **context)


def mean_logits(
    each: Iterable[Float[Tensor, "*positions vocab"]],
    weights: Sequence[float],
    mean_of: MeanOf,
    *,
    temperature: float = 1.0,
) -> Float[Tensor, "*positions vocab"]:
    """z_bar of several models' logits, which are overwritten: see `Mixture.logits`."""
    if mean_of == "logits":
        return reduce(Tensor.add_, (z.mul_(w) for z, w in zip(each, weights, strict=True)))
    logs = (
        torch.log_softmax(z / temperature, dim=-1).add_(math.log(weight))
        for z, weight in zip(each, weights, strict=True)
        if weight > 0
    )
    return reduce(torch.logaddexp, logs).mul_(temperature)


def combine(
    models: Sequence["PreTrainedModel"],
    vocab_size: int,
    *,
    mixing: Mixing = EQUAL_WEIGHTS,
    dtype: torch.dtype = torch.float32,
) -> Ensemble:
    """Read several models as one.

    Args:
        vocab_size: tokens of the tokenizer; rows of a head beyond them (padding that some models
            carry) are cut off.

    Raises:
        InputError: a model with fewer tokens than the tokenizer; not one weight per model.
    """
    weights = weights_of(mixing, len(models))
    heads = []
    for model in models:
        head = output_head(model).as_product()
        rows = head.vocab_size
        if rows < vocab_size:
            raise InputError(
                f"{_name(model)} has {rows} tokens, the tokenizer has {vocab_size}",
                mend="Use the tokenizer that the model was trained with.",
            )
        if rows > vocab_size:
            print_status(
                f"  {_name(model)}: {rows - vocab_size} rows beyond the tokenizer's "
                f"{vocab_size} tokens are dropped",
                style="dim",
            )
        heads.append(replace(head, weight=head.weight.detach()[:vocab_size]))
    return Ensemble(tuple(models), Mixture(tuple(heads), weights, mixing.mean_of), dtype)


def weights_of(mixing: Mixing, models: int) -> tuple[float, ...]:
    """The weight of each model; equal ones where none are given.

    Raises:
        InputError: not one weight per model.
    """
    weights = mixing.weights or (1 / models,) * models
    refuse_weights(weights, models)
    return weights


def refuse_weights(weights: Sequence[float], models: int) -> None:
    """Check weights of the models of an ensemble.

    Raises:
        InputError: not one per model, a negative one, or a sum other than 1.
    """
    given = " ".join(f"{weight:g}" for weight in weights)
    if len(weights) != models:
        raise InputError(
            f"weights {given}: {len(weights)} given for {models} models",
            mend="Give one weight for each model, in the order of the models.",
        )
    if fault := weights_fault(weights):
        raise InputError(fault, mend=f"For example: {_equal_weights(models)}")


def refuse_long_windows(ensemble: Ensemble, window: int) -> None:
    """Check that every model has enough positions for a window.

    Raises:
        InputError: names the model and its positions.
    """
    for model in ensemble.models:
        positions = positions_of(model.config)
        if positions is not None and positions < window:
            raise InputError(
                f"{model.config.name_or_path} has {positions} positions, a window has {window} "
                "tokens",
                why="A teacher must read the same windows as the student.",
                mend="Use shorter windows, or teachers with more positions.",
            )


def refuse_unread_windows(ensemble: Ensemble, window: int, *, separate: bool) -> None:
    """Check that every model reads windows of this length.

    Args:
        separate: each document of a window on its own.

    Raises:
        InputError: what `refuse_long_windows` and `refuse_joined_documents` raise.
    """
    refuse_long_windows(ensemble, window)
    for model in ensemble.models if separate else ():
        refuse_joined_documents(model, window)


def load_ensemble(
    folders: Sequence[Path],
    *,
    device: torch.device,
    mixing: Mixing = EQUAL_WEIGHTS,
    dtype: torch.dtype = torch.float32,
) -> Ensemble:
    """Load one or several model folders as one model.

    Raises:
        InputError: folders with different vocabularies; as `load_model` and `combine`.
    """
    for folder in folders[1:]:
        refuse_other_vocabulary(folders[0], folder)
    models = [load_model(folder).to(device) for folder in folders]
    for model in models:
        prefer_fast_attention(model, device)
    tokenizer = load_tokenizer(folders[0])
    vocab_size = min(shared_vocabulary(model.config, tokenizer) for model in models)
    return combine(models, vocab_size, mixing=mixing, dtype=dtype)


def refuse_other_vocabulary(one: Path, other: Path) -> None:
    """Check that two model or tokenizer folders give every token the same id.

    Raises:
        InputError: names tokens that differ.
    """
    if differing := differing_tokens(one, other):
        raise InputError(
            f"{one} and {other} have different vocabularies",
            why=f"The same id means different tokens: {'; '.join(differing)}.",
            mend="Train both with the same tokenizer.",
        )


def _equal_weights(models: int) -> str:
    """Weights to paste; the last one makes the rounded ones sum to 1."""
    others = [round(1 / models, 3)] * (models - 1)
    return " ".join(f"{weight:.3g}" for weight in (*others, 1 - sum(others)))


def _name(model: "PreTrainedModel") -> str:
    return str(model.config.name_or_path or model.config.model_type)
