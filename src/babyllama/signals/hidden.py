"""The hidden kind: the teachers' last hidden states, stored once; logits are formed from them.

In bfloat16, in 8 bits with a scale a token, or transform-coded (`coding.py`). Each serves any
temperature and alpha, and since the heads are stored beside the states, any teacher weights. A code
is fitted to the weights it was stored with and loses more under others.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from babyllama.errors import InputError
from babyllama.models.ensemble import Mixture
from babyllama.models.logits import Head, form_logits
from babyllama.models.loss import TeacherTargets
from babyllama.recipe import HiddenSignal, MeanOf
from babyllama.signals.coding import Code, code_from, code_tensors, decode, encode, fit_code
from babyllama.signals.encoding import Encoding, Kind, Sizes, TeacherShapes

_LEVELS = 127  # the largest signed byte; -128 is not used, so that levels are symmetric
_VARIANT_BYTES = (8, 16, 32, 64, 128)  # sizes of transform codes that the frontier measures


def sizes(recipe: HiddenSignal, teachers: TeacherShapes) -> Sizes:
    """The states, and the teachers' heads in float32.

    The head of a transform code is narrower than assumed here; its width is known after fitting.
    """
    size = 2 * teachers.width
    if recipe.bytes_per_token is not None:
        size = recipe.bytes_per_token
    elif recipe.precision == "int8":
        size = teachers.width + 4  # a float32 scale
    return Sizes(
        bytes_per_token=size,
        table_bytes=4 * teachers.width * teachers.vocab_size,
        products=teachers.head_products,
        state_width=teachers.width,
    )


@dataclass(frozen=True)
class Bfloat16States:
    """States rounded to bfloat16."""

    mixture: Mixture
    sizes: Sizes
    temperatures: None = None  # any
    is_fitted: bool = False

    def encode(
        self,
        states: Float[Tensor, "tokens hidden"],
        seeds: Int64[Tensor, " tokens"],
        inputs: Int64[Tensor, " tokens"] | None = None,
    ) -> dict[str, Tensor]:
        """The states in bfloat16."""
        del seeds, inputs
        return {"states": states.to(torch.bfloat16)}

    def targets(self, stored: dict[str, Tensor], temperature: float) -> TeacherTargets:
        """The mixture's logits of stored tokens."""
        states = stored["states"]
        return lambda part: self.mixture.logits(states[part], temperature)

    def tables(self) -> dict[str, Tensor]:
        """The heads."""
        return _head_tables(self.mixture)


@dataclass(frozen=True)
class EightBitStates:
    """States in 8 bits: columns are standardised, then each token is scaled by its largest number.

    Attributes:
        mean, std: of each column. A constant column is stored as zeros and comes back exactly.
    """

    mixture: Mixture
    sizes: Sizes
    mean: Float[Tensor, " hidden"]
    std: Float[Tensor, " hidden"]
    temperatures: None = None
    is_fitted: bool = True

    def encode(
        self,
        states: Float[Tensor, "tokens hidden"],
        seeds: Int64[Tensor, " tokens"],
        inputs: Int64[Tensor, " tokens"] | None = None,
    ) -> dict[str, Tensor]:
        """The states in signed bytes, and each token's scale."""
        del seeds, inputs
        level = (states.float() - self.mean) / self.std.clamp(min=torch.finfo().tiny)
        level = torch.where(self.std > 0, level, 0.0)
        scale = level.abs().amax(-1, keepdim=True).clamp(min=torch.finfo().tiny) / _LEVELS
        return {"states": (level / scale).round().to(torch.int8), "scales": scale}

    def targets(self, stored: dict[str, Tensor], temperature: float) -> TeacherTargets:
        """The mixture's logits of stored tokens."""

        def logits(part: slice) -> Tensor:
            states = stored["states"][part] * (stored["scales"][part] * self.std)
            return self.mixture.logits(states.add_(self.mean), temperature)

        return logits

    def tables(self) -> dict[str, Tensor]:
        """The heads, and each column's mean and standard deviation."""
        # "spread" is the name that signals already on disk have.
        return _head_tables(self.mixture) | {"mean": self.mean.cpu(), "spread": self.std.cpu()}


