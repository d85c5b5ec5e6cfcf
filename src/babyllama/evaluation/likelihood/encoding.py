"""Texts as the tokens that a model reads, under a year's scoring rules."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int32

from babyllama.evaluation.likelihood.rules import ScoringRules
from babyllama.evaluation.likelihood.texts import Text

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

# The default of `texts_at_once`: enough texts to use all cores, while the Python objects that the
# tokenizer returns for them stay small.
_TEXTS_AT_ONCE = 1_000
# Three masks stand for the rest of a sentence in the reading task of the 2025 pipeline: one is the
# scored token's own.
_MASKS_BEHIND = 2


def _no_tokens() -> Int32[np.ndarray, " tokens"]:
    return np.empty(0, dtype=np.int32)


@dataclass(frozen=True)
class EncodedText:
    """A text as a model reads it; `ids[first:stop]` are scored.

    Attributes:
        source: the input of an encoder-decoder's encoder; empty for other models.
        words: the number of each token's word, -1 for special tokens; only for masked models.
    """

    ids: Int32[np.ndarray, " tokens"]
    first: int
    stop: int
    source: Int32[np.ndarray, " source"] = field(default_factory=_no_tokens)
    words: Int32[np.ndarray, " words"] = field(default_factory=_no_tokens)

    @property
    def input_length(self) -> int:
        """The number of input tokens: the last token of a causal text is only predicted."""
        return len(self.ids) if len(self.words) else len(self.ids) - 1

    def keep_last(self, positions: int) -> "EncodedText":
        """The last tokens that fit, of text and source; special tokens before a text stay."""
        kept = int(np.argmax(self.words >= 0)) if len(self.words) else 0
        cut = max(0, self.input_length - positions)
        rest = np.r_[:kept, kept + cut : len(self.ids)]
        return EncodedText(
            self.ids[rest],
            max(kept or 1, self.first - cut),
            self.stop - cut,
            self.source[max(0, len(self.source) - positions) :],
            self.words[rest] if len(self.words) else self.words,
        )

    def has(self, token: int) -> bool:
        """Whether the text or its source has a token; a masked model's special tokens aside."""
        own = self.ids[self.words >= 0] if len(self.words) else self.ids
        return bool((own == token).any() or (self.source == token).any())

    @property
    def key(self) -> tuple[bytes, int, int, bytes]:
        """Equal for texts with the same tokens; keys sort like the tokens."""
        return self.ids.astype(">i4").tobytes(), self.first, self.stop, self.source.tobytes()


def unknown_token(tokenizer: "PreTrainedTokenizerFast") -> int | None:
    """The token that stands for text which the tokenizer does not know; None if it has none.

    A byte-level tokenizer knows every text, whatever its configuration calls unknown. A token that
    also frames texts, as a BOS does, does not tell.
    """
    from tokenizers.models import Unigram

    model = tokenizer.backend_tokenizer.model
    named = getattr(model, "unk_token", None)
    if isinstance(model, Unigram):
        named = tokenizer.unk_token
    framing = (tokenizer.bos_token, tokenizer.eos_token, tokenizer.cls_token, tokenizer.sep_token)
    if named is None or named in framing:
        return None
    token = tokenizer.convert_tokens_to_ids(named)
    return token if isinstance(token, int) else None


_Encoder = Callable[[Sequence[Text]], Iterator[EncodedText]]


def encode_causal(
    texts: Sequence[Text],
    tokenizer: "PreTrainedTokenizerFast",
    rules: ScoringRules,
    context: int | None,
    *,
    texts_at_once: int = _TEXTS_AT_ONCE,
) -> Iterator[EncodedText]:
    """Encode texts for decoders, which score tokens that have a token before them.

    Args:
        context: the rules' context token; None: no such token, and a text's first token is not
            scored.
        texts_at_once: texts that the tokenizer gets in one call. It changes only speed and memory.
    """
    begin = [] if context is None else [context]

    def without_context(part: Sequence[Text]) -> Iterator[EncodedText]:
        space = " " if rules.leading_space else ""
        found = _tokens(tokenizer, [space + text.target for text in part])
        return (_scored_from(max(1, len(begin)), begin + ids) for ids in found)

    def after_context(part: Sequence[Text]) -> Iterator[EncodedText]:
        """Like the pipelines of 2023 and 2024 and lm-evaluation-harness, without context token."""
        moved = [_without_trailing_space(text) for text in part]
        joined = _tokens(tokenizer, [text.context + text.target for text in moved])
        before = _tokens(tokenizer, [text.context for text in moved])
        return (
            _scored_from(max(1, len(first)), ids) for ids, first in zip(joined, before, strict=True)
        )

    def by_offsets(part: Sequence[Text]) -> Iterator[EncodedText]:
        own = rules.context == "tokenizer"
        found = tokenizer(
            [text.context + text.target for text in part],
            add_special_tokens=own, return_offsets_mapping=True, verbose=False,
        )  # fmt: skip
        before = [] if own else begin
        for text, ids, spans in zip(part, found["input_ids"], found["offset_mapping"], strict=True):
            scored = _ending_after(len(text.context), [(0, 0)] * len(before) + spans)
            yield _cut(before + ids, [at for at in scored if at > 0])

    def separately(part: Sequence[Text]) -> Iterator[EncodedText]:
        own = rules.context == "tokenizer"
        first = _tokens(tokenizer, [text.context for text in part], add_special_tokens=own)
        second = _tokens(tokenizer, [text.target for text in part])
        for text, ids, target in zip(part, first, second, strict=True):
            unscored = ids if own else begin + ids
            scored = target[:1] if text.scored == "first" else target
            yield _scored_from(max(1, len(unscored)), unscored + scored)

    def encoder_of(text: Text) -> _Encoder:
        if text.is_separate:
            return separately
        if rules.context == "tokenizer" or (text.context and rules.context == "config"):
            return by_offsets
        return after_context if text.context else without_context

    return _encode_runs(texts, encoder_of, texts_at_once)


