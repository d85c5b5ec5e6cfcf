"""The token stream on disk, and the windows that models read from it.

`train.bin` and `dev.bin` are bare numbers, memory-mapped: a corpus of any size takes no memory.
`*.words.bin` has a byte for each token: how many white-space words begin in it, so that training
counts the words it saw. `*.documents.npy` says at which token each document starts, `tokens.json`
how to read the rest.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, chain, groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Int64, UInt8
from tokenizers import Tokenizer, normalizers, pre_tokenizers
from torch import Tensor

from babyllama.artefact import write_atomically
from babyllama.console import ProgressBar
from babyllama.errors import InputError
from babyllama.losses import IGNORE_INDEX
from babyllama.recipe import (
    FixedWindows,
    JitteredWindows,
    TokensRecipe,
    WindowsRecipe,
)
from babyllama.tokenizer import load_tokenizer, vocabulary_digest

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

Split = Literal["train", "dev"]
_LINES_AT_ONCE = 20_000
_CHARACTERS_AT_ONCE = 2**17
_WINDOWS_AT_ONCE = 4096
# What str.split() splits at; beyond the ideographic space there is none.
_IS_SPACE = np.array([chr(code).isspace() for code in range(0x3002)])


def tokenize(corpus: Path, tokenizer: Path, recipe: TokensRecipe, out: Path) -> dict[str, int]:
    """Write a clean corpus as token streams; documents keep the order of files and of lines.

    A word counts at the first token that reaches past the word's first character. Where none does,
    because the tokenizer drops all that is left of a line (of a file, under `stream`), it counts
    at the last token before; text that has no token at all has no words either.

    Returns:
        tokens and white-space words of both splits.

    Raises:
        InputError: a split without text, text that is not UTF-8, a tokenizer without the tokens
            that the layout asks for, or one that makes one token of more than 255 words.
    """
    library = load_tokenizer(tokenizer)
    if recipe.layout == "lines" and None in (library.bos_token_id, library.eos_token_id):
        raise InputError(
            f"{tokenizer} has no token for the start or the end of a text",
            why="Under the layout `lines` one stands before every line, one after every document.",
            mend="Name its bos_token and eos_token in tokenizer_config.json, or use layout: stream",
        )
    dtype = np.uint16 if len(library) <= 2**16 else np.uint32
    facts = {"vocab_size": len(library)}
    for split in ("train", "dev"):
        files = sorted((corpus / split).glob("*.txt"))
        size = sum(file.stat().st_size for file in files)
        starts, position, words = [], 0, 0
        with (
            (out / f"{split}.bin").open("wb") as stream,
            (out / f"{split}.words.bin").open("wb") as begun,
            ProgressBar(f"tokens {split}", size, "bytes") as bar,
        ):
            for pieces in _documents(files, recipe.layout, library.backend_tokenizer):
                starts.append(position)
                for piece in pieces:
                    ids, counts = _encode(library, piece, recipe.layout)
                    _refuse_more_than_a_byte_holds(counts, tokenizer)
                    stream.write(np.asarray(ids, dtype).tobytes())
                    begun.write(counts.astype(np.uint8).tobytes())
                    position += len(ids)
                    words += int(counts.sum())
                    bar.advance(sum(len(text.encode()) for text in piece))
                if recipe.layout == "lines":
                    stream.write(np.asarray([library.eos_token_id], dtype).tobytes())
                    begun.write(bytes(1))
                    position += 1
        if not words:
            raise InputError(f"{corpus}/{split} holds no text to tokenize")
        np.save(out / f"{split}.documents.npy", np.asarray(starts, np.int64))
        facts |= {f"{split}_tokens": position, f"{split}_words": words}
    header = {
        "dtype": np.dtype(dtype).name,
        "layout": recipe.layout,
        "vocabulary_sha256": vocabulary_digest(tokenizer),
        **facts,
    }
    write_atomically(out / "tokens.json", json.dumps(header, indent=1) + "\n")
    return facts


@dataclass(frozen=True)
class Batch:
    """Some windows of one stream.

    Attributes:
        starts: the first token of each window in the stream, in the order of the rows; a stored
            signal is looked up by them.
        labels: the next token at each position; IGNORE_INDEX at a window's last position, whose
            next token lies outside what was read (as in the paper: CE on 127 of 128 positions).
    """

    starts: Int64[np.ndarray, " batch"]
    input_ids: Int64[Tensor, "batch window"]
    labels: Int64[Tensor, "batch window"]

    def rows(self, start: int, stop: int) -> "Batch":
        """Some of the windows, without copying their tokens."""
        return Batch(self.starts[start:stop], self.input_ids[start:stop], self.labels[start:stop])


class Windows:
    """Windows of equal length over one split's stream, each epoch's in its own order.

    Where an epoch's windows start and in which order they come is a function of the seed and the
    epoch alone, so a run that goes on needs one integer, the step.

    Raises:
        InputError: no tokens there, less than one window of them, or not a number of words for
            each of them.
    """

    def __init__(
        self, tokens: Path, split: Split, window: int, placing: WindowsRecipe | None = None
    ) -> None:
        self.header = read_header(tokens)
        self.path = tokens / f"{split}.bin"
        self.window = window
        self.placing = placing or FixedWindows()
        self._stream = np.memmap(self.path, dtype=self.header["dtype"], mode="r")
        moved = 0 if isinstance(self.placing, FixedWindows) else window - 1
        self.count = max(0, len(self._stream) - moved) // window
        if self.count == 0:
            raise InputError(
                f"{self.path} holds {len(self._stream)} tokens, less than one window of {window}",
                why="A model reads whole windows, and windows that move need room for one more.",
                mend="Give more text, or a shorter training.window.",
            )
        self._words = _open_words(tokens / f"{split}.words.bin", len(self._stream))

    def __len__(self) -> int:
        return self.count

    @property
    def stream_tokens(self) -> int:
        """Tokens of the whole stream."""
        return len(self._stream)

    @property
    def offsets(self) -> tuple[int, ...]:
        """Where the tilings start that epochs go through in turn."""
        return self.placing.offsets(self.window)

    def read(self, indices: npt.NDArray[np.int64], *, offset: int = 0) -> Batch:
        """The windows of these numbers in the tiling that starts at `offset`, as a batch."""
        return self.read_at(indices * self.window + offset)

    def read_at(self, starts: npt.NDArray[np.int64]) -> Batch:
        """The windows that start at these tokens, as a batch."""
        rows = np.stack([self._stream[at : at + self.window] for at in starts]).astype(np.int64)
        labels = np.full_like(rows, IGNORE_INDEX)
        labels[:, :-1] = rows[:, 1:]
        return Batch(starts, torch.from_numpy(rows), torch.from_numpy(labels))

    def steps_per_epoch(self, batch_size: int) -> int:
        """Updates in one pass; the windows that do not fill a last batch are left to chance."""
        return max(1, self.count // batch_size)

    def at(self, step: int, *, batch_size: int, seed: int) -> Batch:
        """The batch of an update: each epoch reads every window once, in its own order."""
        epoch, within = divmod(step, self.steps_per_epoch(batch_size))
        starts = self._starts_of(epoch, seed)
        return self.read_at(starts[within * batch_size : (within + 1) * batch_size])

    def words(self, starts: Int64[np.ndarray, " windows"]) -> int:
        """White-space words that begin in the windows that start at these tokens."""
        return int(self._words_in_each(starts).sum())

    def words_of_steps(
        self, epoch: int, *, batch_size: int, seed: int
    ) -> Int64[np.ndarray, " steps"]:
        """Words of the batch of each of an epoch's updates, without reading their tokens."""
        read = self._starts_of(epoch, seed)[: self.steps_per_epoch(batch_size) * batch_size]
        return np.add.reduceat(self._words_in_each(read), np.arange(0, len(read), batch_size))

    def spread(self, limit: int, batch_size: int) -> Iterator[Batch]:
        """At most `limit` windows, evenly spread over the stream, in batches: for dev scores."""
        chosen = np.unique(np.linspace(0, self.count - 1, min(limit, self.count)).astype(np.int64))
        for start in range(0, len(chosen), batch_size):
            yield self.read(chosen[start : start + batch_size])

    def _starts_of(self, epoch: int, seed: int) -> Int64[np.ndarray, " count"]:
        """Where an epoch's windows start, in the order in which they are read."""
        order = np.random.default_rng((seed, epoch)).permutation(self.count)
        if isinstance(self.placing, JitteredWindows):
            moves = np.random.default_rng((seed, epoch, 1)).integers(self.window, size=self.count)
            return order * self.window + moves[order]
        return order * self.window + self.offsets[epoch % len(self.offsets)]

    def _words_in_each(
        self, starts: Int64[np.ndarray, " windows"]
    ) -> Int64[np.ndarray, " windows"]:
        """Words that begin in each window; some thousand windows are held at once."""
        windows = np.lib.stride_tricks.sliding_window_view(self._words, self.window)
        counts = np.empty(len(starts), np.int64)
        for at in range(0, len(starts), _WINDOWS_AT_ONCE):
            block = slice(at, at + _WINDOWS_AT_ONCE)
            windows[starts[block]].sum(axis=1, dtype=np.int64, out=counts[block])
        return counts


