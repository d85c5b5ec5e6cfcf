"""Sequences of words that two texts share, or that one text repeats.

A sequence is identified by a rolling hash of 64 bits: of a million corpora with ten million words,
about three have a collision. A sequence may cross lines, since editions break them elsewhere, but
no documents.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int64, UInt64

from babyllama.data.leaks.index import BASE, BLOCK, Index

_AT_ONCE = 2**21  # sequences whose hashes are sorted at once
_FEWEST_BITS, _MOST_BITS = 12, 27  # of the table that is asked before the sorted hashes


class Found(NamedTuple):
    """Sequences of one length in a text.

    Attributes:
        places: of their first words, in ascending order.
        hashes: of each.
    """

    places: Int64[np.ndarray, " n"]
    hashes: UInt64[np.ndarray, " n"]


class HashSet:
    """A set of hashes, and the place where each stands first."""

    def __init__(self, found: Iterable[Found]) -> None:
        parts = list(found)
        hashes = np.concatenate([np.zeros(0, np.uint64), *(each.hashes for each in parts)])
        places = np.concatenate([np.zeros(0, np.int64), *(each.places for each in parts)])
        self._sorted, first = np.unique(hashes, return_index=True)
        self._places = places[first]
        bits = min(max(_FEWEST_BITS, (8 * len(self._sorted)).bit_length()), _MOST_BITS)
        self._shift = np.uint64(64 - bits)
        self._table = np.zeros(2**bits, bool)
        self._table[self._sorted >> self._shift] = True

    def has(self, hashes: UInt64[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
        """Which of some hashes are in the set."""
        if not len(self._sorted):
            return np.zeros(len(hashes), bool)
        is_in: Bool[np.ndarray, " n"] = self._table[hashes >> self._shift]
        perhaps = np.flatnonzero(is_in)
        at = np.searchsorted(self._sorted, hashes[perhaps])
        at[at == len(self._sorted)] = 0
        is_in[perhaps] = self._sorted[at] == hashes[perhaps]
        return is_in

    def place(self, hashes: UInt64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
        """Where each of some hashes, which are all in the set, stands first."""
        found: Int64[np.ndarray, " n"] = self._places[np.searchsorted(self._sorted, hashes)]
        return found


def rolling(
    words: UInt64[np.ndarray, " words"], lengths: Sequence[int]
) -> Iterator[tuple[int, UInt64[np.ndarray, " sequences"]]]:
    """Yield each length, in ascending order, and the hash of every sequence of so many words."""
    value = words.copy()
    for length in range(1, max(lengths, default=0) + 1):
        if length > 1:
            value = value[:-1]
            value *= BASE
            value += words[length - 1 :]
        if length in lengths:
            yield length, value


def every_sequence(index: Index, lengths: Sequence[int]) -> Iterator[tuple[int, Found]]:
    """Yield every sequence of these lengths within a document, block by block."""
    longest = max(lengths)
    for start, words in index.blocks(longest - 1):
        documents = index.document_numbers(start, len(words))
        for length, hashes in rolling(words, lengths):
            hashes = hashes[:BLOCK]
            last = documents[length - 1 :][: len(hashes)]
            inside = np.flatnonzero(documents[: len(hashes)] == last)
            yield length, Found(start + inside, hashes[inside])


def sequences_of_target(index: Index) -> dict[int, Found]:
    """The sequences of dev or of a benchmark that train is searched for, by their length.

    A text of a benchmark that is shorter than a sequence, but long enough to tell copying from
    chance, is searched for as a whole.
    """
    unit = index.unit
    lengths = {unit.sequence}
    if index.text.is_benchmark:
        found = set(np.unique(index.lengths).tolist())
        lengths |= {each for each in found if unit.shortest <= each < unit.sequence}
    parts: dict[int, list[Found]] = {length: [] for length in sorted(lengths)}
    for length, sequences in every_sequence(index, sorted(lengths)):
        if length < unit.sequence:
            is_text = index.lengths[index.line_of(sequences.places)] == length
            sequences = Found(sequences.places[is_text], sequences.hashes[is_text])
        parts[length].append(sequences)
    return {length: joined(found) for length, found in parts.items()}


def search(index: Index, wanted: Mapping[int, HashSet]) -> dict[int, Found]:
    """The sequences of train that are wanted, by their length."""
    parts: dict[int, list[Found]] = {length: [] for length in sorted(wanted)}
    for length, sequences in every_sequence(index, list(parts)) if parts else ():
        is_wanted = wanted[length].has(sequences.hashes)
        parts[length].append(Found(sequences.places[is_wanted], sequences.hashes[is_wanted]))
    return {length: joined(found) for length, found in parts.items()}


def repeated(
    index: Index,
) -> Iterator[tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " n"]]]:
    """Yield the places of sequences that stand earlier in the text, and where each stands first.

    They come in parts, by their hashes, and in ascending order within a part, so that memory does
    not hold all sequences of a long text.
    """
    length = index.unit.sequence
    parts = np.uint64(1 + index.total // _AT_ONCE)
    for part in range(int(parts)):
        own = []
        for _, each in every_sequence(index, [length]):
            is_own = each.hashes % parts == part
            own.append(Found(each.places[is_own], each.hashes[is_own]))
        sequences = joined(own)
        _, first, which = np.unique(sequences.hashes, return_index=True, return_inverse=True)
        firsts = sequences.places[first[which]]
        is_later = firsts < sequences.places
        yield sequences.places[is_later], firsts[is_later]


def joined(parts: Sequence[Found]) -> Found:
    """Sequences of one length, found in several blocks."""
    return Found(
        np.concatenate([np.zeros(0, np.int64), *(each.places for each in parts)]),
        np.concatenate([np.zeros(0, np.uint64), *(each.hashes for each in parts)]),
    )


def cover(
    covered: Bool[np.ndarray, " words"], places: Int64[np.ndarray, " n"], length: int
) -> None:
    """Mark the words of sequences."""
    for step in range(length):
        covered[places + step] = True


def words_by_line(index: Index, covered: Bool[np.ndarray, " words"]) -> Int64[np.ndarray, " lines"]:
    """How many words of each line are marked."""
    if not len(index.hashes):
        return np.zeros(0, np.int64)
    sums: Int64[np.ndarray, " lines"] = np.add.reduceat(covered, index.starts[:-1], dtype=np.int64)
    return sums


def touched_lines(
    index: Index, places: Int64[np.ndarray, " n"], length: int
) -> tuple[Int64[np.ndarray, " m"], Int64[np.ndarray, " m"]]:
    """The lines that hold a word of some sequences, and for each the first of its sequences.

    Args:
        places: of the sequences' first words, in ascending order.

    Returns:
        the lines in ascending order, and indices into `places`.
    """
    first = index.line_of(places)
    counts = index.line_of(places + length - 1) - first + 1
    which = np.repeat(np.arange(len(places)), counts)
    steps = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
    found, at = np.unique(first[which] + steps, return_index=True)
    return found, which[at]
