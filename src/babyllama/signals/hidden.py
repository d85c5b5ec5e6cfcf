"""The hidden kinds: the teachers' last hidden states, stored once; logits are made from them.

In bfloat16, in 8 bits with a scale a token, or transform-coded (`coding.py`). Whatever the form,
one stored signal serves any temperature and alpha, and the heads are stored beside the states, so
any teacher weights as well. A code is made for the weights it was stored with: under others it
loses more.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from babyllama.errors import InputError
from babyllama.models.ensemble import Mixture
from babyllama.models.logits import Head, form_logits
from babyllama.models.loss import TeacherTargets
from babyllama.recipe import HiddenSignal
from babyllama.signals.coding import Code, code_from, code_tensors, decode, encode, fit_code

_LEVELS = 127  # of a signed byte, without its one odd value


@dataclass(frozen=True)
class Bfloat16States:
    """States as they are, rounded to bfloat16."""

    mixture: Mixture
    temperatures: None = None  # any

    @property
    def products(self) -> tuple[tuple[int, int], ...]:
        """(inputs, outputs) of the products of a token."""
        return tuple((width, self.mixture.vocab_size) for width in self.mixture.widths)

    @property
    def bytes_per_token(self) -> int:
        """What a token takes on disk."""
        return 2 * sum(self.mixture.widths)

    def encode(
        self,
        states: Float[Tensor, "tokens hidden"],
        seeds: Int64[Tensor, " tokens"],
        inputs: Int64[Tensor, " tokens"] | None = None,
    ) -> dict[str, Tensor]:
        """What is stored of some tokens."""
        del seeds, inputs  # nothing is drawn or foreseen
        return {"states": states.to(torch.bfloat16)}

    def targets(self, stored: dict[str, Tensor], temperature: float) -> TeacherTargets:
        """The mixture's logits of stored tokens."""
        states = stored["states"]
        return lambda part: self.mixture.logits(states[part], temperature)


@dataclass(frozen=True)
class EightBitStates:
    """States in 8 bits: columns brought to one scale, each token scaled by its largest number.

    Attributes:
        mean, spread: of each column; a column that never changes costs nothing and is exact.
    """

    mixture: Mixture
    mean: Float[Tensor, " hidden"]
    spread: Float[Tensor, " hidden"]
    temperatures: None = None

    @property
    def products(self) -> tuple[tuple[int, int], ...]:
        """(inputs, outputs) of the products of a token."""
        return tuple((width, self.mixture.vocab_size) for width in self.mixture.widths)

    @property
    def bytes_per_token(self) -> int:
        """What a token takes on disk: its numbers and a float32 scale."""
        return sum(self.mixture.widths) + 4

    def encode(
        self,
        states: Float[Tensor, "tokens hidden"],
        seeds: Int64[Tensor, " tokens"],
        inputs: Int64[Tensor, " tokens"] | None = None,
    ) -> dict[str, Tensor]:
        """What is stored of some tokens."""
        del seeds, inputs
        level = (states.float() - self.mean) / self.spread.clamp(min=torch.finfo().tiny)
        level = torch.where(self.spread > 0, level, 0.0)
        scale = level.abs().amax(-1, keepdim=True).clamp(min=torch.finfo().tiny) / _LEVELS
        return {"states": (level / scale).round().to(torch.int8), "scales": scale}

    def targets(self, stored: dict[str, Tensor], temperature: float) -> TeacherTargets:
        """The mixture's logits of stored tokens."""

        def logits(part: slice) -> Tensor:
            states = stored["states"][part] * (stored["scales"][part] * self.spread)
            return self.mixture.logits(states.add_(self.mean), temperature)

        return logits


