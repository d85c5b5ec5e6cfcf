"""Windows of tokens, memory-mapped from a folder that `tokenize` wrote: what models read."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from babyllama.data.order import Order
from babyllama.data.sources import Split
from babyllama.data.token_streams import count_tokens
from babyllama.data.tokenizer import has_vocabulary
from babyllama.errors import InputError, command
from babyllama.recipe import FixedWindows, JitteredWindows, WindowsRecipe
from babyllama.runs.layout import TOKENS_HEADER, stream_file

_DOCUMENTS = 5  # tells these random numbers apart from those of `order` and `difficulty`
IGNORE_INDEX = -100  # the label that losses ignore, by torch's name


@dataclass(frozen=True)
class Batch:
    """Some windows of one stream.

    Attributes:
        starts: the index in the stream of each window's first token, in the order of the rows. A
            stored signal is looked up by these.
        labels: the next token at each position; IGNORE_INDEX at a window's last position, whose
            next token is outside the window (as in the paper: CE on 127 of 128 positions).
        position_ids: where documents are read separately, each token's position in its document's
            part of the window, from 0. None where a token sees all of the window before it.
    """

    starts: Int64[np.ndarray, " batch"]
    input_ids: Int64[Tensor, "batch window"]
    labels: Int64[Tensor, "batch window"]
    position_ids: Int64[Tensor, "batch window"] | None = None

    def rows(self, start: int, stop: int) -> "Batch":
        """A slice of the batch. The tokens are not copied."""
        part = slice(start, stop)
        positions = None if self.position_ids is None else self.position_ids[part]
        return Batch(self.starts[part], self.input_ids[part], self.labels[part], positions)


class Windows:
    """Windows of equal length over one split's stream, in a new order each epoch.

    Where an epoch's windows start, and their order, depend on the seed and the epoch alone, so a
    resumed run needs one integer, the step. Under a curriculum (`order`, which `difficulty` sets)
    an epoch reads as many windows: some twice, some not at all.

    Attributes:
        stream: the tokens.
        word_starts: how many white-space words begin in each token.
        order: the curriculum, if there is one.
        shuffled_documents: where documents start, if an epoch shuffles these and not windows.

    Raises:
        InputError: the folder has no tokens, less than one window of them, or its word counts are
            missing or incomplete.
    """

    def __init__(
        self, tokens: Path, split: Split, window: int, placement: WindowsRecipe | None = None
    ) -> None:
        self.header = read_header(tokens)
        self.path = stream_file(tokens, split)
        self.window = window
        self.placement = placement or FixedWindows()
        self.order: Order | None = None
        self.shuffled_documents: Int64[np.ndarray, " documents"] | None = None
        self.stream = np.memmap(self.path, dtype=self.header["dtype"], mode="r")
        largest_offset = 0 if isinstance(self.placement, FixedWindows) else window - 1
        self.count = max(0, len(self.stream) - largest_offset) // window
        if self.count == 0:
            raise InputError(
                f"{self.path} holds {len(self.stream)} tokens, less than one window of {window}",
                why="A model reads full windows only; shifted and jittered windows need one more.",
                mend="Add text, or set a shorter training.window.",
            )
        self.word_starts = _open_words(tokens / f"{split}.words.bin", len(self.stream))
        is_separate = self.header.get("documents") == "separate"
        self._documents = known_document_starts(tokens, split) if is_separate else None

    def __len__(self) -> int:
        return self.count

    @property
    def stream_tokens(self) -> int:
        """How many tokens the stream has."""
        return len(self.stream)

    @property
    def offsets(self) -> tuple[int, ...]:
        """The index of the first token read, for each epoch in turn."""
        return self.placement.offsets(self.window)

    def read(self, indices: npt.NDArray[np.int64]) -> Batch:
        """The windows of these numbers as a batch; window 0 starts at the stream's first token."""
        return self.read_at(indices * self.window)

    def read_at(self, starts: npt.NDArray[np.int64]) -> Batch:
        """The windows that start at these tokens, as a batch."""
        rows = np.stack([self.stream[at : at + self.window] for at in starts]).astype(np.int64)
        labels = np.full_like(rows, IGNORE_INDEX)
        labels[:, :-1] = rows[:, 1:]
        positions = None if self._documents is None else self._positions(starts)
        return Batch(starts, torch.from_numpy(rows), torch.from_numpy(labels), positions)

    @property
    def separates_documents(self) -> bool:
        """Whether a token sees nothing of the documents before its own."""
        return self._documents is not None

    def _positions(
        self, starts: Int64[np.ndarray, " batch"]
    ) -> Int64[Tensor, "batch {self.window}"]:
        """The position of each token in its document's part of its window."""
        assert self._documents is not None
        places = starts[:, None] + np.arange(self.window)
        begins = self._documents[np.searchsorted(self._documents, places, side="right") - 1]
        return torch.from_numpy(places - np.maximum(begins, starts[:, None]))

    def steps_per_epoch(self, batch_size: int) -> int:
        """Updates per epoch: at least one.

        The partial last batch is dropped, unless it is the only one; its windows differ each epoch.
        """
        return max(1, self.count // batch_size)

    def at(self, step: int, *, batch_size: int, seed: int) -> Batch:
        """The batch of an update. It has no window twice; nor has an epoch without a curriculum."""
        return self.read_at(self._starts_at(step, batch_size, seed))

    def times_read(
        self, steps: Iterable[int], *, batch_size: int, seed: int
    ) -> Int64[np.ndarray, " count"]:
        """How often these updates read each window. Windows that are shifted keep their number."""
        times = np.zeros(self.count, np.int64)
        for step in steps:
            times[self._starts_at(step, batch_size, seed) // self.window] += 1
        return times

    def words(self, starts: Int64[np.ndarray, " windows"], *, windows_at_once: int = 4096) -> int:
        """White-space words that begin in the windows that start at these tokens.

        Args:
            windows_at_once: how many windows are in memory at a time.
        """
        return int(self._words_in_each(starts, windows_at_once).sum())

    def words_of_steps(
        self, epoch: int, *, batch_size: int, seed: int
    ) -> Int64[np.ndarray, " steps"]:
        """Words in the batch of each update of an epoch, without reading any token."""
        read = self._starts_in(epoch, batch_size, seed)
        return np.add.reduceat(self._words_in_each(read), np.arange(0, len(read), batch_size))

    def evenly_spaced(self, limit: int, batch_size: int) -> Iterator[Batch]:
        """At most `limit` windows at equal distances in the stream, in batches: for dev scores."""
        chosen = np.unique(np.linspace(0, self.count - 1, min(limit, self.count)).astype(np.int64))
        for start in range(0, len(chosen), batch_size):
            yield self.read(chosen[start : start + batch_size])

    def _starts_at(self, step: int, batch_size: int, seed: int) -> Int64[np.ndarray, " batch"]:
        """Where the windows of an update start."""
        steps = self.steps_per_epoch(batch_size)
        epoch, within = divmod(step, steps)
        if self.order is None or self.order.shuffles(epoch, steps, batch_size):
            return self._starts_of(epoch, seed)[within * batch_size : (within + 1) * batch_size]
        drawn = self.order.draw(step, steps, batch_size, seed=seed)
        return drawn * self.window + self.offsets[epoch % len(self.offsets)]

    def _starts_in(self, epoch: int, batch_size: int, seed: int) -> Int64[np.ndarray, " read"]:
        """Where all windows start that the updates of an epoch read."""
        steps = self.steps_per_epoch(batch_size)
        if self.order is None or self.order.shuffles(epoch, steps, batch_size):
            return self._starts_of(epoch, seed)[: steps * batch_size]
        numbers = range(epoch * steps, (epoch + 1) * steps)
        return np.concatenate([self._starts_at(step, batch_size, seed) for step in numbers])

    def _starts_of(self, epoch: int, seed: int) -> Int64[np.ndarray, " count"]:
        """Where an epoch's windows start, in the order of reading."""
        order = self._order_of(epoch, seed)
        if isinstance(self.placement, JitteredWindows):
            moves = np.random.default_rng((seed, epoch, 1)).integers(self.window, size=self.count)
            starts: Int64[np.ndarray, " count"] = order * self.window + moves[order]
        else:
            starts = order * self.window + self.offsets[epoch % len(self.offsets)]
        return starts

    def _order_of(self, epoch: int, seed: int) -> Int64[np.ndarray, " count"]:
        """The numbers of an epoch's windows, in the order of reading."""
        documents = self.shuffled_documents
        order: Int64[np.ndarray, " count"]
        if documents is None:
            order = np.random.default_rng((seed, epoch)).permutation(self.count)
            return order
        # Jittered windows belong where they are without their moves.
        first = 0 if isinstance(self.placement, JitteredWindows) else epoch % len(self.offsets)
        starts = np.arange(self.count) * self.window + self.offsets[first]
        owners = np.searchsorted(documents, starts, side="right") - 1
        places = np.random.default_rng((seed, epoch, _DOCUMENTS)).permutation(len(documents))
        order = np.argsort(places[owners], kind="stable")
        return order

    def _words_in_each(
        self, starts: Int64[np.ndarray, " windows"], at_once: int = 4096
    ) -> Int64[np.ndarray, " windows"]:
        """Words that begin in each window."""
        windows = np.lib.stride_tricks.sliding_window_view(self.word_starts, self.window)
        counts = np.empty(len(starts), np.int64)
        for at in range(0, len(starts), at_once):
            block = slice(at, at + at_once)
            windows[starts[block]].sum(axis=1, dtype=np.int64, out=counts[block])
        return counts


def read_header(tokens: Path) -> dict[str, Any]:
    """Read `tokens.json`: the streams' number type, layout, vocabulary and counts.

    Raises:
        InputError: the folder has no tokens.json, or one that is not JSON.
    """
    try:
        header: dict[str, Any] = json.loads((tokens / TOKENS_HEADER).read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(
            f"{tokens} holds no {TOKENS_HEADER}",
            mend="Make one: babyllama tokenize CORPUS TOKENIZER OUT",
        ) from None
    except ValueError as error:
        raise InputError(
            f"{tokens / TOKENS_HEADER} cannot be read: {error}",
            mend="Make the folder again: babyllama tokenize CORPUS TOKENIZER OUT",
        ) from None
    return header


def document_starts(tokens: Path, split: Split) -> Int64[np.ndarray, " documents"]:
    """The index of each document's first token; none for tokens that were written by hand."""
    file = tokens / f"{split}.documents.npy"
    starts: Int64[np.ndarray, " documents"] = (
        np.load(file) if file.is_file() else np.zeros(0, np.int64)
    )
    return starts


def known_document_starts(tokens: Path, split: Split) -> Int64[np.ndarray, " documents"]:
    """`document_starts`, which must be known.

    Raises:
        InputError: the folder does not say where documents start.
    """
    starts = document_starts(tokens, split)
    if not len(starts):
        raise InputError(
            f"{tokens} does not say where documents start",
            why="Separate and shuffled documents need it.",
            mend="Make the folder again: babyllama tokenize CORPUS TOKENIZER OUT",
        )
    return starts


def token_counts(
    tokens: Path, vocab_size: int = 0, *, at_once: int = 2**22
) -> Int64[np.ndarray, " vocab"]:
    """How often each token occurs in the training text.

    Args:
        vocab_size: the least number of counts; those of tokens that do not occur are 0.
        at_once: tokens that are counted at a time. It does not change the result.
    """
    dtype = np.dtype(read_header(tokens)["dtype"])
    return count_tokens(stream_file(tokens, "train"), dtype, vocab_size, at_once=at_once)


def refuse_other_tokenizer(tokens: Path, tokenizer: Path) -> None:
    """Check that these tokens were made with this tokenizer, or with that of this model folder.

    Raises:
        InputError: the vocabularies differ, even if they have the same size.
    """
    if not has_vocabulary(tokenizer, read_header(tokens)["vocabulary_sha256"]):
        raise InputError(
            f"{tokens} was not made by the tokenizer in {tokenizer}",
            why="The same numbers would mean different tokens.",
            mend=f"Run: {command('tokenize', 'CORPUS', tokenizer, 'OUT')}",
        )


def refuse_foreign_tokens(tokens: Path, vocab_size: int, model: str) -> None:
    """Check, before any long work, that every token is in a model's vocabulary.

    Raises:
        InputError: names the largest token, if it is out of range.
    """
    header = read_header(tokens)
    for split in ("train", "dev"):
        path = stream_file(tokens, split)
        largest = int(np.memmap(path, dtype=header["dtype"], mode="r").max())
        if largest >= vocab_size:
            raise InputError(
                f"{path} holds token {largest}, but {model} knows only 0 to {vocab_size - 1}",
                why="The tokens were made with a different tokenizer than the model's.",
                mend="Run: babyllama tokenize CORPUS TOKENIZER OUT",
            )


def _open_words(path: Path, tokens: int) -> UInt8[np.ndarray, " tokens"]:
    """Memory-map the file with the number of words that begin in each token."""
    mend = "Run: babyllama tokenize CORPUS TOKENIZER OUT"
    if not path.is_file():
        raise InputError(
            f"{path} is missing",
            why="It holds the word counts by which training counts the words it has seen.",
            mend=mend,
        )
    size = path.stat().st_size
    if size != tokens:
        raise InputError(
            f"{path} has {size} bytes for {tokens} tokens",
            why="It should have one byte for each token.",
            mend=mend,
        )
    return np.memmap(path, dtype=np.uint8, mode="r")
