"""The forms in which a signal is stored: which recipe asks for which, and what they share."""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from babyllama.errors import InputError
from babyllama.models.ensemble import Mixture
from babyllama.models.loss import TeacherTargets
from babyllama.recipe import HiddenSignal, SampledSignal, StoredSignal, TopKSignal
from babyllama.signals.hidden import (
    Bfloat16States,
    CodedStates,
    EightBitStates,
    fit_hidden,
    hidden_from,
    hidden_tensors,
)
from babyllama.signals.sampled import Sampled
from babyllama.signals.topk import TopK, fit_topk


@runtime_checkable  # so that the tests can check annotations
class Format(Protocol):
    """One form of what teachers say: from states to bytes, from bytes to what the loss reads."""

    @property
    def temperatures(self) -> tuple[float, ...] | None:
        """What it can be read at; None: at any."""
        ...

    @property
    def bytes_per_token(self) -> int:
        """What a token takes on disk."""
        ...

    @property
    def products(self) -> tuple[tuple[int, int], ...]:
        """(inputs, outputs) of the products that reading a token takes."""
        ...

    def encode(
        self,
        states: Float[Tensor, "tokens hidden"],
        seeds: Int64[Tensor, " tokens"],
        inputs: Int64[Tensor, " tokens"] | None = None,
    ) -> dict[str, Tensor]:
        """Named tensors (tokens, ...) of what teachers say where they have read `inputs`.

        Random draws depend on the seeds alone. Without inputs a form cannot make use of what they
        tell; one that was fitted with them needs them.
        """
        ...

    def targets(self, stored: dict[str, Tensor], temperature: float) -> TeacherTargets:
        """What the ensemble says of stored tokens at a temperature, a slice at a time.

        `stored` may hold more by name: `inputs`, the token that was read at each position.
        """
        ...


def fit_format(
    recipe: StoredSignal,
    mixture: Mixture,
    sample: Float[Tensor, "tokens hidden"],
    inputs: Int64[Tensor, " tokens"] | None = None,
) -> Format:
    """The form that a recipe asks for, made for states such as these, where `inputs` were read.

    Raises:
        InputError: more bytes than the states take, or more tokens than there are.
    """
    if isinstance(recipe, HiddenSignal):
        return fit_hidden(recipe, mixture, sample, inputs)
    if recipe.k > mixture.vocab_size:
        raise InputError(
            f"k is {recipe.k}, the vocabulary has {mixture.vocab_size} tokens",
            why="A position cannot keep more tokens than there are.",
            mend="A few dozen are usual: --k 12",
        )
    if isinstance(recipe, TopKSignal):
        return fit_topk(recipe, mixture, sample)
    return Sampled(recipe.k, recipe.temperatures, mixture.vocab_size, mixture)


def format_tensors(form: Format) -> dict[str, Tensor]:
    """What reading needs besides the shards."""
    if isinstance(form, Bfloat16States | EightBitStates | CodedStates):
        return hidden_tensors(form)
    if isinstance(form, TopK):
        return {"rest": form.rest.cpu()}
    assert isinstance(form, Sampled)
    return {"vocab_size": torch.tensor(form.vocab_size)}


def format_from(
    recipe: StoredSignal, mixture: Mixture | None, tensors: dict[str, Tensor]
) -> Format:
    """The form that `format_tensors` named.

    Args:
        mixture: of the teachers, while the signal is written; when it is read, of the stored heads,
            and None for the kinds that store none.
    """
    if isinstance(recipe, HiddenSignal):
        assert mixture is not None
        return hidden_from(recipe, mixture, tensors)
    if isinstance(recipe, TopKSignal):
        return TopK(recipe.k, recipe.temperatures, tensors["rest"], mixture)
    assert isinstance(recipe, SampledSignal)
    return Sampled(recipe.k, recipe.temperatures, int(tensors["vocab_size"]), mixture)
