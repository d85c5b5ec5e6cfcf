"""Texts as numbers: a hash for each word, kept in a file, and where lines and documents begin.

Whatever compares texts reads them here once and works on the numbers, block by block.
"""

import os
import tempfile
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from jaxtyping import Bool, Int32, Int64, UInt64

from babyllama.data.leaks.normal import Unit, normal, spaced
from babyllama.data.raw_text import read_chunks
from babyllama.data.scripts import SENTENCE_END
from babyllama.data.sources import Domain

BASE = np.uint64(0x9E3779B97F4A7C15)  # of rolling hashes: any odd number with mixed bits
_LONG, _STRETCH = 2_000, 1_000  # characters: a longer line is compared in stretches of this
_AT_ONCE = 2**20  # characters that are read at once
BLOCK = 2**18  # words that are compared at once
_KNOWN_WORDS = 10**6


class Line(NamedTuple):
    """A line, or a stretch of a very long one, which is then compared by itself.

    Attributes:
        number: of its line, from 1.
        text: joined, the stretches of a line are the line.
        ends_line: whether it is the last of its line.
    """

    number: int
    text: str
    ends_line: bool = True


def read_lines(path: Path) -> Iterator[list[Line]]:
    """Every line of a file, blank ones too, in batches.

    A line of more than 2,000 characters is cut after sentences, or else at spaces.

    Raises:
        InputError: a file that cannot be read: see `read_blocks`.
    """
    batch: list[Line] = []
    number, characters = 1, 0
    for chunk, ends_line in read_chunks(path):
        *first, last = _stretches(chunk) if len(chunk) > _LONG else (chunk,)
        batch += (Line(number, stretch, False) for stretch in first)
        batch.append(Line(number, last, ends_line))
        number += ends_line
        characters += len(chunk)
        if characters >= _AT_ONCE:
            yield batch
            batch, characters = [], 0
    yield batch


@dataclass(frozen=True)
class Text:
    """What is compared: train, dev or a benchmark.

    Attributes:
        name: `train`, `dev` or the benchmark's.
        read: the lines of each domain in batches, by its name; a blank line is between documents.
            A benchmark has one domain, "", and no blank lines.
        is_private: its authors ask not to publish copies, so none of it is shown.
    """

    name: str
    read: Mapping[str, Callable[[], Iterable[list[Line]]]]
    is_private: bool = False

    @property
    def is_benchmark(self) -> bool:
        """Whether each line is a text of its own."""
        return tuple(self.read) == ("",)


def text_of_split(name: str, domains: Sequence[Domain]) -> Text:
    """The text of a split."""
    return Text(name, {each.name: partial(read_lines, each.path) for each in domains})


def text_of_benchmark(name: str, texts: Iterable[str], *, is_private: bool = False) -> Text:
    """The texts of a benchmark, each a line and a document of its own; each counts once."""
    lines = [Line(number, text) for number, text in enumerate(dict.fromkeys(texts), 1)]
    return Text(name, {"": lambda: [lines]}, is_private)