def _tokens(
    tokenizer: "PreTrainedTokenizerFast", texts: Sequence[str], *, add_special_tokens: bool = False
) -> Iterator[list[int]]:
    """Each text's tokens, without offsets and masks: calling the tokenizer takes 3 times as long.

    Args:
        tokenizer: as `load_tokenizer` makes it, so that its backend neither cuts nor pads.
    """
    encode = tokenizer.backend_tokenizer.encode_batch_fast
    return (each.ids for each in encode(texts, add_special_tokens=add_special_tokens))


def tokenized_anew(text: Text, tokenizer: "PreTrainedTokenizerFast") -> Iterator[Text]:
    """A separate target token by token, each after the decoded text up to it.

    A token is decoded and then encoded again, of which the first token is scored.

    Source: get_p2 in reading/evaluation_functions.py of the 2025 pipeline.
    """
    context = text.context
    ids = tokenizer(text.target, add_special_tokens=False, verbose=False)["input_ids"]
    for number, token in enumerate(ids):
        piece = str(tokenizer.decode([token]))
        target = piece if number else text.target
        yield Text(target, context, is_separate=True, scored="first")
        context += piece


def encode_masked(
    texts: Sequence[Text],
    tokenizer: "PreTrainedTokenizerFast",
    rules: ScoringRules,
    *,
    texts_at_once: int = _TEXTS_AT_ONCE,
) -> Iterator[EncodedText]:
    """Encode texts for masked models, with the tokenizer's special tokens, which are not scored.

    Args:
        texts_at_once: as for `encode_causal`.
    """
    end = tokenizer.eos_token_id if tokenizer.eos_token_id is not None else tokenizer.sep_token_id
    before = [end] if rules.masked == "mean" and end is not None else []
    space = " " if rules.leading_space else ""

    def without_context(part: Sequence[Text]) -> Iterator[EncodedText]:
        """Every token of a text is scored; under 2025 only those with characters of their own."""
        found = tokenizer(
            [space + text.target for text in part],
            return_offsets_mapping=True, return_special_tokens_mask=True, verbose=False,
        )  # fmt: skip
        for row, ids in enumerate(found["input_ids"]):
            special = found["special_tokens_mask"][row]
            words = [-1 if word is None else word for word in found.word_ids(row)]
            scored = [at for at in range(len(ids)) if not special[at]]
            if rules.context == "tokenizer":
                ending = set(_ending_after(0, found["offset_mapping"][row]))
                scored = [at for at in scored if at in ending]
            first = sum(1 for _ in takewhile(bool, special))
            yield _cut(
                [*ids[:first], *before, *ids[first:]],
                [at + len(before) for at in scored],
                words=[*words[:first], *[-1] * len(before), *words[first:]],
                keeps_rest=True,
            )

    def after_context(part: Sequence[Text]) -> Iterator[EncodedText]:
        found = tokenizer(
            [text.context + text.target for text in part],
            return_offsets_mapping=True, return_special_tokens_mask=True, verbose=False,
        )  # fmt: skip
        for row, text in enumerate(part):
            special = found["special_tokens_mask"][row]
            ends = _ending_after(len(text.context), found["offset_mapping"][row])
            words = [-1 if word is None else word for word in found.word_ids(row)]
            scored = [at for at in ends if not special[at]]
            yield _cut(found["input_ids"][row], scored, words=words, keeps_rest=True)

    def separately(part: Sequence[Text]) -> Iterator[EncodedText]:
        """The target's tokens are put before the special tokens that end the encoded context.

        If only the first is scored, masks follow it.
        """
        first = tokenizer(
            [text.context for text in part], return_special_tokens_mask=True, verbose=False
        )
        second = tokenizer([text.target for text in part], add_special_tokens=False, verbose=False)
        for row, ids in enumerate(first["input_ids"]):
            special = first["special_tokens_mask"][row]
            at = len(ids) - sum(1 for _ in takewhile(bool, reversed(special)))
            target = second["input_ids"][row]
            masks: list[int] = []
            if part[row].scored == "first":
                target, masks = target[:1], [tokenizer.mask_token_id] * _MASKS_BEHIND
            before = [-1 if word is None else word for word in first.word_ids(row)]
            own = [max(before, default=-1) + 1 + (word or 0) for word in second.word_ids(row)]
            yield _cut(
                [*ids[:at], *target, *masks, *ids[at:]],
                list(range(at, at + len(target))),
                words=[*before[:at], *own[: len(target)], *[-1] * len(masks), *before[at:]],
                keeps_rest=True,
            )

    def encoder_of(text: Text) -> _Encoder:
        if text.is_separate:
            return separately
        return after_context if text.context else without_context

    return _encode_runs(texts, encoder_of, texts_at_once)


