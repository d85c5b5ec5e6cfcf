"""The token stream on disk, and the windows that models read from it.

`train.bin` and `dev.bin` are bare numbers, memory-mapped: a corpus of any size takes no memory.
`*.documents.npy` says at which token each document starts, `tokens.json` how to read the rest.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Int64
from torch import Tensor

from babyllama.artefact import write_atomically
from babyllama.console import ProgressBar
from babyllama.errors import InputError
from babyllama.recipe import TokensRecipe
from babyllama.tokenizer import load_tokenizer

IGNORE_INDEX = -100
Split = Literal["train", "dev"]
_LINES_AT_ONCE = 20_000


def tokenize(corpus: Path, tokenizer: Path, recipe: TokensRecipe, out: Path) -> dict[str, int]:
    """Write a clean corpus as token streams; documents keep the order of files and of lines.

    Returns:
        tokens and white-space words of both splits.

    Raises:
        InputError: a split without text.
    """
    library = load_tokenizer(tokenizer)
    dtype = np.uint16 if len(library) <= 2**16 else np.uint32
    facts = {"vocab_size": len(library)}
    for split in ("train", "dev"):
        files = sorted((corpus / split).glob("*.txt"))
        size = sum(file.stat().st_size for file in files)
        starts, position, words = [], 0, 0
        with (
            (out / f"{split}.bin").open("wb") as stream,
            ProgressBar(f"tokens {split}", size, "bytes") as bar,
        ):
            for file in files:
                for document in _documents(file, recipe.layout):
                    starts.append(position)
                    for piece in _pieces(document, recipe.layout):
                        ids = _encode(library, piece, recipe.layout)
                        stream.write(np.asarray(ids, dtype).tobytes())
                        position += len(ids)
                        words += sum(len(line.split()) for line in piece)
                        bar.advance(sum(len(line.encode()) + 1 for line in piece))
                    if recipe.layout == "lines":
                        stream.write(np.asarray([library.eos_token_id], dtype).tobytes())
                        position += 1
        if not words:
            raise InputError(f"{corpus}/{split} holds no text to tokenize")
        np.save(out / f"{split}.documents.npy", np.asarray(starts, np.int64))
        facts |= {f"{split}_tokens": position, f"{split}_words": words}
    header = {"dtype": np.dtype(dtype).name, "layout": recipe.layout, **facts}
    write_atomically(out / "tokens.json", json.dumps(header, indent=1) + "\n")
    return facts


@dataclass(frozen=True)
class Batch:
    """Some windows of one stream.

    Attributes:
        indices: which windows, in the order of the rows; a stored signal is looked up by them.
        labels: the next token at each position; IGNORE_INDEX at a window's last position, whose
            next token lies outside what was read (as in the paper: CE on 127 of 128 positions).
    """

    indices: Int64[np.ndarray, " batch"]
    input_ids: Int64[Tensor, "batch window"]
    labels: Int64[Tensor, "batch window"]

    def rows(self, start: int, stop: int) -> "Batch":
        """Some of the windows, without copying their tokens."""
        return Batch(
            self.indices[start:stop], self.input_ids[start:stop], self.labels[start:stop]
        )


class Windows:
    """Consecutive windows of equal length over one split's stream: the paper's `fixed` windows.

    The order of an epoch is a function of the seed and the epoch alone, so a run that goes on
    needs one integer, the step.
    """

    def __init__(self, tokens: Path, split: Split, window: int) -> None:
        self.header = read_header(tokens)
        self.path = tokens / f"{split}.bin"
        self.window = window
        self._stream = np.memmap(self.path, dtype=self.header["dtype"], mode="r")
        self.count = len(self._stream) // window
        if self.count == 0:
            raise InputError(
                f"{self.path} holds {len(self._stream)} tokens, less than one window of {window}",
                why="A model reads whole windows.",
                mend="Give more text, or a shorter training.window.",
            )

    def __len__(self) -> int:
        return self.count

    def read(self, indices: npt.NDArray[np.int64]) -> Batch:
        """The windows of these numbers, as a batch."""
        rows = np.stack(
            [self._stream[i * self.window : (i + 1) * self.window] for i in indices]
        ).astype(np.int64)
        labels = np.full_like(rows, IGNORE_INDEX)
        labels[:, :-1] = rows[:, 1:]
        return Batch(indices, torch.from_numpy(rows), torch.from_numpy(labels))

    def steps_per_epoch(self, batch_size: int) -> int:
        """Updates in one pass; the windows that do not fill a last batch are left to chance."""
        return max(1, self.count // batch_size)

    def at(self, step: int, *, batch_size: int, seed: int) -> Batch:
        """The batch of an update: each epoch reads every window once, in its own order."""
        epoch, within = divmod(step, self.steps_per_epoch(batch_size))
        order = np.random.default_rng((seed, epoch)).permutation(self.count)
        return self.read(order[within * batch_size : (within + 1) * batch_size])

    def spread(self, limit: int, batch_size: int) -> Iterator[Batch]:
        """At most `limit` windows, evenly spread over the stream, in batches: for dev scores."""
        chosen = np.unique(np.linspace(0, self.count - 1, min(limit, self.count)).astype(np.int64))
        for start in range(0, len(chosen), batch_size):
            yield self.read(chosen[start : start + batch_size])


def read_header(tokens: Path) -> dict[str, int | str]:
    """What `tokenize` wrote about its streams.

    Raises:
        InputError: not a folder of tokens.
    """
    try:
        header: dict[str, int | str] = json.loads((tokens / "tokens.json").read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(
            f"{tokens} holds no tokens.json",
            mend="Make one: babyllama tokenize CORPUS TOKENIZER OUT",
        ) from None
    return header


def refuse_foreign_tokens(tokens: Path, vocab_size: int, model: str) -> None:
    """Check, before any long work, that a model knows every token of a stream.

    Raises:
        InputError: names the first token out of range.
    """
    header = read_header(tokens)
    for split in ("train", "dev"):
        path = tokens / f"{split}.bin"
        largest = int(np.memmap(path, dtype=header["dtype"], mode="r").max())
        if largest >= vocab_size:
            raise InputError(
                f"{path} holds token {largest}, but {model} knows only 0 to {vocab_size - 1}",
                why="The tokens were made by another tokenizer than the model was trained with.",
                mend="Run: babyllama tokenize CORPUS TOKENIZER OUT",
            )


def _documents(file: Path, layout: str) -> Iterator[list[str]]:
    """The lines of each document; under `stream` a file is one document, line breaks kept."""
    with file.open(encoding="utf-8", newline="\n") as lines:
        if layout == "stream":
            yield list(lines)
            return
        document: list[str] = []
        for line in lines:
            if line.strip():
                document.append(line.rstrip("\n"))
            elif document:
                yield document
                document = []
        if document:
            yield document


def _pieces(document: list[str], layout: str) -> Iterator[list[str]]:
    """Groups of lines small enough to hold; `stream` is cut nowhere, for merges span lines."""
    if layout == "stream":
        yield document
        return
    for start in range(0, len(document), _LINES_AT_ONCE):
        yield document[start : start + _LINES_AT_ONCE]


def _encode(library, lines: list[str], layout: str) -> list[int]:
    backend = library.backend_tokenizer
    if layout == "stream":
        return backend.encode("".join(lines), add_special_tokens=False).ids
    encoded = backend.encode_batch_fast(lines, add_special_tokens=False)
    bos = library.bos_token_id
    return [token for line in encoded for token in (bos, *line.ids)]