@dataclass(frozen=True)
class CodedStates:
    """States in a few dozen bytes, along the directions that matter to the KL."""

    mixture: Mixture
    code: Code
    temperatures: None = None

    @property
    def products(self) -> tuple[tuple[int, int], ...]:
        """(inputs, outputs) of the products of a token."""
        if self.mixture.is_linear:
            return ((self.code.rank, self.mixture.vocab_size),)
        hidden = sum(self.mixture.widths)
        return (
            (self.code.rank, hidden),
            *((width, self.mixture.vocab_size) for width in self.mixture.widths),
        )

    @property
    def bytes_per_token(self) -> int:
        """What a token takes on disk."""
        return self.code.bytes_per_token

    def encode(
        self,
        states: Float[Tensor, "tokens hidden"],
        seeds: Int64[Tensor, " tokens"],
        inputs: Int64[Tensor, " tokens"] | None = None,
    ) -> dict[str, Tensor]:
        """What is stored of some tokens."""
        del seeds
        tokens = inputs if self._foresees else None
        return {
            "code": encode(self.code, states.float(), head=self.mixture.head.weight, tokens=tokens)
        }

    def targets(self, stored: dict[str, Tensor], temperature: float) -> TeacherTargets:
        """The mixture's logits of stored tokens: one product with a narrow head where it can be."""

        def logits(part: slice) -> Tensor:
            tokens = stored["inputs"][part] if self._foresees else None
            coordinates = decode(self.code, stored["code"][part], tokens)
            if self.mixture.is_linear:
                return form_logits(coordinates, Head(self._narrow_head))
            return self.mixture.logits(coordinates @ self.code.basis.T, temperature)

        return logits

    @property
    def _foresees(self) -> bool:
        """Whether the code leaves out what the input token alone tells."""
        return len(self.code.expected) > 1

    @cached_property
    def _narrow_head(self) -> Tensor:
        return self.mixture.head.weight @ self.code.basis


HiddenFormat = Bfloat16States | EightBitStates | CodedStates


def fit_hidden(
    recipe: HiddenSignal,
    mixture: Mixture,
    sample: Float[Tensor, "tokens hidden"],
    inputs: Int64[Tensor, " tokens"] | None,
) -> HiddenFormat:
    """The form that a recipe asks for, made for states such as these, where `inputs` were read.

    Raises:
        InputError: more bytes a token than the states themselves take.
    """
    if recipe.bytes_per_token is not None:
        plain = 2 * sum(mixture.widths)
        if recipe.bytes_per_token >= plain:
            raise InputError(
                f"bytes_per_token is {recipe.bytes_per_token}, but the states themselves take "
                f"{plain} in bfloat16",
                why="A code of that size stores less than what it is made from.",
                mend="Leave it out, or ask for a few dozen bytes: --bytes-per-token 64",
            )
        code = fit_code(
            sample,
            mixture.head.weight,
            bytes_per_token=recipe.bytes_per_token,
            temperature=recipe.code_temperature,
            tokens=inputs,
        )
        return CodedStates(mixture, code)
    if recipe.precision == "int8":
        return EightBitStates(mixture, sample.mean(0), sample.std(0))
    return Bfloat16States(mixture)


def hidden_tensors(form: HiddenFormat) -> dict[str, Tensor]:
    """What reading needs besides the shards: heads, and how the states were written."""
    heads = {
        f"head.{number}": head.weight.cpu().contiguous()
        for number, head in enumerate(form.mixture.heads)
    }
    if isinstance(form, CodedStates):
        return heads | code_tensors(form.code)
    if isinstance(form, EightBitStates):
        return heads | {"mean": form.mean.cpu(), "spread": form.spread.cpu()}
    return heads


def hidden_from(recipe: HiddenSignal, mixture: Mixture, tensors: dict[str, Tensor]) -> HiddenFormat:
    """The form that `hidden_tensors` named."""
    if recipe.bytes_per_token is not None:
        return CodedStates(mixture, code_from(tensors))
    if recipe.precision == "int8":
        return EightBitStates(mixture, tensors["mean"], tensors["spread"])
    return Bfloat16States(mixture)
