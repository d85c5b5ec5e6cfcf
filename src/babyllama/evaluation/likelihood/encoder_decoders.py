"""Encoder-decoders: the encoder reads the context, the decoder is scored by the chain rule.

Source: the 2023 pipeline, lm_eval/models/huggingface.py, for the inputs of encoder and decoder.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from babyllama.evaluation.likelihood.encoding import EncodedText
from babyllama.evaluation.likelihood.model_group import ModelGroup

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_TOKENS_ON_CPU, _TOKENS_ON_CARD = 512, 8192
_TEXTS_AHEAD = 4096


class EncoderDecoders:
    """A group of encoder-decoders.

    Args:
        tokens_at_once: tokens of a batch, with padding. It changes only speed and memory.
    """

    def __init__(self, group: ModelGroup, *, tokens_at_once: int | None = None) -> None:
        on_cpu = group.device.type == "cpu"
        self.group = group
        self.tokens_at_once = tokens_at_once or (_TOKENS_ON_CPU if on_cpu else _TOKENS_ON_CARD)

    @property
    def vocab_size(self) -> int:
        """The size of the smallest vocabulary."""
        return self.group.vocab_size

    @property
    def dtype(self) -> torch.dtype:
        """The data type in which the models compute."""
        return self.group.dtype

    def in_float32(self) -> "EncoderDecoders":
        """The same models, computing in float32."""
        group = replace(self.group, dtype=torch.float32)
        return EncoderDecoders(group, tokens_at_once=self.tokens_at_once)

    def score_tokens(
        self, sequences: Sequence[EncodedText]
    ) -> Iterator[tuple[int, Float64[np.ndarray, " scored"], np.ndarray]]:
        """Score texts; see `LikelihoodModel`."""
        numbers = iter(range(len(sequences)))
        while part := list(islice(numbers, _TEXTS_AHEAD)):
            part.sort(key=lambda number: -_length(sequences[number]))
            start = 0
            while start < len(part):
                rows = max(1, self.tokens_at_once // max(1, _length(sequences[part[start]])))
                batch = part[start : start + rows]
                yield from self._score(batch, [sequences[number] for number in batch])
                start += rows

    @torch.no_grad()
    def _score(
        self, numbers: Sequence[int], batch: Sequence[EncodedText]
    ) -> Iterator[tuple[int, Float64[np.ndarray, " scored"], np.ndarray]]:
        device = self.group.device
        sources = sorted({each.source.tobytes() for each in batch})
        which = torch.tensor([sources.index(each.source.tobytes()) for each in batch])
        encoder_ids, seen = _padded([np.frombuffer(each, dtype=np.int32) for each in sources])
        decoder_ids, _ = _padded([each.ids[: each.stop] for each in batch])
        read = [each.to(device) for each in (encoder_ids, seen, which, decoder_ids[:, :-1])]
        log_p = self.group.log_probabilities(lambda model: _decoder_logits(model, *read))
        labels = decoder_ids[:, 1:].to(device)
        own = log_p.gather(-1, labels[..., None])[..., 0]
        values = own.double().cpu().numpy()
        is_top = (own >= log_p.amax(dim=-1)).cpu().numpy()
        for row, (number, each) in enumerate(zip(numbers, batch, strict=True)):
            scored = slice(each.first - 1, each.stop - 1)
            yield number, values[row, scored], is_top[row, scored]


def _decoder_logits(
    model: "PreTrainedModel",
    encoder_ids: Int64[Tensor, "sources source"],
    seen: Int64[Tensor, "sources source"],
    which: Int64[Tensor, " texts"],
    decoder_ids: Int64[Tensor, "texts window"],
) -> Float[Tensor, "texts window vocab"]:
    """Logits of the decoder. Each source is encoded once; `which[i]` is the source of text i."""
    encoded = model.get_encoder()(input_ids=encoder_ids, attention_mask=seen)
    encoded.last_hidden_state = encoded.last_hidden_state[which]
    logits: Tensor = model(
        encoder_outputs=encoded, attention_mask=seen[which], decoder_input_ids=decoder_ids,
        use_cache=False,
    ).logits  # fmt: skip
    return logits


def _length(text: EncodedText) -> int:
    return max(text.stop, len(text.source))


def _padded(
    rows: Sequence[np.ndarray],
) -> tuple[Int64[Tensor, "rows window"], Int64[Tensor, "rows window"]]:
    width = max(2, max(len(row) for row in rows))
    ids = np.zeros((len(rows), width), dtype=np.int64)
    seen = np.zeros_like(ids)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = row
        seen[number, : len(row)] = 1
    return torch.from_numpy(ids), torch.from_numpy(seen)
