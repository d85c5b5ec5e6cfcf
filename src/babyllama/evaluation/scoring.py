"""How likely models find sentences: sums of log-probabilities by the chain rule.

Decoders, one or several read as one. A sentence's log-likelihood does not depend on which other
sentences are scored with it, in which order or batch.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import starmap
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from babyllama.console import ProgressBar
from babyllama.ensemble import Ensemble, MeanOf, load_ensemble
from babyllama.errors import InputError
from babyllama.evaluation.rules import Rules, context_token
from babyllama.losses import IGNORE_INDEX
from babyllama.tokenizer import load_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

# What a processor's caches hold; a card wants more at once.
_TOKENS_ON_CPU, _TOKENS_ON_CARD = 1024, 16_384
_SENTENCES_AT_ONCE = 10_000


@dataclass(frozen=True)
class Scorer:
    """A model, or several as one, that reads sentences by some rules.

    Attributes:
        context: the token before each sentence; None: none, so that its first token goes unscored.
        positions: the longest input in tokens that every model can see; None: no limit.
    """

    ensemble: Ensemble
    tokenizer: "PreTrainedTokenizerFast"
    rules: Rules
    context: int | None
    positions: int | None


def load_scorer(
    folders: Sequence[Path],
    rules: Rules,
    *,
    device: torch.device,
    weights: Sequence[float] | None = None,
    mean_of: MeanOf = "logits",
) -> Scorer:
    """Load a model folder, or several as their ensemble, in float32.

    Raises:
        InputError: what `load_ensemble` raises, or a tokenizer without the rules' context token.
    """
    ensemble = load_ensemble(folders, device=device, weights=weights, mean_of=mean_of)
    tokenizer = load_tokenizer(folders[0])
    configs = [model.config for model in ensemble.models]
    context = context_token(rules, tokenizer, configs, known=ensemble.mixture.vocab_size)
    limits = [getattr(config, "max_position_embeddings", None) for config in configs]
    positions = min((limit for limit in limits if limit is not None), default=None)
    return Scorer(ensemble, tokenizer, rules, context, positions)


def log_likelihoods(
    scorer: Scorer, sentences: Sequence[str], *, tokens_at_once: int | None = None
) -> Float64[np.ndarray, " sentences"]:
    """log p(sentence) in nats, summed over its tokens, in the order of the sentences.

    Sentences with the same tokens are scored once, so that they tie exactly.

    Args:
        tokens_at_once: tokens of a batch, padding included; a longer sentence is a batch alone.
            It changes speed and memory, not the result.

    Raises:
        InputError: a sentence longer than the model's positions or with a token that the model
            does not know (before any is scored), or one to which the model gives no number.
    """
    on_cpu = scorer.ensemble.device.type == "cpu"
    budget = tokens_at_once or (_TOKENS_ON_CPU if on_cpu else _TOKENS_ON_CARD)
    sequences = _encode(scorer, sentences)
    # Longest first: what does not fit into memory fails at once. Then by their tokens, so that
    # batches, too, do not depend on the order in which sentences come.
    distinct = sorted(set(sequences), key=lambda each: (-len(each.ids), each.ids))
    text_of = dict(zip(sequences, sentences, strict=True))
    found: dict[_Sequence, float] = {}
    with ProgressBar("scoring", sum(len(each.ids) for each in distinct), "tokens") as bar:
        for batch in _batches(distinct, budget):
            values = _score(scorer.ensemble, batch).tolist()
            found |= zip(batch, values, strict=True)
            if not np.isfinite(values).all():
                _refuse_no_number(text_of[batch[int(np.argmin(np.isfinite(values)))]])
            bar.advance(sum(len(each.ids) for each in batch))
    return np.array([found[each] for each in sequences], dtype=np.float64)


@dataclass(frozen=True)
class _Sequence:
    """A sentence as the model reads it; `ids[first:]` are scored, and first is at least 1."""

    ids: tuple[int, ...]
    first: int


def _encode(scorer: Scorer, sentences: Sequence[str]) -> list[_Sequence]:
    sequences: list[_Sequence] = []
    for start in range(0, len(sentences), _SENTENCES_AT_ONCE):
        part = sentences[start : start + _SENTENCES_AT_ONCE]
        texts = [" " + text for text in part] if scorer.rules.leading_space else list(part)
        encode = _as_tokenizer_wants if scorer.rules.context == "tokenizer" else _after_context
        sequences += encode(scorer, texts)
    for sequence, sentence in zip(sequences, sentences, strict=True):
        _refuse_unreadable(scorer, sequence, sentence)
    return sequences


def _after_context(scorer: Scorer, texts: list[str]) -> Iterator[_Sequence]:
    context = () if scorer.context is None else (scorer.context,)
    encoded = scorer.tokenizer(texts, add_special_tokens=False, verbose=False)
    return (_Sequence((*context, *ids), 1) for ids in encoded["input_ids"])


def _as_tokenizer_wants(scorer: Scorer, texts: list[str]) -> Iterator[_Sequence]:
    """With the tokenizer's own special tokens; as in 2025 those without width are not scored."""
    encoded = scorer.tokenizer(texts, return_offsets_mapping=True, verbose=False)
    return starmap(_with_width, zip(encoded["input_ids"], encoded["offset_mapping"], strict=True))