@dataclass(frozen=True)
class CodedStates:
    """States in a few dozen bytes, along the directions that matter to the KL."""

    mixture: Mixture
    planned: Sizes
    code: Code
    temperatures: None = None
    is_fitted: bool = True

    @property
    def sizes(self) -> Sizes:
        """As planned, with the products that the fitted code takes."""
        vocab_size = self.mixture.vocab_size
        if self.mixture.is_linear:
            return replace(self.planned, products=((self.code.rank, vocab_size),))
        decoding = (self.code.rank, self.planned.state_width)
        return replace(self.planned, products=(decoding, *self.planned.products))

    def encode(
        self,
        states: Float[Tensor, "tokens hidden"],
        seeds: Int64[Tensor, " tokens"],
        inputs: Int64[Tensor, " tokens"] | None = None,
    ) -> dict[str, Tensor]:
        """The bytes of each state's code."""
        del seeds
        tokens = inputs if self._uses_inputs else None
        head = self.mixture.head.weight
        return {"code": encode(self.code, states.float(), head=head, tokens=tokens)}

    def targets(self, stored: dict[str, Tensor], temperature: float) -> TeacherTargets:
        """The mixture's logits of stored tokens: one product with a narrow head if it is linear."""

        def logits(part: slice) -> Tensor:
            tokens = stored["inputs"][part] if self._uses_inputs else None
            coordinates = decode(self.code, stored["code"][part], tokens)
            if self.mixture.is_linear:
                return form_logits(coordinates, self._narrow_head)
            return self.mixture.logits(coordinates @ self.code.basis.T, temperature)

        return logits

    def tables(self) -> dict[str, Tensor]:
        """The heads and the code."""
        return _head_tables(self.mixture) | code_tensors(self.code)

    @property
    def _uses_inputs(self) -> bool:
        """Whether the code leaves out what the input token predicts."""
        return len(self.code.expected) > 1

    @cached_property
    def _narrow_head(self) -> Head:
        return Head(self.mixture.head.weight @ self.code.basis)


def fit(
    recipe: HiddenSignal,
    mixture: Mixture,
    sample: Float[Tensor, "tokens hidden"],
    inputs: Int64[Tensor, " tokens"] | None = None,
) -> Encoding:
    """The encoding of a recipe, fitted to a sample of states and their input tokens.

    Raises:
        InputError: a code with more bytes per token than the states themselves take.
    """
    planned = _sizes(recipe, mixture)
    if recipe.bytes_per_token is not None:
        _refuse_large_code(recipe.bytes_per_token, mixture)
        code = fit_code(
            sample,
            mixture.head.weight,
            bytes_per_token=recipe.bytes_per_token,
            temperature=recipe.code_temperature,
            tokens=inputs,
        )
        return CodedStates(mixture, planned, code)
    if recipe.precision == "int8":
        return EightBitStates(mixture, planned, sample.mean(0), sample.std(0))
    return Bfloat16States(mixture, planned)


def load(recipe: HiddenSignal, mixture: Mixture | None, tables: dict[str, Tensor]) -> Encoding:
    """The encoding whose `tables` these are."""
    assert mixture is not None
    planned = _sizes(recipe, mixture)
    if recipe.bytes_per_token is not None:
        return CodedStates(mixture, planned, code_from(tables))
    if recipe.precision == "int8":
        return EightBitStates(mixture, planned, tables["mean"], tables["spread"])
    return Bfloat16States(mixture, planned)


def _sizes(recipe: HiddenSignal, mixture: Mixture) -> Sizes:
    return sizes(recipe, TeacherShapes(mixture.vocab_size, mixture.widths))


def _refuse_large_code(bytes_per_token: int, mixture: Mixture) -> None:
    plain = 2 * sum(mixture.widths)
    if bytes_per_token >= plain:
        raise InputError(
            f"bytes_per_token is {bytes_per_token}, but the states themselves take {plain} in "
            "bfloat16",
            why="A code of that size would lose precision and save nothing.",
            mend="Omit it, or choose a few dozen bytes: --bytes-per-token 64",
        )


def _head_tables(mixture: Mixture) -> dict[str, Tensor]:
    return {
        f"head.{number}": head.weight.cpu().contiguous()
        for number, head in enumerate(mixture.heads)
    }


def _variants(teachers: TeacherShapes, mean_of: MeanOf) -> Iterator[tuple[str, HiddenSignal]]:
    del mean_of
    yield "hidden bfloat16", HiddenSignal(kind="hidden")
    yield "hidden int8", HiddenSignal(kind="hidden", precision="int8")
    for size in _VARIANT_BYTES:
        if size < teachers.width:
            yield f"hidden {size} B", HiddenSignal(kind="hidden", bytes_per_token=size)


KIND = Kind(sizes, fit, load, _variants, keeps_heads=True)
