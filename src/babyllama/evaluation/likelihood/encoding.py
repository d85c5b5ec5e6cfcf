"""Texts as the tokens that a model reads, under the rules that say what stands before them."""

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

# Tokenizers run on all cores; what they give back as Python objects is turned into arrays soon.
_TEXTS_AT_ONCE = 1_000


def _none() -> Int32[np.ndarray, " tokens"]:
    return np.empty(0, dtype=np.int32)


@dataclass(frozen=True)
class EncodedText:
    """A text as a model reads it; `ids[first:stop]` are scored.

    Attributes:
        source: what an encoder reads apart from it; empty for the other kinds of models.
        words: the word that each token is part of, -1 for special tokens; masked models alone.
    """

    ids: Int32[np.ndarray, " tokens"]
    first: int
    stop: int
    source: Int32[np.ndarray, " source"] = field(default_factory=_none)
    words: Int32[np.ndarray, " words"] = field(default_factory=_none)

    @property
    def input_length(self) -> int:
        """Tokens that the model is given: the last one of a causal text is predicted alone."""
        return len(self.ids) if len(self.words) else len(self.ids) - 1

    def keep_last(self, positions: int) -> "EncodedText":
        """Its last tokens and its source's, as many as fit; a masked model's first one stays."""
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

    @property
    def key(self) -> tuple[bytes, int, int, bytes]:
        """Equal for texts that a model cannot tell apart; in the order of their tokens."""
        return self.ids.astype(">i4").tobytes(), self.first, self.stop, self.source.tobytes()


def encode_causal(
    texts: Sequence[Text],
    tokenizer: "PreTrainedTokenizerFast",
    rules: ScoringRules,
    context: int | None,
) -> Iterator[EncodedText]:
    """For decoders: every scored token has a token before it.

    Args:
        context: the rules' context token; None: none, so that a text's first token goes unscored.
    """
    begin = [] if context is None else [context]

    def alone(part: Sequence[Text]) -> Iterator[EncodedText]:
        space = " " if rules.leading_space else ""
        found = tokenizer(
            [space + text.target for text in part], add_special_tokens=False, verbose=False
        )
        return (_scored_from(max(1, len(begin)), begin + ids) for ids in found["input_ids"])

    def after_text(part: Sequence[Text]) -> Iterator[EncodedText]:
        """As the pipelines of 2023 and 2024 and lm-evaluation-harness, without a context token."""
        moved = [_without_trailing_space(text) for text in part]
        wholes = tokenizer(
            [text.context + text.target for text in moved], add_special_tokens=False, verbose=False
        )["input_ids"]
        before = tokenizer(
            [text.context for text in moved], add_special_tokens=False, verbose=False
        )["input_ids"]
        return (
            _scored_from(max(1, len(first)), ids) for ids, first in zip(wholes, before, strict=True)
        )

    def by_offsets(part: Sequence[Text]) -> Iterator[EncodedText]:
        own = rules.context == "tokenizer"
        found = tokenizer(
            [text.context + text.target for text in part],
            add_special_tokens=own, return_offsets_mapping=True, verbose=False,
        )  # fmt: skip
        before = [] if own else begin
        for text, ids, spans in zip(part, found["input_ids"], found["offset_mapping"], strict=True):
            scored = _beyond(len(text.context), [(0, 0)] * len(before) + spans)
            yield _cut(before + ids, [at for at in scored if at > 0])

    def apart(part: Sequence[Text]) -> Iterator[EncodedText]:
        own = rules.context == "tokenizer"
        first = tokenizer([text.context for text in part], add_special_tokens=own, verbose=False)[
            "input_ids"
        ]
        second = tokenizer([text.target for text in part], add_special_tokens=False, verbose=False)[
            "input_ids"
        ]
        for ids, target in zip(first, second, strict=True):
            whole = ids if own else begin + ids
            yield _scored_from(max(1, len(whole)), whole + target)

    def way(text: Text) -> Callable[[Sequence[Text]], Iterator[EncodedText]]:
        if text.is_separate:
            return apart
        if rules.context == "tokenizer" or (text.context and rules.context == "config"):
            return by_offsets
        return after_text if text.context else alone

    return _each_its_way(texts, way)