def _with_width(ids: list[int], offsets: list[tuple[int, int]]) -> _Sequence:
    begin = offsets[0][0] if offsets else 0
    scored = [at for at, (_, end) in enumerate(offsets) if at and end > begin]
    if not scored:
        return _Sequence(tuple(ids[:1]), 1)
    # What stands after the last scored token cannot change it: the models look back alone.
    return _Sequence(tuple(ids[: scored[-1] + 1]), scored[0])


def _refuse_unreadable(scorer: Scorer, sequence: _Sequence, sentence: str) -> None:
    inputs = len(sequence.ids) - 1
    if scorer.positions is not None and inputs > scorer.positions:
        raise InputError(
            f"a sentence needs {inputs} positions, the model has {scorer.positions}: "
            f"{_shortened(sentence)}",
            why="Scored in part, it would not compare with its pair.",
            mend="Take it out, or use a model with more positions.",
        )
    known = scorer.ensemble.mixture.vocab_size
    largest = max(sequence.ids, default=0)
    if largest >= known:
        raise InputError(
            f"the tokenizer gives token {largest}, but the model knows only 0 to {known - 1}: "
            f"{_shortened(sentence)}",
            mend="Use the tokenizer that the model was trained with.",
        )


def _batches(sequences: Sequence[_Sequence], tokens_at_once: int) -> Iterator[list[_Sequence]]:
    """Neighbours, longest first, padded to the first one's length."""
    start = 0
    while start < len(sequences):
        rows = max(1, tokens_at_once // max(1, len(sequences[start].ids)))
        yield list(sequences[start : start + rows])
        start += rows


@torch.no_grad()
def _score(ensemble: Ensemble, batch: Sequence[_Sequence]) -> Float64[Tensor, " batch"]:
    input_ids, labels = (ids.to(ensemble.device) for ids in _padded(batch))
    scored = labels != IGNORE_INDEX
    found = torch.zeros(labels.shape, dtype=torch.float64, device=labels.device)
    if scored.any():
        # Logits are formed for scored positions alone; padding gets none.
        states = ensemble.states(input_ids)[scored]
        found[scored] = ensemble.mixture.log_probabilities(states, labels[scored]).double()
    return found.sum(dim=1)


def _padded(
    batch: Sequence[_Sequence],
) -> tuple[Int64[Tensor, "batch window"], Int64[Tensor, "batch window"]]:
    """Inputs and what follows each of them, padded on the right.

    No attention mask is needed: a causal model looks back only, so no token of a sentence sees
    the padding behind it, and positions count from the left as without it.
    """
    window = max(1, max(len(each.ids) for each in batch) - 1)
    input_ids = np.zeros((len(batch), window), dtype=np.int64)
    labels = np.full_like(input_ids, IGNORE_INDEX)
    for row, each in enumerate(batch):
        stop = len(each.ids) - 1
        input_ids[row, : max(0, stop)] = each.ids[:-1]
        if stop >= each.first:
            labels[row, each.first - 1 : stop] = each.ids[each.first :]
    return torch.from_numpy(input_ids), torch.from_numpy(labels)


def _refuse_no_number(sentence: str) -> None:
    raise InputError(
        f"the model gives no finite log-likelihood to {_shortened(sentence)}",
        why="Its weights hold NaN or infinite values: such a pair is neither right nor wrong.",
        mend="Train it again, or go back to an earlier checkpoint.",
    )


def _shortened(sentence: str) -> str:
    return repr(sentence if len(sentence) <= 80 else sentence[:77] + "...")
