"""How likely models find texts: one protocol for decoders, masked models and encoder-decoders.

What a text is given does not depend on which others are scored with it, in which order or batch,
beyond the last bits; texts that a model cannot tell apart are scored once, so that they tie.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float64

from babyllama.console import ProgressBar
from babyllama.ensemble import MeanOf, load_ensemble
from babyllama.errors import InputError
from babyllama.evaluation.decoders import Decoders
from babyllama.evaluation.encoding import Encoded, encode_causal
from babyllama.evaluation.rules import Rules, context_token
from babyllama.evaluation.texts import Likelihoods, Text
from babyllama.tokenizer import load_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


@runtime_checkable
class Reader(Protocol):
    """A kind of model that texts can be scored by."""

    @property
    def vocab_size(self) -> int:
        """Tokens that the model knows."""

    @property
    def dtype(self) -> torch.dtype:
        """What it computes in."""

    def read(
        self, sequences: Sequence[Encoded]
    ) -> Iterator[tuple[int, Float64[np.ndarray, " scored"], np.ndarray]]:
        """Score distinct texts, sorted by their keys, in any order.

        Returns:
            the number of a text, log p of its scored tokens in nats, and whether each of these
            was the likeliest token there.
        """


@dataclass(frozen=True)
class Scorer:
    """A model, or several as one, that reads texts by some rules.

    Attributes:
        encode: from texts to the tokens that this kind of model reads.
        context: the token before each text; None: none, so that its first token goes unscored.
        positions: the longest input in tokens that every model can see; None: no limit.
        truncate: whether longer texts lose their beginning instead of being refused.
    """

    reader: Reader
    tokenizer: "PreTrainedTokenizerFast"
    encode: Callable[[Sequence[Text]], Iterator[Encoded]]
    rules: Rules
    context: int | None
    positions: int | None
    truncate: bool = False


def load_scorer(
    folders: Sequence[Path],
    rules: Rules,
    *,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
    weights: Sequence[float] | None = None,
    mean_of: MeanOf = "logits",
    truncate: bool = False,
    tokens_at_once: int | None = None,
) -> Scorer:
    """Load a model folder, or several as their ensemble.

    Args:
        tokens_at_once: tokens of a batch, padding included. It changes speed and memory alone.

    Raises:
        InputError: what `load_ensemble` raises, or a tokenizer without the rules' context token.
    """
    ensemble = load_ensemble(folders, device=device, weights=weights, mean_of=mean_of, dtype=dtype)
    tokenizer = load_tokenizer(folders[0])
    configs = [model.config for model in ensemble.models]
    context = context_token(rules, tokenizer, configs, known=ensemble.mixture.vocab_size)
    return Scorer(
        Decoders(ensemble, tokens_at_once=tokens_at_once),
        tokenizer,
        lambda texts: encode_causal(texts, tokenizer, rules, context),
        rules,
        context,
        min((p for p in map(_positions, configs) if p is not None), default=None),
        truncate,
    )


def _positions(config: object) -> int | None:
    return getattr(config, "max_position_embeddings", None)


def log_likelihoods(scorer: Scorer, texts: Sequence[str | Text]) -> Float64[np.ndarray, " texts"]:
    """log p of each text in nats, summed over its tokens. Raises what `likelihoods` raises."""
    return likelihoods(
        scorer, [Text(text) if isinstance(text, str) else text for text in texts]
    ).sums()


def likelihoods(scorer: Scorer, texts: Sequence[Text]) -> Likelihoods:
    """What the model says about each scored token of each text, in the order of the texts.

    Raises:
        InputError: a text longer than the model's positions or with a token that the model
            does not know (before any is scored), or one to which the model gives no number.
    """
    distinct, number_of = _distinct(scorer, texts)
    sequences = [each for each, _ in distinct]
    counts = np.array([each.stop - each.first for each in sequences], dtype=np.int64)
    starts = np.concatenate([[0], np.cumsum(counts)])
    values = np.empty(starts[-1])
    is_top = np.empty(starts[-1], dtype=bool)
    with ProgressBar("scoring", int(starts[-1]), "tokens") as bar:
        for number, found, tops in scorer.reader.read(sequences):
            if not np.isfinite(found).all():
                # Read together, one text's NaN may reach its neighbours: whose is it?
                _, found, tops = next(scorer.reader.read([sequences[number]]))
                if not np.isfinite(found).all():
                    _refuse_no_number(texts[distinct[number][1]])
            values[starts[number] : starts[number + 1]] = found
            is_top[starts[number] : starts[number + 1]] = tops
            bar.advance(len(found))
    return _spread(Likelihoods(values, is_top, starts), number_of)


def _distinct(
    scorer: Scorer, texts: Sequence[Text]
) -> tuple[list[tuple[Encoded, int]], np.ndarray]:
    """The texts that differ for the model, sorted, each with one that it stands for; which of
    them each text is."""
    first: dict[tuple[bytes, int, int, bytes], tuple[Encoded, int]] = {}
    keys = []
    for number, encoded in enumerate(scorer.encode(texts)):
        encoded = _within_positions(scorer, encoded, texts[number])
        _refuse_unknown_token(scorer, encoded, texts[number])
        keys.append(encoded.key)
        first.setdefault(keys[-1], (encoded, number))
    order = {key: number for number, key in enumerate(sorted(first))}
    return [first[key] for key in order], np.array([order[key] for key in keys], dtype=np.int64)


def _spread(found: Likelihoods, number_of: np.ndarray) -> Likelihoods:
    """From what is distinct to every text."""
    counts = found.counts()[number_of]
    starts = np.concatenate([[0], np.cumsum(counts)])
    tokens = np.arange(starts[-1]) - np.repeat(starts[:-1] - found.starts[number_of], counts)
    return Likelihoods(found.values[tokens], found.is_top[tokens], starts)


def _within_positions(scorer: Scorer, encoded: Encoded, text: Text) -> Encoded:
    inputs = len(encoded.ids) - 1
    if scorer.positions is None or inputs <= scorer.positions:
        return encoded
    if not scorer.truncate:
        raise InputError(
            f"a text needs {inputs} positions, the model has {scorer.positions}: {shortened(text)}",
            why="Scored in part, it would not compare with its pair.",
            mend="Take it out, use a model with more positions, or cut beginnings: --truncate",
        )
    cut = inputs - scorer.positions
    return Encoded(encoded.ids[cut:], max(1, encoded.first - cut), encoded.stop - cut)


def _refuse_unknown_token(scorer: Scorer, encoded: Encoded, text: Text) -> None:
    known = scorer.reader.vocab_size
    largest = int(encoded.ids.max(initial=0))
    if largest >= known:
        raise InputError(
            f"the tokenizer gives token {largest}, but the model knows only 0 to {known - 1}: "
            f"{shortened(text)}",
            mend="Use the tokenizer that the model was trained with.",
        )


def _refuse_no_number(text: Text) -> None:
    raise InputError(
        f"the model gives no finite log-likelihood to {shortened(text)}",
        why="Its weights hold NaN or infinite values: such an item is neither right nor wrong.",
        mend="Train it again, or go back to an earlier checkpoint.",
    )


def shortened(text: Text) -> str:
    """A text as errors show it."""
    whole = text.context + text.target
    return repr(whole if len(whole) <= 80 else whole[:77] + "...")