def _stretches(text: str) -> Iterator[str]:
    start = 0
    while len(text) - start > _LONG:
        last = start + _STRETCH
        ends = [each.end() for each in SENTENCE_END.finditer(text, start + _STRETCH // 2, last)]
        end = ends[-1] if ends else text.rfind(" ", start + 1, last) + 1 or last
        yield text[start:end]
        start = end
    yield text[start:]


@dataclass(frozen=True)
class Index:
    """Texts as numbers. Lines in which nothing can be compared are left out.

    Attributes:
        text: what was read.
        first_lines: where each domain begins, and the number of all lines.
        numbers: of each line, the number of its line in the file.
        starts: where the words of each line begin, and the number of all words.
        hashes: of each line.
        documents: the first word of each document.
        file: holds the words.
    """

    text: Text
    unit: Unit
    first_lines: Int64[np.ndarray, " domains_and_end"]
    numbers: Int32[np.ndarray, " lines"]
    starts: Int64[np.ndarray, " lines_and_end"]
    hashes: UInt64[np.ndarray, " lines"]
    documents: Int64[np.ndarray, " documents"]
    file: int

    @property
    def domains(self) -> tuple[str, ...]:
        """Their names, in order."""
        return tuple(self.text.read)

    @cached_property
    def lengths(self) -> Int64[np.ndarray, " lines"]:
        """The words of each line."""
        return np.diff(self.starts)

    @property
    def total(self) -> int:
        """The words of all lines."""
        return int(self.starts[-1])

    def domain_of(self, lines: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
        """The number of each line's domain."""
        found: Int64[np.ndarray, " n"] = np.searchsorted(self.first_lines, lines, "right") - 1
        return found

    def line_of(self, words: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
        """The line in which each word stands."""
        found: Int64[np.ndarray, " n"] = np.searchsorted(self.starts, words, "right") - 1
        return found

    def words(self, start: int, stop: int) -> UInt64[np.ndarray, " words"]:
        """The hashes of some words in a row, fewer at the end."""
        return np.frombuffer(os.pread(self.file, 8 * max(0, stop - start), 8 * start), np.uint64)

    def blocks(self, overlap: int) -> Iterator[tuple[int, UInt64[np.ndarray, " words"]]]:
        """All words in blocks, each with the place of its first word.

        Args:
            overlap: how many words of the next block each block also has.
        """
        for start in range(0, self.total, BLOCK):
            yield start, self.words(start, start + BLOCK + overlap)

    def document_numbers(self, start: int, count: int) -> Int32[np.ndarray, " words"]:
        """A number for each of some words in a row; words of one document have the same."""
        first, last = np.searchsorted(self.documents, [start + 1, start + count])
        marks = np.zeros(count, np.int32)
        marks[self.documents[first:last] - start] = 1
        return np.cumsum(marks, dtype=np.int32)


@contextmanager
def indexed(text: Text, unit: Unit, *, scratch: Path | None = None) -> Iterator[Index]:
    """Read a text; its words are in a temporary file while the context lasts, 8 bytes each.

    Args:
        scratch: the folder of that file, in which it has no name.

    Raises:
        InputError: what reading the lines raises.
    """
    with tempfile.TemporaryFile(dir=scratch) as file:
        yield _read_into(file, text, unit)


def _read_into(file: IO[bytes], text: Text, unit: Unit) -> Index:
    reader = _Reader(unit)
    firsts = []
    for read in text.read.values():
        firsts.append(reader.count)
        for hashes in reader.read(read()):
            file.write(hashes.tobytes())
    file.flush()
    lengths = _joined(reader.lengths, np.int64)
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    return Index(
        text=text,
        unit=unit,
        first_lines=np.array([*firsts, reader.count], np.int64),
        numbers=_joined(reader.numbers, np.int32),
        starts=starts,
        hashes=_joined(reader.hashes, np.uint64),
        documents=starts[:-1] if text.is_benchmark else _joined(reader.documents, np.int64),
        file=file.fileno(),
    )


class _Words(dict[str, int]):
    """A number for each word, in the order in which they are met.

    Attributes:
        hashes: of what each word is compared as, the same on every machine; 0 if that is nothing.
            Words are made normal only here, since most are known.
    """

    def __init__(self) -> None:
        self.hashes = array("Q")

    def __missing__(self, word: str) -> int:
        plain = normal(word).encode("utf-8", "surrogatepass")
        value = int.from_bytes(blake2b(plain, digest_size=8).digest(), "little") if plain else 0
        self[word] = number = len(self.hashes)
        self.hashes.append(value)
        return number


class _Reader:
    """Collects what an index holds of each line."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.count = self.total = 0
        self.lengths: list[np.ndarray] = []
        self.numbers: list[np.ndarray] = []
        self.hashes: list[np.ndarray] = []
        self.documents: list[np.ndarray] = []
        self._words = _Words()
        self._gaps = self._last_gaps = 0  # blank lines so far, and up to the last line with words

    def read(self, batches: Iterable[list[Line]]) -> Iterator[UInt64[np.ndarray, " words"]]:
        """Yield the hashes of the words of a domain, batch by batch."""
        self._gaps += 1  # a domain begins with a document
        for batch in batches:
            if batch:
                yield self._read(batch)

    def _read(self, batch: Sequence[Line]) -> UInt64[np.ndarray, " words"]:
        words = [spaced(line.text, self.unit).split() for line in batch]
        counts = np.fromiter(map(len, words), np.int64, len(words))
        if len(self._words) > _KNOWN_WORDS:  # bounds the memory
            self._words = _Words()
        numbered = map(self._words.__getitem__, chain.from_iterable(words))
        found = np.fromiter(numbered, np.int32, int(counts.sum()))
        hashes: UInt64[np.ndarray, " all_words"] = np.array(self._words.hashes, np.uint64)[found]
        has_word: Bool[np.ndarray, " all_words"] = hashes != 0
        of_line = np.repeat(np.arange(len(batch)), counts)[has_word]
        lengths = np.bincount(of_line, minlength=len(batch))
        self._note_documents(counts == 0, lengths)
        kept = lengths > 0
        self.lengths.append(lengths[kept])
        self.numbers.append(np.array([line.number for line in batch], np.int32)[kept])
        kept_words: UInt64[np.ndarray, " words"] = hashes[has_word]
        self.hashes.append(_hashes_of_lines(kept_words, lengths[kept]))
        self.count += int(kept.sum())
        self.total += int(lengths.sum())
        return kept_words

    def _note_documents(
        self, is_blank: Bool[np.ndarray, " lines"], lengths: Int64[np.ndarray, " lines"]
    ) -> None:
        """A document begins with the first line after a blank one that has words."""
        gaps = self._gaps + np.cumsum(is_blank)
        kept = np.flatnonzero(lengths)
        before = np.concatenate([[self._last_gaps], gaps[kept][:-1]])
        first = kept[gaps[kept] > before[: len(kept)]]
        self.documents.append(self.total + np.cumsum(lengths)[first] - lengths[first])
        self._gaps = int(gaps[-1])
        self._last_gaps = int(gaps[kept[-1]]) if len(kept) else self._last_gaps


def _hashes_of_lines(
    words: UInt64[np.ndarray, " words"], lengths: Int64[np.ndarray, " lines"]
) -> UInt64[np.ndarray, " lines"]:
    if not len(lengths):
        return np.zeros(0, np.uint64)
    starts = np.cumsum(lengths) - lengths
    powers = np.cumprod(np.full(int(lengths.max()), BASE))
    places = np.arange(len(words)) - np.repeat(starts, lengths)
    found: UInt64[np.ndarray, " lines"] = np.add.reduceat(words * powers[places], starts)
    return found


def _joined(parts: Sequence[np.ndarray], kind: type) -> np.ndarray:
    return np.concatenate([np.zeros(0, kind), *parts]).astype(kind, copy=False)