def encode_with_source(
    texts: Sequence[Text],
    tokenizer: "PreTrainedTokenizerFast",
    rules: ScoringRules,
    start: int,
    *,
    texts_at_once: int = _TEXTS_AT_ONCE,
) -> Iterator[EncodedText]:
    """Encode texts for encoder-decoders: the context for the encoder, the target for the decoder.

    Under the rules of 2023 the EOS at the end of the target is scored as well.

    Args:
        start: the decoder's first input token.
        texts_at_once: as for `encode_causal`.
    """

    # The EOS is meant here: in texts, control tokens that are spelt out are text.
    before = tokenizer(
        tokenizer.eos_token if rules.name == "2023" else "",
        verbose=False, split_special_tokens=False,
    )["input_ids"]  # fmt: skip

    def source_and_target(part: Sequence[Text]) -> Iterator[EncodedText]:
        contexts = tokenizer([text.context for text in part], verbose=False)["input_ids"]
        sources = [
            ids if text.context else before for text, ids in zip(part, contexts, strict=True)
        ]
        targets = tokenizer(
            [text.target for text in part],
            add_special_tokens=rules.name == "2023", verbose=False,
        )["input_ids"]  # fmt: skip
        for source, target in zip(sources, targets, strict=True):
            encoded = _scored_from(1, [start, *target])
            yield EncodedText(encoded.ids, 1, encoded.stop, source=np.array(source, dtype=np.int32))

    return _encode_runs(texts, lambda _text: source_and_target, texts_at_once)


def _encode_runs(
    texts: Sequence[Text], encoder_of: Callable[[Text], _Encoder], texts_at_once: int
) -> Iterator[EncodedText]:
    """Encode consecutive texts that have the same encoder in one call."""
    start = 0
    while start < len(texts):
        encoder = encoder_of(texts[start])
        stop = start + 1
        limit = min(len(texts), start + texts_at_once)
        while stop < limit and encoder_of(texts[stop]) is encoder:
            stop += 1
        yield from encoder(texts[start:stop])
        start = stop


def _without_trailing_space(text: Text) -> Text:
    """Move spaces at the end of the context to the target, as lm-evaluation-harness does."""
    context = text.context.rstrip()
    return Text(text.context[len(context) :] + text.target, context)


def _scored_from(first: int, ids: list[int]) -> EncodedText:
    return EncodedText(np.array(ids, dtype=np.int32), first, max(first, len(ids)))


def _ending_after(begin: int, spans: Sequence[tuple[int, int]]) -> list[int]:
    """The tokens whose characters end after `begin`; special tokens have the span (0, 0).

    A token that is a lone space has an empty span behind its space if the tokenizer trims spans,
    as ours does. So it belongs to the part in which its space is.

    Source: sentence_zero_shot/dataset.py of the 2025 pipeline.
    """
    return [at for at, (_, end) in enumerate(spans) if end > begin]


def _cut(
    ids: list[int], scored: list[int], *, words: list[int] | None = None, keeps_rest: bool = False
) -> EncodedText:
    """Score from the first to the last of `scored`; tokens after these are dropped by default."""
    first, stop = (scored[0], scored[-1] + 1) if scored else (1, 1)
    kept = ids if keeps_rest else ids[: max(1, stop)]
    return EncodedText(
        np.array(kept, dtype=np.int32), first, stop, words=np.array(words or [], dtype=np.int32)
    )