def encode_masked(
    texts: Sequence[Text], tokenizer: "PreTrainedTokenizerFast", rules: ScoringRules
) -> Iterator[EncodedText]:
    """For masked models: with the tokenizer's own special tokens, which are never scored."""
    eos = tokenizer.eos_token or tokenizer.sep_token or ""
    before = eos if rules.masked == "mean" else ""
    space = " " if rules.leading_space else ""

    def whole(part: Sequence[Text]) -> Iterator[EncodedText]:
        contexts = [text.context or before for text in part]
        targets = [text.target if text.context else space + text.target for text in part]
        found = tokenizer(
            [context + target for context, target in zip(contexts, targets, strict=True)],
            return_offsets_mapping=True, return_special_tokens_mask=True, verbose=False,
        )  # fmt: skip
        for row, context in enumerate(contexts):
            special = found["special_tokens_mask"][row]
            beyond = _beyond(len(context), found["offset_mapping"][row])
            words = [-1 if word is None else word for word in found.word_ids(row)]
            scored = [at for at in beyond if not special[at]]
            yield _cut(found["input_ids"][row], scored, words=words, rest=True)

    def apart(part: Sequence[Text]) -> Iterator[EncodedText]:
        """The target's own tokens between those of the context and the special ones that end it."""
        first = tokenizer(
            [text.context for text in part], return_special_tokens_mask=True, verbose=False
        )
        second = tokenizer([text.target for text in part], add_special_tokens=False, verbose=False)
        for row, ids in enumerate(first["input_ids"]):
            special = first["special_tokens_mask"][row]
            at = len(ids) - sum(1 for _ in takewhile(bool, reversed(special)))
            target = second["input_ids"][row]
            before = [-1 if word is None else word for word in first.word_ids(row)]
            own = [max(before, default=-1) + 1 + (word or 0) for word in second.word_ids(row)]
            yield _cut(
                [*ids[:at], *target, *ids[at:]],
                list(range(at, at + len(target))),
                words=[*before[:at], *own, *before[at:]],
                rest=True,
            )

    return _each_its_way(texts, lambda text: apart if text.is_separate else whole)


def encode_with_source(
    texts: Sequence[Text], tokenizer: "PreTrainedTokenizerFast", rules: ScoringRules, start: int
) -> Iterator[EncodedText]:
    """For encoder-decoders: the encoder reads the context, the decoder is scored on the target.

    Under the rules of 2023 the EOS behind a sentence counts as well.

    Args:
        start: the token that the decoder begins with.
    """

    def both(part: Sequence[Text]) -> Iterator[EncodedText]:
        before = tokenizer.eos_token if rules.name == "2023" else ""
        sources = tokenizer([text.context or before for text in part], verbose=False)["input_ids"]
        targets = tokenizer(
            [text.target for text in part],
            add_special_tokens=rules.name == "2023", verbose=False,
        )["input_ids"]  # fmt: skip
        for source, target in zip(sources, targets, strict=True):
            encoded = _scored_from(1, [start, *target])
            yield EncodedText(encoded.ids, 1, encoded.stop, source=np.array(source, dtype=np.int32))

    return _each_its_way(texts, lambda _text: both)


def _each_its_way(
    texts: Sequence[Text],
    way: Callable[[Text], Callable[[Sequence[Text]], Iterator[EncodedText]]],
) -> Iterator[EncodedText]:
    """Encode neighbours that go the same way together."""
    start = 0
    while start < len(texts):
        chosen = way(texts[start])
        stop = start + 1
        most = min(len(texts), start + _TEXTS_AT_ONCE)
        while stop < most and way(texts[stop]) is chosen:
            stop += 1
        yield from chosen(texts[start:stop])
        start = stop


def _without_trailing_space(text: Text) -> Text:
    """Spaces that end a context are part of the target's first token, as the harness has it."""
    context = text.context.rstrip()
    return Text(text.context[len(context) :] + text.target, context)


def _scored_from(first: int, ids: list[int]) -> EncodedText:
    return EncodedText(np.array(ids, dtype=np.int32), first, max(first, len(ids)))


def _beyond(begin: int, spans: Sequence[tuple[int, int]]) -> list[int]:
    """The tokens whose letters go beyond `begin`; special tokens have none.

    Source: sentence_zero_shot/dataset.py of the 2025 pipeline.
    """
    return [at for at, (start, end) in enumerate(spans) if end > max(begin, start)]


def _cut(
    ids: list[int], scored: list[int], *, words: list[int] | None = None, rest: bool = False
) -> EncodedText:
    """From the first scored token to the last; what stands behind goes unless `rest` is needed."""
    first, stop = (scored[0], scored[-1] + 1) if scored else (1, 1)
    kept = ids if rest else ids[: max(1, stop)]
    return EncodedText(
        np.array(kept, dtype=np.int32), first, stop, words=np.array(words or [], dtype=np.int32)
    )
