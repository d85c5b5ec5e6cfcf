"""Masked models, scored by pseudo-log-likelihood: one masked position at a time.

A token's score is its log-probability when it is masked and all other tokens are visible. That is
too high for a word of several tokens, since the later ones reveal the earlier ones: `within_word`
masks the later tokens of the same word as well.

Logits are computed at masked positions only. Two sentences that differ at one position are equal
once it is masked, so their masked copy is computed once.

Source: Salazar et al. 2020 (arXiv 1910.14659); Kauf and Ivanova 2023 (arXiv 2305.10588) for the
within-word variant, PLL-word-l2r there.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from babyllama.evaluation.likelihood.encoding import EncodedText
from babyllama.evaluation.likelihood.model_group import ModelGroup

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Masking = Literal["original", "within_word"]
_Copy = tuple[bytes, int]  # a text's tokens with masks, as int32, and the scored position
_BYTES = 4

_TOKENS_ON_CPU, _TOKENS_ON_CARD = 4096, 32_768
_TEXTS_AHEAD = 2048


class MaskedModels:
    """A group of masked models.

    Args:
        mask: the number of the tokenizer's mask token.
        tokens_at_once: tokens of a batch. It changes only speed and memory.
    """

    def __init__(
        self, group: ModelGroup, *, mask: int, masking: Masking, tokens_at_once: int | None = None
    ) -> None:
        on_cpu = group.device.type == "cpu"
        self.group = group
        self.mask = mask
        self.masking = masking
        self.tokens_at_once = tokens_at_once or (_TOKENS_ON_CPU if on_cpu else _TOKENS_ON_CARD)

    @property
    def vocab_size(self) -> int:
        """The size of the smallest vocabulary."""
        return self.group.vocab_size

    @property
    def dtype(self) -> torch.dtype:
        """The data type in which the models compute."""
        return self.group.dtype

    def in_float32(self) -> "MaskedModels":
        """The same models, computing in float32."""
        return MaskedModels(
            replace(self.group, dtype=torch.float32),
            mask=self.mask, masking=self.masking, tokens_at_once=self.tokens_at_once,
        )  # fmt: skip

    def score_tokens(
        self, sequences: Sequence[EncodedText]
    ) -> Iterator[tuple[int, Float64[np.ndarray, " scored"], np.ndarray]]:
        """Score texts; see `LikelihoodModel`."""
        numbers = iter(range(len(sequences)))
        while part := list(islice(numbers, _TEXTS_AHEAD)):
            values, is_top = self._score([sequences[number] for number in part])
            start = 0
            for number in part:
                stop = start + sequences[number].stop - sequences[number].first
                yield number, values[start:stop], is_top[start:stop]
                start = stop

    def _score(
        self, texts: Sequence[EncodedText]
    ) -> tuple[Float64[np.ndarray, " scored"], np.ndarray]:
        """Score every scored token of the texts, text by text."""
        copies: dict[_Copy, list[tuple[int, int]]] = {}  # each with its (results, labels)
        count = 0
        for each in texts:
            for at in range(each.first, each.stop):
                key = (self._masked(each, at).tobytes(), at)
                copies.setdefault(key, []).append((count, int(each.ids[at])))
                count += 1
        values, is_top = np.empty(count), np.empty(count, dtype=bool)
        for batch in _batches(copies, self.tokens_at_once):
            rows = [row for row, key in enumerate(batch) for _ in copies[key]]
            places, labels = zip(*(pair for key in batch for pair in copies[key]), strict=True)
            log_p = self._log_probabilities(batch)
            own = log_p[rows, list(labels)]
            values[list(places)] = own.double().cpu().numpy()
            is_top[list(places)] = (own >= log_p.amax(dim=-1)[rows]).cpu().numpy()
        return values, is_top

    def _masked(self, text: EncodedText, at: int) -> np.ndarray:
        ids = text.ids.copy()
        ids[at] = self.mask
        if self.masking == "within_word":
            later = np.arange(len(ids)) > at
            ids[later & (text.words == text.words[at])] = self.mask
        return ids

    @torch.no_grad()
    def _log_probabilities(self, batch: Sequence[_Copy]) -> Float[Tensor, "copies vocab"]:
        """Log-probabilities at the scored position of each copy."""
        device = self.group.device
        ids = np.stack([np.frombuffer(ids, dtype=np.int32) for ids, _ in batch])
        input_ids = torch.from_numpy(ids).long().to(device)
        positions = torch.tensor([at for _, at in batch], device=device)
        return self.group.log_probabilities(
            lambda model: _masked_logits(model, input_ids, positions)
        )


def _masked_logits(
    model: "PreTrainedModel",
    input_ids: Int64[Tensor, "copies window"],
    positions: Int64[Tensor, " copies"],
) -> Float[Tensor, "copies vocab"]:
    with _head_reads(model, positions):
        logits: Tensor = model(
            input_ids=input_ids, attention_mask=torch.ones_like(input_ids)
        ).logits
    return logits[:, 0]


def _batches(copies: Iterable[_Copy], tokens_at_once: int) -> Iterator[list[_Copy]]:
    """Copies of equal length, so that nothing is padded; the longest first."""
    by_length = sorted(copies, key=lambda copy: (-len(copy[0]), copy))
    for size, alike in groupby(by_length, key=lambda copy: len(copy[0])):
        rows = max(1, tokens_at_once // (size // _BYTES))
        while batch := list(islice(alike, rows)):
            yield batch


@contextmanager
def _head_reads(model: "PreTrainedModel", positions: Int64[Tensor, " copies"]) -> Iterator[None]:
    """Give a model's head, of whatever architecture, one position of each row."""

    def pick(_module: object, _args: object, output: Any) -> Any:
        states = output.last_hidden_state
        rows = torch.arange(len(states), device=states.device)
        output.last_hidden_state = states[rows, positions][:, None]
        return output

    hook = model.base_model.register_forward_hook(pick)
    try:
        yield
    finally:
        hook.remove()