def read_header(tokens: Path) -> dict[str, Any]:
    """What `tokenize` wrote about its streams.

    Raises:
        InputError: not a folder of tokens.
    """
    try:
        header: dict[str, Any] = json.loads((tokens / "tokens.json").read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(
            f"{tokens} holds no tokens.json",
            mend="Make one: babyllama tokenize CORPUS TOKENIZER OUT",
        ) from None
    return header


def refuse_other_tokenizer(tokens: Path, tokenizer: Path) -> None:
    """Check that a tokenizer (or a model folder's) is the one that made these tokens.

    Raises:
        InputError: their vocabularies differ, whatever their sizes.
    """
    if read_header(tokens)["vocabulary_sha256"] != vocabulary_digest(tokenizer):
        raise InputError(
            f"{tokens} was not made by the tokenizer in {tokenizer}",
            why="The same numbers would mean other tokens.",
            mend=f"Run: babyllama tokenize CORPUS {tokenizer} OUT",
        )


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


def _documents(
    files: Iterable[Path], layout: str, tokenizer: Tokenizer
) -> Iterator[Iterator[Sequence[str]]]:
    """The pieces of each document, small enough to hold: some lines, or some text under `stream`.

    Blank lines part documents; under `stream` a file is one document.
    """
    for file in files:
        if layout == "stream":
            blocks = _read(file, by_line=False)
            texts = _cut(blocks) if _may_be_cut(tokenizer) else iter(["".join(blocks)])
            yield ([text] for text in texts)
            continue
        for has_text, lines in groupby(_read(file, by_line=True), lambda line: bool(line.strip())):
            if has_text:
                yield _groups(lines)


def _groups(lines: Iterator[str]) -> Iterator[list[str]]:
    while group := list(islice(lines, _LINES_AT_ONCE)):
        yield group


def _may_be_cut(tokenizer: Tokenizer) -> bool:
    """Whether text cut before a space, after a letter or digit, has the tokens of the whole text.

    So it is where GPT-2's pattern cuts words before merges are sought: a word has no space but
    at its start, and a later piece, which starts with one, is given no other. Ours is such a
    tokenizer; of others we cannot say, and their files are read whole.
    """
    words, normal = tokenizer.pre_tokenizer, tokenizer.normalizer
    return (
        isinstance(words, pre_tokenizers.ByteLevel)
        and bool(words.use_regex)
        and (normal is None or isinstance(normal, normalizers.NFKC | normalizers.NFC))
        and all(" " not in str(added) for added in tokenizer.get_added_tokens_decoder().values())
    )


def _cut(blocks: Iterable[str]) -> Iterator[str]:
    """The same text in other pieces, each but the first beginning with a space after a word."""
    text = ""
    for block in blocks:
        text += block
        space = text.rfind(" ")
        while space > 0 and not text[space - 1].isalnum():
            space = text.rfind(" ", 0, space)
        if space > 0:
            yield text[:space]
            text = text[space:]
    yield text


def _read(file: Path, *, by_line: bool) -> Iterator[str]:
    try:
        with file.open(encoding="utf-8", newline="\n") as text:
            yield from text if by_line else iter(partial(text.read, _CHARACTERS_AT_ONCE), "")
    except UnicodeDecodeError:
        raise InputError(
            f"{file} is not UTF-8 text", mend="Clean the text first: babyllama corpus clean SRC OUT"
        ) from None


def _encode(
    library: "PreTrainedTokenizerFast", piece: Sequence[str], layout: str
) -> tuple[list[int], Int64[np.ndarray, " tokens"]]:
    """The tokens of some texts, and how many words begin in each."""
    texts, first = piece, []
    if layout == "lines":
        texts, first = [line.rstrip("\n") for line in piece], [library.bos_token_id]
    encoded = library.backend_tokenizer.encode_batch(texts, add_special_tokens=False)
    ids = [token for text in encoded for token in chain(first, text.ids)]
    # <s> ends where its line starts, so no word begins in it.
    ends = [[*(0 for _ in first), *(end for _, end in text.offsets)] for text in encoded]
    return ids, _words_begun(texts, ends)


def _words_begun(
    texts: Sequence[str], ends: Sequence[Sequence[int]]
) -> Int64[np.ndarray, " tokens"]:
    """How many white-space words begin in each token, the tokens of all texts in a row.

    Args:
        ends: for each token of each text, the character of that text behind its last. Tokens that
            share a character end together; the first of them has the word.
    """
    joined = "\n".join(texts)
    codes = np.frombuffer(joined.encode("utf-32-le"), np.uint32)
    is_space = _IS_SPACE[np.minimum(codes, len(_IS_SPACE) - 1)]
    words = np.flatnonzero(~is_space & np.append(True, is_space[:-1])[: len(is_space)])

    firsts = np.fromiter(accumulate((len(text) + 1 for text in texts[:-1]), initial=0), np.int64)
    sizes = np.fromiter(map(len, ends), np.int64)
    reach = np.fromiter(chain.from_iterable(ends), np.int64) + np.repeat(firsts, sizes)
    # One character may become words (NFKC of U+FDFA); the spaces between end where it starts.
    tokens = np.searchsorted(np.maximum.accumulate(reach), words, side="right")
    last = (np.cumsum(sizes) - 1)[np.searchsorted(firsts, words, side="right") - 1]
    tokens = np.minimum(tokens, last)
    return np.bincount(tokens[tokens >= 0], minlength=len(reach))


def _refuse_more_than_a_byte_holds(counts: Int64[np.ndarray, " tokens"], tokenizer: Path) -> None:
    most = counts.max(initial=0)
    if most > np.iinfo(np.uint8).max:
        raise InputError(
            f"{tokenizer} makes one token of {most} words",
            why="How many words begin in a token is kept in one byte, up to 255.",
            mend="Train one that parts words: babyllama tokenizer train CORPUS OUT",
        )


def _open_words(path: Path, tokens: int) -> UInt8[np.ndarray, " tokens"]:
    """How many words begin in each token of a stream, memory-mapped."""
    mend = "Run: babyllama tokenize CORPUS TOKENIZER OUT"
    if not path.is_file():
        raise InputError(
            f"{path} is missing",
            why="It says at which tokens words begin; training counts the words it saw.",
            mend=mend,
        )
    size = path.stat().st_size
    if size != tokens:
        raise InputError(
            f"{path} has {size} bytes for {tokens} tokens", why="Each token has one.", mend=mend
        )
    return np.memmap(path, dtype=np.uint8, mode="r")
