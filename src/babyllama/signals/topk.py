"""The topk kind: the likeliest tokens with their exact probabilities, and the mass of the rest.

A position stores k tokens and log sum exp(z / T) for each temperature it may be read at, so the
stored tokens' probabilities and the mass of all others are exact there. How that mass is
distributed is not stored: it follows the mean over a sample, one distribution for all positions, so
that reading gives probabilities of the full vocabulary. That is biased: `docs/log.md` says what it
costs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from babyllama.models.ensemble import Mixture
from babyllama.models.logits import CHUNK
from babyllama.models.loss import TeacherTargets
from babyllama.recipe import MeanOf, TopKSignal
from babyllama.signals.encoding import Kind, Sizes, TeacherShapes
from babyllama.signals.sparse import (
    logits_by_chunk,
    refuse_large_k,
    sparse_bytes,
    sparse_variants,
    token_dtype,
)

_FLOOR = 1e-12  # the least probability, so that every logarithm is finite


def sizes(recipe: TopKSignal, teachers: TeacherShapes) -> Sizes:
    """The stored tokens, and a float32 normaliser a temperature."""
    normalisers = 4 * len(recipe.temperatures)
    return Sizes(sparse_bytes(recipe.k, teachers.vocab_size) + normalisers)


@dataclass(frozen=True)
class TopK:
    """How the likeliest tokens are stored and read.

    Attributes:
        rest: for each temperature, how the probability of all other tokens is distributed on
            average.
        mixture: forms the logits when the signal is written; None when it is read.
    """

    recipe: TopKSignal
    rest: Float[Tensor, "temperatures vocab"]
    mixture: Mixture | None = None
    is_fitted: bool = False

    @property
    def sizes(self) -> Sizes:
        """Its bytes on disk."""
        return sizes(self.recipe, TeacherShapes(self.rest.shape[1]))

    @property
    def temperatures(self) -> tuple[float, ...]:
        """The temperatures that it can be read at."""
        return self.recipe.temperatures

    def encode(
        self,
        states: Float[Tensor, "tokens hidden"],
        seeds: Int64[Tensor, " tokens"],
        inputs: Int64[Tensor, " tokens"] | None = None,
    ) -> dict[str, Tensor]:
        """The likeliest tokens of each state with their logits, and the normalisers."""
        del seeds, inputs
        assert self.mixture is not None
        k = self.recipe.k
        stored: dict[str, list[Tensor]] = {"tokens": [], "logits": [], "normalisers": []}
        for z in logits_by_chunk(self.mixture, states, self.temperatures[0]):
            values, tokens = z.topk(k)
            top = values[:, :1]
            normalisers = [torch.logsumexp((z - top) / t, dim=-1) for t in self.temperatures]
            stored["tokens"].append(tokens.to(token_dtype(z.shape[1])))
            stored["logits"].append((values - top).half())
            stored["normalisers"].append(torch.stack(normalisers, dim=-1))
        return {name: torch.cat(pieces) for name, pieces in stored.items()}

    def targets(self, stored: dict[str, Tensor], temperature: float) -> TeacherTargets:
        """Logits of the full vocabulary, from the stored tokens and the mass of the rest."""
        which = self.temperatures.index(temperature)
        rest = self.rest[which]
        log_rest = rest.log()

        def logits(part: slice) -> Tensor:
            tokens = stored["tokens"][part].long()
            log_p = (
                stored["logits"][part].float() / temperature
                - stored["normalisers"][part, which, None]
            )
            mass = (1 - log_p.exp().sum(-1, keepdim=True)).clamp(min=_FLOOR)
            unstored = (1 - rest[tokens].sum(-1, keepdim=True)).clamp(min=_FLOOR)
            full = log_rest + (mass.log() - unstored.log())
            return full.scatter_(1, tokens, log_p).mul_(temperature)

        return logits

    def tables(self) -> dict[str, Tensor]:
        """The mean distribution of all other tokens."""
        return {"rest": self.rest.cpu()}


def fit(
    recipe: TopKSignal,
    mixture: Mixture,
    sample: Float[Tensor, "tokens hidden"],
    inputs: Int64[Tensor, " tokens"] | None = None,
) -> TopK:
    """Learn from some states how the probability beyond the k likeliest tokens is distributed.

    Raises:
        InputError: more tokens than the vocabulary has.
    """
    del inputs
    refuse_large_k(recipe.k, mixture.vocab_size)
    return TopK(recipe, mean_rest(recipe.k, recipe.temperatures, mixture, sample), mixture)


def load(recipe: TopKSignal, mixture: Mixture | None, tables: dict[str, Tensor]) -> TopK:
    """The encoding whose `tables` these are."""
    return TopK(recipe, tables["rest"], mixture)


def mean_rest(
    k: int, temperatures: Sequence[float], mixture: Mixture, sample: Float[Tensor, "tokens hidden"]
) -> Float[Tensor, "temperatures vocab"]:
    """The mean over a sample of the distributions without their k likeliest tokens; a row per T.

    No other single distribution has a lower KL from these distributions.
    """
    total = sample.new_zeros(len(temperatures), mixture.vocab_size)
    for start in range(0, len(sample), CHUNK):
        z = mixture.logits(sample[start : start + CHUNK], temperatures[0])
        likeliest = z.topk(k).indices
        for row, temperature in zip(total, temperatures, strict=True):
            row += torch.softmax(z / temperature, -1).scatter_(1, likeliest, 0.0).sum(0)
    total = total / total.sum(-1, keepdim=True).clamp(min=_FLOOR)
    return total.clamp(min=_FLOOR)


def _variants(teachers: TeacherShapes, mean_of: MeanOf) -> Iterator[tuple[str, TopKSignal]]:
    def recipe(k: int, temperatures: tuple[float, ...]) -> TopKSignal:
        return TopKSignal(kind="topk", k=k, temperatures=temperatures)

    yield from sparse_variants(recipe, sizes, teachers, mean_of)


KIND = Kind(sizes, fit, load, _variants)
