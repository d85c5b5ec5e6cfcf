"""The sampled kind: a few tokens a position, drawn so that the loss's gradient is unbiased.

Each token i is kept with probability pi_i = min(1, c p_i), c such that k tokens are kept, and
weighs p_i / pi_i, so the expectation of a token's weight is its probability. Among all unbiased
sketches of k tokens this one has the least variance a token: the likely ones are always there and
exact, the others weigh 1 / c each. Systematic drawing, one uniform number a position, keeps exactly
k distinct tokens and makes the weights sum to exactly 1.

A signal for several temperatures is drawn from the mean of their distributions, so that no weight
at any of them is large; its weights sum to 1 in expectation. Drawn for one temperature alone, a
signal has less variance there.

Source: sparse logit sampling, arXiv 2503.16870, which draws with replacement; Horvitz and Thompson
1952 for the weights, Madow 1949 for the drawing. How much variance that saves over drawing with
replacement is in `docs/log.md`: a fifth at 12 distinct tokens and T = 1, hardly any at T = 2.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from babyllama.models.ensemble import Mixture
from babyllama.models.loss import SparseTarget, TeacherTargets
from babyllama.signals.kept_tokens import kept_bytes, logits_by_chunk, narrow_integers

_FLOOR = 1e-30  # of a probability: there are always k tokens to draw


@dataclass(frozen=True)
class Sampled:
    """How drawn tokens are stored and read.

    Attributes:
        mixture: makes the logits when the signal is written; reading does without.
        products: none, when the signal is read.
    """

    k: int
    temperatures: tuple[float, ...]
    vocab_size: int
    mixture: Mixture | None = None
    products: tuple[tuple[int, int], ...] = ()

    @property
    def bytes_per_token(self) -> int:
        """What a token takes on disk: kept tokens, c, and normaliser and entropy a temperature."""
        return kept_bytes(self.k, self.vocab_size) + 4 + 6 * len(self.temperatures)

    def encode(
        self,
        states: Float[Tensor, "tokens hidden"],
        seeds: Int64[Tensor, " tokens"],
        inputs: Int64[Tensor, " tokens"] | None = None,
    ) -> dict[str, Tensor]:
        """What is stored of some tokens: a function of the seeds, one a token."""
        del inputs
        assert self.mixture is not None
        uniform = _uniform(seeds)
        kept: dict[str, list[Tensor]] = {
            name: [] for name in ("tokens", "logits", "log_c", "normalisers", "entropies")
        }
        at = 0
        for z in logits_by_chunk(self.mixture, states, self.temperatures[0]):
            z = z - z.amax(-1, keepdim=True)
            log_p = [torch.log_softmax(z / t, dim=-1) for t in self.temperatures]
            p = torch.stack(log_p).exp().mean(0).clamp(min=_FLOOR)
            c = inclusion_scale(p, self.k)
            tokens = draw(torch.clamp(c * p.double(), max=1), self.k, uniform[at : at + len(z)])
            normalisers = [torch.logsumexp(z / t, dim=-1) for t in self.temperatures]
            entropies = [-(each.exp() * each).sum(-1) for each in log_p]
            kept["tokens"].append(tokens.to(narrow_integers(self.vocab_size)))
            kept["logits"].append(z.gather(1, tokens).half())
            kept["log_c"].append(c.log()[:, 0].float())
            kept["normalisers"].append(torch.stack(normalisers, -1))
            kept["entropies"].append(torch.stack(entropies, -1).half())
            at += len(z)
        return {name: torch.cat(pieces) for name, pieces in kept.items()}

    def targets(self, stored: dict[str, Tensor], temperature: float) -> TeacherTargets:
        """The kept tokens with their weights at a stored temperature."""
        which = self.temperatures.index(temperature)
        at = torch.tensor(self.temperatures, device=stored["logits"].device)

        def sketch(part: slice) -> SparseTarget:
            logits, normalisers = stored["logits"][part].float(), stored["normalisers"][part]
            log_p = logits[..., None] / at - normalisers[:, None]
            log_drawn = log_p.logsumexp(-1) - math.log(len(at))
            log_kept = (log_drawn + stored["log_c"][part, None]).clamp(max=0)
            return SparseTarget(
                tokens=stored["tokens"][part].long(),
                weights=(log_p[..., which] - log_kept).exp(),
                entropy=stored["entropies"][part, which].float(),
            )

        return sketch


def inclusion_scale(p: Float[Tensor, "tokens vocab"], k: int) -> Float64[Tensor, "tokens 1"]:
    """c with sum_i min(1, c p_i) = k, for each row; no p may be 0.

    With the j likeliest tokens certain, the others share k - j places: c = (k - j) / (1 - their
    mass). The smallest j for which the next token is not certain is the solution. The mass left is
    added up from its smallest parts, for it can be far below a float's share of 1.
    """
    values, tokens = p.topk(k, dim=-1)
    top = values.double()
    rest = p.double().scatter(1, tokens, 0.0).sum(-1, keepdim=True)
    left = rest + top.flip(-1).cumsum(-1).flip(-1)  # mass beyond the j likeliest, j = 0 ... k - 1
    places = torch.arange(k, 0, -1, dtype=torch.float64, device=p.device)
    c = places / left
    fits = c * top <= 1 + 1e-12
    fits[:, -1] = True  # one place left: the next token has at most all of the mass that is left
    return c.gather(1, fits.int().argmax(-1, keepdim=True))


def draw(
    kept: Float64[Tensor, "tokens vocab"], k: int, uniform: Float64[Tensor, " tokens"]
) -> Int64[Tensor, "tokens kept"]:
    """k tokens of each row, token i with probability `kept[i]`; the rows of `kept` sum to k.

    Systematic: the probabilities are laid end to end, and the tokens under u, u + 1, ... are taken.
    """
    ends = kept.cumsum(-1)
    ends = ends * (k / ends[:, -1:])  # rounding must not push the last point off the end
    points = uniform[:, None] + torch.arange(k, dtype=torch.float64, device=kept.device)
    return torch.searchsorted(ends, points, right=True).clamp(max=kept.shape[1] - 1)


def _uniform(seeds: Int64[Tensor, " tokens"]) -> Float64[Tensor, " tokens"]:
    """A number in (0, 1) for each seed, the same wherever and in whatever order it is asked for.

    Two rounds of a multiply-and-shift hash of 32 bits, in integers that do not overflow.
    """
    x = (seeds ^ (seeds >> 32)) & 0xFFFFFFFF
    for factor in (0x7FEB352D, 0x45D9F3B):
        x = ((x ^ (x >> 16)) * factor) & 0xFFFFFFFF
    return ((x ^ (x >> 16)).double() + 0.5) / 2**32
