"""What is asked of a model, and what it answers: texts, and how likely each of their tokens is."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64


@dataclass(frozen=True)
class Text:
    """A text whose likelihood is asked for: log p(target | context).

    Attributes:
        target: what is scored.
        context: what stands before it, unscored. Where it is empty, the rules' context token alone
            stands there. Context and target follow each other as they are: the space between two
            words belongs to one of them.
        is_separate: context and target are tokenised one by one, not as one text.
    """

    target: str
    context: str = ""
    is_separate: bool = False


@dataclass(frozen=True)
class Likelihoods:
    """What a model says about the scored tokens of each of some texts.

    Attributes:
        values: log p of each token in nats, the texts one after another.
        is_top: whether no other token was likelier there.
        starts: the tokens of text i are `starts[i]` to `starts[i + 1]`.
    """

    values: Float64[np.ndarray, " tokens"]
    is_top: Bool[np.ndarray, " tokens"]
    starts: Int64[np.ndarray, " bounds"]

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, texts: slice) -> "Likelihoods":
        """Those of consecutive texts."""
        first, last, step = texts.indices(len(self))
        if step != 1:
            raise ValueError("texts are taken in a row")
        bounds = self.starts[first : max(first, last) + 1]
        tokens = slice(bounds[0], bounds[-1])
        return Likelihoods(self.values[tokens], self.is_top[tokens], bounds - bounds[0])

    def counts(self) -> Int64[np.ndarray, " texts"]:
        """Scored tokens of each text."""
        return np.diff(self.starts)

    def sums(self) -> Float64[np.ndarray, " texts"]:
        """log p(target | context) of each text in nats; 0 where no token is scored."""
        return self._by_text(self.values)

    def averaged(self) -> "Likelihoods":
        """The same with each token's share in its text's mean, so that `sums` are means."""
        counts = self.counts()
        return Likelihoods(self.values / np.repeat(counts, counts), self.is_top, self.starts)

    def all_top(self) -> Bool[np.ndarray, " texts"]:
        """Whether each text is what greedy decoding would have written."""
        is_right: Bool[np.ndarray, " texts"] = self._by_text(~self.is_top) == 0
        return is_right

    def _by_text(self, values: np.ndarray) -> Float64[np.ndarray, " texts"]:
        texts = np.repeat(np.arange(len(self)), self.counts())
        return np.bincount(texts, values, minlength=len(self)).astype(np.float64)
