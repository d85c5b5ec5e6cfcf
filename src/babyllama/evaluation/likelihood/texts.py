"""Texts to be scored, and the log-likelihoods of their tokens."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float64, Int64


@dataclass(frozen=True)
class Text:
    """A text to be scored: log p(target | context).

    Attributes:
        target: the part that is scored.
        context: the part before it, which is not scored; if empty, only the rules' context token
            precedes the target. The two are concatenated as they are, so a space between two
            words belongs to one of them.
        is_separate: whether context and target are tokenized separately, not as one text.
        scored: which tokens of a separate target are scored. `anew`: all of them, but each after
            the text up to it has been decoded and tokenized anew, as the reading task of the 2025
            pipeline does, so that a text becomes several of `first`.
    """

    target: str
    context: str = ""
    is_separate: bool = False
    scored: Literal["all", "first", "anew"] = "all"


@dataclass(frozen=True)
class Inputs:
    """How texts became a model's input, text by text.

    Attributes:
        tokens: of each text, with its context and special tokens, before any were cut away.
        cut: how many of these were cut away because the text is longer than the model's positions.
        has_unknown: whether the tokenizer has no token for some part of the text.
    """

    tokens: Int64[np.ndarray, " texts"]
    cut: Int64[np.ndarray, " texts"]
    has_unknown: Bool[np.ndarray, " texts"]

    def __getitem__(self, texts: slice) -> "Inputs":
        """Those of consecutive texts."""
        return Inputs(self.tokens[texts], self.cut[texts], self.has_unknown[texts])


@dataclass(frozen=True)
class Likelihoods:
    """Log-likelihoods of the scored tokens of several texts, text by text.

    Attributes:
        values: log p of each token in nats.
        is_top: whether no other token had a higher probability at its position.
        starts: the tokens of text i are `starts[i]` to `starts[i + 1]`.
        inputs: how the texts were read, if they came from a model.
        scored_bytes: of each text, if the benchmark counts bytes; see `scorer.scored_bytes`.
    """

    values: Float64[np.ndarray, " tokens"]
    is_top: Bool[np.ndarray, " tokens"]
    starts: Int64[np.ndarray, " bounds"]
    inputs: Inputs | None = None
    scored_bytes: Int64[np.ndarray, " texts"] | None = None

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, texts: slice) -> "Likelihoods":
        """The log-likelihoods of consecutive texts."""
        first, last, step = texts.indices(len(self))
        if step != 1:
            raise ValueError("the step of a slice of texts must be 1")
        bounds = self.starts[first : max(first, last) + 1]
        tokens = slice(bounds[0], bounds[-1])
        return Likelihoods(
            self.values[tokens],
            self.is_top[tokens],
            bounds - bounds[0],
            None if self.inputs is None else self.inputs[texts],
            None if self.scored_bytes is None else self.scored_bytes[texts],
        )

    def joined(self, sizes: Sequence[int]) -> "Likelihoods":
        """The log-likelihoods of texts that were scored in parts, of which each has some in a row.

        Args:
            sizes: the number of parts of each text, at least 1.
        """
        first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        inputs = self.inputs
        if inputs is not None:
            inputs = Inputs(
                np.maximum.reduceat(inputs.tokens, first[:-1]),
                np.maximum.reduceat(inputs.cut, first[:-1]),
                np.logical_or.reduceat(inputs.has_unknown, first[:-1]),
            )
        return Likelihoods(self.values, self.is_top, self.starts[first], inputs)

    def with_texts(
        self, numbers: Int64[np.ndarray, " some"], found: "Likelihoods"
    ) -> "Likelihoods":
        """The same with other log-likelihoods of some texts.

        Args:
            found: of the texts with these numbers, in this order, with as many scored tokens.
        """
        counts = found.counts()
        tokens = np.repeat(self.starts[numbers] - found.starts[:-1], counts) + np.arange(
            found.starts[-1]
        )
        values, is_top = self.values.copy(), self.is_top.copy()
        values[tokens], is_top[tokens] = found.values, found.is_top
        return replace(self, values=values, is_top=is_top)

    def counts(self) -> Int64[np.ndarray, " texts"]:
        """The number of scored tokens of each text."""
        return np.diff(self.starts)

    def sums(self) -> Float64[np.ndarray, " texts"]:
        """log p(target | context) of each text in nats; 0 for a text without scored tokens."""
        return self._by_text(self.values)

    def averaged(self) -> "Likelihoods":
        """The same, each value divided by its text's number of tokens, so that `sums` are means."""
        counts = self.counts()
        return replace(self, values=self.values / np.repeat(counts, counts))

    def all_top(self) -> Bool[np.ndarray, " texts"]:
        """Whether greedy decoding would have produced each text."""
        is_right: Bool[np.ndarray, " texts"] = self._by_text(~self.is_top) == 0
        return is_right

    def _by_text(self, values: np.ndarray) -> Float64[np.ndarray, " texts"]:
        texts = np.repeat(np.arange(len(self)), self.counts())
        return np.bincount(texts, values, minlength=len(self)).astype(np.float64)
