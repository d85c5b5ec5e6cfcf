"""The topk kind: the likeliest tokens with their exact probabilities, and the mass of the rest.

A position keeps k tokens and log sum exp(z / T) for each temperature it may be read at, so both
the kept tokens' probabilities and the mass of all others are exact there. How that mass is spread
is not kept: it follows the mean of what such rests are, one distribution for the whole signal, so
that a whole distribution comes back. It is biased: see `docs/log.md` for what that costs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from babyllama.models.ensemble import Mixture
from babyllama.models.logits import CHUNK
from babyllama.models.loss import TeacherTargets
from babyllama.recipe import TopKSignal
from babyllama.signals.kept_tokens import kept_bytes, logits_by_chunk, narrow_integers

_FLOOR = 1e-12  # of a probability: none is 0, none is taken to a power it cannot bear


@dataclass(frozen=True)
class TopK:
    """How the likeliest tokens are stored and read.

    Attributes:
        mixture: makes the logits when the signal is written; reading does without.
        rest: for each temperature, how probability beyond the kept tokens is spread on average.
    """

    k: int
    temperatures: tuple[float, ...]
    rest: Float[Tensor, "temperatures vocab"]
    mixture: Mixture | None = None
    products: tuple[tuple[int, int], ...] = ()  # reading takes none

    @property
    def bytes_per_token(self) -> int:
        """What a token takes on disk: kept tokens, and a normaliser a temperature."""
        return kept_bytes(self.k, self.rest.shape[1]) + 4 * len(self.temperatures)

    def encode(
        self,
        states: Float[Tensor, "tokens hidden"],
        seeds: Int64[Tensor, " tokens"],
        inputs: Int64[Tensor, " tokens"] | None = None,
    ) -> dict[str, Tensor]:
        """What is stored of some tokens."""
        del seeds, inputs  # nothing is drawn or foreseen
        assert self.mixture is not None
        kept: dict[str, list[Tensor]] = {"tokens": [], "logits": [], "normalisers": []}
        for z in logits_by_chunk(self.mixture, states, self.temperatures[0]):
            values, tokens = z.topk(self.k)
            top = values[:, :1]
            normalisers = [torch.logsumexp((z - top) / t, dim=-1) for t in self.temperatures]
            kept["tokens"].append(tokens.to(narrow_integers(z.shape[1])))
            kept["logits"].append((values - top).half())
            kept["normalisers"].append(torch.stack(normalisers, dim=-1))
        return {name: torch.cat(pieces) for name, pieces in kept.items()}

    def targets(self, stored: dict[str, Tensor], temperature: float) -> TeacherTargets:
        """Logits of the whole vocabulary, from the kept tokens and the mass of the rest."""
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
            beyond = (1 - rest[tokens].sum(-1, keepdim=True)).clamp(min=_FLOOR)
            whole = log_rest + (mass.log() - beyond.log())
            return whole.scatter_(1, tokens, log_p).mul_(temperature)

        return logits


def fit_topk(recipe: TopKSignal, mixture: Mixture, sample: Float[Tensor, "tokens hidden"]) -> TopK:
    """Learn from some states how probability beyond the k likeliest tokens is spread."""
    rest = mean_rest(recipe.k, recipe.temperatures, mixture, sample)
    return TopK(recipe.k, recipe.temperatures, rest, mixture)


def mean_rest(
    k: int, temperatures: Sequence[float], mixture: Mixture, sample: Float[Tensor, "tokens hidden"]
) -> Float[Tensor, "temperatures vocab"]:
    """The mean over a sample of the distributions without their k likeliest tokens, a row each T.

    Of all single distributions it is the one that fits the rests best in KL.
    """
    total = sample.new_zeros(len(temperatures), mixture.vocab_size)
    for start in range(0, len(sample), CHUNK):
        z = mixture.logits(sample[start : start + CHUNK], temperatures[0])
        kept = z.topk(k).indices
        for row, temperature in zip(total, temperatures, strict=True):
            row += torch.softmax(z / temperature, -1).scatter_(1, kept, 0.0).sum(0)
    total = total / total.sum(-1, keepdim=True).clamp(min=_FLOOR)
    return total.clamp(min=_FLOOR)
