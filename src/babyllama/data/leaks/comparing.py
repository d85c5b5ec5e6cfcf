"""Compare a text with train, or each line of train with the lines before it.

Three things are found: lines that are the same, sequences of words that are the same, and lines
that are near-duplicates. `counts` counts them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Int64

from babyllama.data.leaks.index import Index
from babyllama.data.leaks.minhash import Pairs
from babyllama.data.leaks.sequences import (
    Found,
    HashSet,
    cover,
    every_sequence,
    joined,
    repeated,
    search,
    sequences_of_target,
    touched_lines,
    words_by_line,
)

Why = Literal["same", "sequence", "near"]


class Copies(NamedTuple):
    """Lines of one text, and for each the line of another text that it repeats.

    Attributes:
        lines: in ascending order.
    """

    lines: Int64[np.ndarray, " n"]
    others: Int64[np.ndarray, " n"]


@dataclass(frozen=True)
class Comparison:
    """What a text shares with train; or the duplicates in train, each first copy left out.

    Attributes:
        text: dev, a benchmark, or train itself.
        copies: lines of the text that train also has (`same`), that hold a word of a shared
            sequence (`sequence`), that have a near-duplicate and no equal there (`near`).
        covered: how many words of each line are in shared sequences.
        sequences: how many sequences the text has, by domain.
        shared: how many of these train has.
        dropped: the lines of train that are leaks, or duplicates, each with the line of the text
            that it repeats.
    """

    text: Index
    copies: Mapping[Why, Copies]
    covered: Int64[np.ndarray, " lines"]
    sequences: Int64[np.ndarray, " domains"]
    shared: Int64[np.ndarray, " domains"]
    dropped: Mapping[Why, Copies]


def compare_with_train(
    train: Index, targets: Sequence[Index], near: Sequence[Pairs]
) -> list[Comparison]:
    """What each target shares with train.

    A line of train is a leak if it holds a word of a shared sequence, or if it is the same as, or a
    near-duplicate of, a line of the target that is not too short to tell copying from chance.

    Args:
        targets: of one unit with train.
        near: the near-duplicates of lines of train in each.
    """
    own = [sequences_of_target(each) for each in targets]
    lengths = sorted({length for found in own for length in found})
    in_train = search(train, {n: HashSet(f[n] for f in own if n in f) for n in lengths})
    lines_of_train = _lines_of(train)
    return [
        _compared(train, lines_of_train, in_train, text, sequences, pairs)
        for text, sequences, pairs in zip(targets, own, near, strict=True)
    ]


def compare_within(train: Index, pairs: Pairs) -> Comparison:
    """The duplicates in train.

    A line is a duplicate if an earlier one is the same or a near-duplicate, or if all its words
    stand in sequences that stand earlier. Lines that are too short never are.

    Args:
        pairs: lines with an earlier near-duplicate.
    """
    lines = np.arange(len(train.hashes))
    _, first, which = np.unique(train.hashes, return_index=True, return_inverse=True)
    later = np.flatnonzero(first[which] < lines)
    same = Copies(later, first[which[later]])
    near = _without(_spread(train, pairs.lines, pairs.others), same.lines)
    covered, sequence, shared = _repeated_sequences(train)
    is_full = covered[sequence.lines] == train.lengths[sequence.lines]
    full = Copies(sequence.lines[is_full], sequence.others[is_full])
    length = train.unit.sequence
    every = sum(
        (_count_by_domain(train, each.places) for _, each in every_sequence(train, [length])),
        start=np.zeros(len(train.domains), np.int64),
    )
    return Comparison(
        text=train,
        copies={"same": same, "sequence": sequence, "near": near},
        covered=covered,
        sequences=every,
        shared=shared,
        dropped={
            "same": _long_enough(train, same),
            "near": near,
            "sequence": _long_enough(train, full),
        },
    )


def _repeated_sequences(
    train: Index,
) -> tuple[Int64[np.ndarray, " lines"], Copies, Int64[np.ndarray, " domains"]]:
    """Words of each line in repeated sequences; lines with such words; repeats by domain."""
    length, covered = train.unit.sequence, np.zeros(train.total, bool)
    others = np.full(len(train.hashes), -1)
    shared = np.zeros(len(train.domains), np.int64)
    for places, firsts in repeated(train):
        cover(covered, places, length)
        holding, at = touched_lines(train, places, length)
        is_new = others[holding] < 0
        others[holding[is_new]] = train.line_of(firsts[at[is_new]])
        shared += _count_by_domain(train, places)
    holding = np.flatnonzero(others >= 0)
    return words_by_line(train, covered), Copies(holding, others[holding]), shared


def _compared(
    train: Index,
    lines_of_train: HashSet,
    in_train: Mapping[int, Found],
    text: Index,
    sequences: Mapping[int, Found],
    pairs: Pairs,
) -> Comparison:
    is_same = lines_of_train.has(text.hashes)
    same = Copies(np.flatnonzero(is_same), lines_of_train.place(text.hashes[is_same]))
    shared, back = {}, {}
    for length, own in sequences.items():
        is_shared = HashSet([in_train[length]]).has(own.hashes)
        shared[length] = Found(own.places[is_shared], own.hashes[is_shared])
        is_back = HashSet([own]).has(in_train[length].hashes)
        back[length] = Found(in_train[length].places[is_back], in_train[length].hashes[is_back])
    lines_of_text = _lines_of(text)
    is_equal = lines_of_text.has(train.hashes)
    equal = Copies(np.flatnonzero(is_equal), lines_of_text.place(train.hashes[is_equal]))
    return Comparison(
        text=text,
        copies={
            "same": same,
            "sequence": _holding(text, shared, train, back),
            "near": _without(_spread(text, pairs.others, pairs.lines), same.lines),
        },
        covered=_covered(text, shared),
        sequences=_count_by_domain(text, joined(list(sequences.values())).places),
        shared=_count_by_domain(text, joined(list(shared.values())).places),
        dropped={
            "sequence": _holding(train, back, text, shared),
            "same": _long_enough(train, equal),
            "near": _spread(train, pairs.lines, pairs.others),
        },
    )


def _lines_of(index: Index) -> HashSet:
    return HashSet([Found(np.arange(len(index.hashes)), index.hashes)])


def _covered(text: Index, found: Mapping[int, Found]) -> Int64[np.ndarray, " lines"]:
    covered = np.zeros(text.total, bool)
    for length, sequences in found.items():
        cover(covered, sequences.places, length)
    return words_by_line(text, covered)


def _holding(
    index: Index, found: Mapping[int, Found], other: Index, there: Mapping[int, Found]
) -> Copies:
    """The lines that hold words of sequences, and where the first of these begins in the other."""
    lines, others = [], []
    for length, sequences in found.items():
        holding, at = touched_lines(index, sequences.places, length)
        lines.append(holding)
        others.append(other.line_of(HashSet([there[length]]).place(sequences.hashes[at])))
    return _first_of_each(np.concatenate(lines), np.concatenate(others))


def _spread(
    index: Index, lines: Int64[np.ndarray, " n"], others: Int64[np.ndarray, " n"]
) -> Copies:
    """Copies of every line equal to one of these lines, each with the same other line."""
    known = HashSet([Found(others, index.hashes[lines])])
    is_known = known.has(index.hashes)
    return Copies(np.flatnonzero(is_known), known.place(index.hashes[is_known]))


def _first_of_each(lines: Int64[np.ndarray, " n"], others: Int64[np.ndarray, " n"]) -> Copies:
    found, first = np.unique(lines, return_index=True)
    return Copies(found, others[first])


def _without(copies: Copies, lines: Int64[np.ndarray, " n"]) -> Copies:
    is_other = ~np.isin(copies.lines, lines)
    return Copies(copies.lines[is_other], copies.others[is_other])


def _long_enough(index: Index, copies: Copies) -> Copies:
    is_long = index.lengths[copies.lines] >= index.unit.shortest
    return Copies(copies.lines[is_long], copies.others[is_long])


def _count_by_domain(
    index: Index, places: Int64[np.ndarray, " n"]
) -> Int64[np.ndarray, " domains"]:
    found: Int64[np.ndarray, " domains"] = np.bincount(
        index.domain_of(index.line_of(places)), minlength=len(index.domains)
    )
    return found
