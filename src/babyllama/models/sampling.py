"""Tokens that an ensemble samples, for many texts at a time.

The ensemble's distribution is softmax(z_bar / T), restricted to the k most likely tokens if asked
to. Which token is drawn follows from a given uniform number alone, so that the same numbers give
the same text however it is batched.
"""

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor

from babyllama.models.ensemble import Ensemble
from babyllama.models.logits import hidden_states, output_head
from babyllama.models.precision import computing_in

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_CACHES = ("cache", "past_key_values")  # an argument's names, in newer and in older releases


@dataclass(frozen=True)
class Drawing:
    """How tokens are drawn.

    Attributes:
        temperature: T > 0.
        top_k: how many most likely tokens are drawn among; None: all.
        forbidden: tokens that are never drawn, such as those that pad a vocabulary.
    """

    temperature: float
    top_k: int | None
    forbidden: tuple[int, ...] = ()


def continued(
    ensemble: Ensemble,
    contexts: Int64[Tensor, "texts context"],
    uniforms: Float64[Tensor, "texts steps"],
    drawing: Drawing,
    *,
    ends: int | None = None,
) -> Int64[Tensor, "texts _"]:
    """The next tokens of texts whose contexts are equally long.

    Args:
        contexts: what the models see of each text; at most a window with what follows.
        uniforms: a uniform number in [0, 1) for each token.
        ends: the token that ends a text. Ignore the tokens that are drawn after it.

    Returns:
        one token for each uniform number, or fewer once every text has ended.
    """
    steps = steps_of(ensemble, contexts, uniforms, drawing, ends=ends)
    return torch.cat([contexts[:, :0], *(tokens[:, None] for tokens in steps)], dim=1)


def steps_of(
    ensemble: Ensemble,
    contexts: Int64[Tensor, "texts context"],
    uniforms: Float64[Tensor, "texts steps"],
    drawing: Drawing,
    *,
    ends: int | None = None,
) -> Iterator[Int64[Tensor, " texts"]]:
    """`continued` as a generator: the next token of each text, computed when it is asked for."""
    caches = [_Cache.of(model) for model in ensemble.models]
    ids, ended = contexts, torch.zeros(len(contexts), dtype=torch.bool, device=contexts.device)
    for step in range(uniforms.shape[1]):
        with torch.no_grad():
            states = _last_states(ensemble, ids, caches)
            logits = ensemble.mixture.logits(states, drawing.temperature)
        tokens = drawn(logits, uniforms[:, step].to(logits.device), drawing)
        yield tokens
        ids = torch.cat([ids, tokens[:, None]], dim=1)
        ended |= tokens == (-1 if ends is None else ends)
        if ended.all():
            break


def drawn(
    logits: Float[Tensor, "texts vocab"], uniforms: Float64[Tensor, " texts"], drawing: Drawing
) -> Int64[Tensor, " texts"]:
    """The token of each text at which the cumulative probability exceeds its uniform number.

    The sums are in float64: in float32 those of a large vocabulary would round away rare tokens.
    """
    scores = logits.double() / drawing.temperature
    scores[:, list(drawing.forbidden)] = -torch.inf
    if drawing.top_k is not None and drawing.top_k < scores.shape[1]:
        scores = scores.masked_fill(~_among_largest(scores, drawing.top_k), -torch.inf)
    cumulative = scores.softmax(dim=-1).cumsum(dim=-1)
    reached = uniforms[:, None] * cumulative[:, -1:]
    tokens = torch.searchsorted(cumulative, reached, right=True)[:, 0]
    return tokens.clamp(max=scores.shape[1] - 1)


def _among_largest(scores: Float64[Tensor, "texts vocab"], k: int) -> Bool[Tensor, "texts vocab"]:
    """Exactly k of each row, whatever the ties."""
    largest = scores.topk(k, dim=-1).indices
    return torch.zeros_like(scores, dtype=torch.bool).scatter_(1, largest, True)


@dataclass(frozen=True)
class _Cache:
    """The key-value cache of a model.

    Attributes:
        name: of the argument of the model's forward pass that takes the cache.
        kept: the keys and values; None for a model that keeps another state (a recurrent one):
            it reads all tokens again for each new one.
    """

    name: str
    kept: Any

    @staticmethod
    def of(model: "PreTrainedModel") -> "_Cache":
        """An empty cache."""
        from transformers import DynamicCache

        takes = inspect.signature(model.base_model.forward).parameters
        name = next((each for each in _CACHES if each in takes), "")
        kept = DynamicCache(config=model.config)
        layers = getattr(model.config.get_text_config(), "num_hidden_layers", None)
        return _Cache(name, kept if name and len(kept.layers) == layers else None)


def _last_states(
    ensemble: Ensemble, ids: Int64[Tensor, "texts tokens"], caches: Sequence[_Cache]
) -> Float[Tensor, "texts hidden"]:
    """The models' states at the last token, side by side; a model with a cache reads new ones."""
    each = []
    with computing_in(ensemble.dtype, ids.device):
        for model, cache in zip(ensemble.models, caches, strict=True):
            seen, context = 0, {"attention_mask": torch.ones_like(ids)}
            if cache.kept is not None:
                seen = cache.kept.get_seq_length()
                context[cache.name] = cache.kept
            states = hidden_states(model, ids[:, seen:], **context)
            each.append(output_head(model).with_bias_column(states[:, -1]))
    return torch.cat(each, dim=-1)
