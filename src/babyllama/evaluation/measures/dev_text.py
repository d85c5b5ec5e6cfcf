"""The part of the dev text that is measured: its windows, documents, domains and frequencies."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from babyllama.data.documents import domains_of_documents
from babyllama.data.windows import Batch, Windows, document_starts, token_counts

MOST_TOKENS = 32_768  # read of the dev text, whatever its size: the bound on the cost
_TOKENS_AT_ONCE = 2048

# The names of the parts of the text, and the number of each predicted token's part.
Parts = tuple[tuple[str, ...], Int64[np.ndarray, " predicted"]]


@dataclass(frozen=True)
class DevText:
    """Evenly spaced windows of the dev text.

    Attributes:
        tokens: the folder of tokens.
        window: tokens of a window.
        corpus: the clean corpus of the tokens; without it the domains are unknown.
    """

    tokens: Path
    window: int
    corpus: Path | None = None

    @cached_property
    def windows(self) -> Windows:
        """All windows of the dev text."""
        return Windows(self.tokens, "dev", self.window)

    def batches(self) -> Iterator[Batch]:
        """The windows that are measured: at most 32,768 tokens, evenly spaced."""
        limit = max(1, MOST_TOKENS // self.window)
        return self.windows.evenly_spaced(limit, max(1, _TOKENS_AT_ONCE // self.window))

    @cached_property
    def places(self) -> Int64[np.ndarray, " predicted"]:
        """Where in the dev stream each predicted token is, in the order of `batches`."""
        within = np.arange(1, self.window)
        return np.concatenate(
            [(batch.starts[:, None] + within).ravel() for batch in self.batches()]
        )

    @cached_property
    def labels(self) -> Int64[np.ndarray, " predicted"]:
        """The predicted tokens, in the same order."""
        return np.concatenate([batch.labels[:, :-1].flatten().numpy() for batch in self.batches()])

    @cached_property
    def units(self) -> Int64[np.ndarray, " predicted"]:
        """The number of the unit that each predicted token belongs to, from 0.

        A unit is a document; under the layout `stream`, where a file is one document, a window.
        Tokens that were written by hand, without a file of documents, have windows as well.
        """
        if self._is_stream or not len(self._document_starts):
            owner = np.repeat(np.arange(len(self.places) // (self.window - 1)), self.window - 1)
        else:
            owner = np.searchsorted(self._document_starts, self.places, side="right")
        return np.unique(owner, return_inverse=True)[1].astype(np.int64)

    @cached_property
    def domains(self) -> Parts:
        """The names of the domains, and the number of each predicted token's domain.

        Returns:
            no names if the corpus does not say which documents are whose.
        """
        if self.corpus is None:
            return (), np.zeros(len(self.places), np.int64)
        names, of_document = domains_of_documents(self.tokens, self.corpus, "dev")
        if not names:
            return (), np.zeros(len(self.places), np.int64)
        starts = self._document_starts
        return names, of_document[np.searchsorted(starts, self.places, side="right") - 1]

    @cached_property
    def frequencies(self) -> Int64[np.ndarray, " tokens"]:
        """How often each token occurs in the training text; up to the largest that does."""
        return token_counts(self.tokens)

    def bands(self, labels: Int64[np.ndarray, " predicted"]) -> Parts:
        """The frequency band of each label: the decade of its count in the training text.

        Counts below 10 are one band.

        Returns:
            the names of the bands that labels are in, rarest first, and each label's band.
        """
        counts = np.zeros(max(int(labels.max()) + 1, len(self.frequencies)), np.int64)
        counts[: len(self.frequencies)] = self.frequencies
        digits = np.array([len(str(count)) for count in counts.tolist()])
        used, band = np.unique(digits[labels], return_inverse=True)
        return tuple(_band_name(each) for each in used.tolist()), band.astype(np.int64)

    @property
    def _is_stream(self) -> bool:
        return bool(self.windows.header.get("layout") == "stream")

    @cached_property
    def _document_starts(self) -> Int64[np.ndarray, " documents"]:
        return document_starts(self.tokens, "dev")


def _band_name(digits: int) -> str:
    """`0 to 9`, `10 to 99`."""
    return f"{10 ** (digits - 1) if digits > 1 else 0:,} to {10**digits - 1:,}"
