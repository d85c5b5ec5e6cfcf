"""Near-duplicate lines: MinHash finds the candidates, exact Jaccard similarity decides.

A line is the set of its shingles, 2 words in a row (3 characters where words have no spaces); two
lines are near-duplicates if they share a large enough part of all shingles that either has. At 0.7
one word of 13 may differ. MinHash (Broder 1997) with bands (Leskovec, Rajaraman and Ullman, Mining
of Massive Datasets, chapter 3) picks the pairs to compare: in 32 bands of `rows` minima each, two
lines of similarity s agree in at least one band with probability 1 - (1 - s**rows)**32. `rows` is
the most that finds a pair just at the threshold with a probability of 0.99 or more, 6 at most. So
nothing is reported that is not a near-duplicate, and at most one in a hundred is missed for this
reason. Of more than 16 lines that agree in a band, each is compared with the first 16 only.

`datasketch` has the same scheme, and is what the tests compare with. It hashes every shingle in
Python and keeps an object for each line (benchmarks/leak_speed.py measures both).
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64, UInt64

from babyllama.data.leaks.index import Index
from babyllama.data.leaks.sequences import rolling
from babyllama.errors import InputError

BANDS = 32
_MISSED = 0.01  # the largest probability to miss a pair at the threshold
_MOST_ROWS = 6
_SEED = 20_260_513  # of the permutations
_LINES_AT_ONCE = 4_000
_KEYS_AT_ONCE = 2**23  # of bands, in memory
_PAIRS_AT_ONCE = 2**16
# Lines of one bucket that a line is compared with: a form that thousands of lines fill in would
# take quadratic time.
_COMPARED = 16


class Pairs(NamedTuple):
    """Near-duplicates: a line of one text, and one of another."""

    lines: Int64[np.ndarray, " n"]
    others: Int64[np.ndarray, " n"]


_NONE = Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64))


def rows_for(threshold: float) -> int:
    """How many minima a band has, so that a pair at the threshold is found with 0.99 or more.

    Below a threshold of 0.14 one minimum is too many for that: `missed` says how often.

    Raises:
        InputError: a threshold that is not above 0 and at most 1.
    """
    if not 0 < threshold <= 1:
        raise InputError(
            f"the similarity of near-duplicates is {threshold:g}",
            why="It is the shared part of two lines, above 0 and at most 1.",
            mend="Try 0.7.",
        )
    if threshold == 1:
        return _MOST_ROWS
    needed = 1 - _MISSED ** (1 / BANDS)
    return min(max(1, math.floor(math.log(needed) / math.log(threshold))), _MOST_ROWS)


def missed(threshold: float) -> float:
    """The probability that a pair just at the threshold is not found."""
    return float((1 - threshold ** rows_for(threshold)) ** BANDS)


def comparable_lines(index: Index) -> Int64[np.ndarray, " lines"]:
    """The lines that near-duplicates are looked for in: long enough, and each once."""
    long = np.flatnonzero(index.lengths >= index.unit.shortest)
    _, first = np.unique(index.hashes[long], return_index=True)
    found: Int64[np.ndarray, " lines"] = long[np.sort(first)]
    return found


class Near(NamedTuple):
    """The near-duplicates of lines of train.

    Attributes:
        targets: all among the lines of each target (`others`), those that are equal left out.
        within: lines with an earlier near-duplicate that has none itself, and the first such line.
    """

    targets: list[Pairs]
    within: Pairs


def near_duplicates(
    train: Index, targets: Sequence[Index], *, threshold: float, within: bool
) -> Near:
    """Find near-duplicates of lines of train.

    Args:
        within: whether train is compared with itself.

    Raises:
        InputError: see `rows_for`.
    """
    rows = rows_for(threshold)
    own = comparable_lines(train)
    others = [comparable_lines(target) for target in targets]
    found, itself = [_NONE for _ in targets], _NONE
    streams = [bands(target, each, rows) for target, each in zip(targets, others, strict=True)]
    for keys, *of_targets in zip(bands(train, own, rows), *streams, strict=True):
        order = np.argsort(keys, kind="stable")
        lines, ordered = own[order], keys[order]
        for number, target in enumerate(targets):
            pairs = _candidates_between(lines, ordered, others[number], of_targets[number])
            found[number] = _with_verified(found[number], train, target, pairs, threshold)
        if within:
            pairs = _candidates_within(lines, ordered)
            itself = _with_verified(itself, train, train, pairs, threshold)
    return Near(found, _with_originals(itself))


def _with_originals(found: Pairs) -> Pairs:
    """Those pairs in which the earlier line is no near-duplicate, one for each later line."""
    is_near: dict[int, int] = {}
    for each in np.lexsort((found.others, found.lines)).tolist():
        line, other = int(found.lines[each]), int(found.others[each])
        if line not in is_near and other not in is_near:
            is_near[line] = each
    chosen = np.array(list(is_near.values()), np.int64)
    return Pairs(*(part[chosen] for part in found))


def bands(
    index: Index, lines: Int64[np.ndarray, " lines"], rows: int
) -> Iterator[UInt64[np.ndarray, " lines"]]:
    """Yield for each band the key of each line: equal keys make two lines a candidate."""
    draw = np.random.default_rng(_SEED)
    factors = draw.integers(0, 2**63, (BANDS, rows), np.uint64) * np.uint64(2) + np.uint64(1)
    terms = draw.integers(0, 2**63, (BANDS, rows), np.uint64)
    at_once = min(BANDS, max(1, _KEYS_AT_ONCE // max(1, len(lines))))
    for first in range(0, BANDS, at_once):
        some = range(first, min(first + at_once, BANDS))
        keys = np.zeros((len(some), len(lines)), np.uint64)
        done = 0
        for shingles, starts in shingles_of(index, lines):
            part = slice(done, done + len(starts))
            for number, band in enumerate(some):
                for factor, term in zip(factors[band], terms[band], strict=True):
                    keys[number, part] *= factor
                    keys[number, part] += np.minimum.reduceat(shingles * factor + term, starts)
            done += len(starts)
        yield from keys


def shingles_of(
    index: Index, lines: Int64[np.ndarray, " lines"]
) -> Iterator[tuple[UInt64[np.ndarray, " shingles"], Int64[np.ndarray, " some_lines"]]]:
    """Yield the hashes of the shingles of lines, which are in ascending order, block by block.

    Returns:
        all shingles of some lines in a row, and where those of each line begin.
    """
    size = index.unit.shingle
    for first in range(0, len(lines), _LINES_AT_ONCE):
        some = lines[first : first + _LINES_AT_ONCE]
        start, stop = int(index.starts[some[0]]), int(index.starts[some[-1] + 1])
        _, hashes = next(rolling(index.words(start, stop), [size]))
        counts = index.lengths[some] - size + 1
        starts = np.cumsum(counts) - counts
        places = np.repeat(index.starts[some] - start - starts, counts) + np.arange(counts.sum())
        yield hashes[places], starts


def _candidates_within(
    lines: Int64[np.ndarray, " lines"], ordered: UInt64[np.ndarray, " lines"]
) -> Int64[np.ndarray, "pairs 2"]:
    """Pairs of lines with one key, ordered by it: a line and an earlier one."""
    is_first = np.ones(len(ordered), bool)
    is_first[1:] = ordered[1:] != ordered[:-1]
    firsts = np.maximum.accumulate(np.where(is_first, np.arange(len(ordered)), 0))
    rank = np.arange(len(ordered)) - firsts
    found = [np.zeros((0, 2), np.int64)]
    for step in range(_COMPARED):
        later = np.flatnonzero(rank > step)
        if not len(later):
            break
        found.append(np.stack([lines[later], lines[firsts[later] + step]], axis=1))
    return np.concatenate(found)


def _candidates_between(
    lines: Int64[np.ndarray, " lines"],
    ordered: UInt64[np.ndarray, " lines"],
    others: Int64[np.ndarray, " others"],
    keys: UInt64[np.ndarray, " others"],
) -> Int64[np.ndarray, "pairs 2"]:
    """Pairs of lines of train, ordered by their keys, and of a target with one key."""
    first, end = np.searchsorted(ordered, keys), np.searchsorted(ordered, keys, "right")
    found = [np.zeros((0, 2), np.int64)]
    for step in range(_COMPARED):
        has = np.flatnonzero(first + step < end)
        if not len(has):
            break
        found.append(np.stack([lines[first[has] + step], others[has]], axis=1))
    return np.concatenate(found)


def _with_verified(
    known: Pairs,
    index: Index,
    other: Index,
    candidates: Int64[np.ndarray, "pairs 2"],
    threshold: float,
) -> Pairs:
    """The known pairs, and those candidates that are as similar as they must be."""
    codes = np.setdiff1d(_codes(candidates[:, 0], candidates[:, 1]), _codes(*known))
    found = [known]
    for first in range(0, len(codes), _PAIRS_AT_ONCE):
        some = codes[first : first + _PAIRS_AT_ONCE]
        lines, others = some >> np.int64(32), some & np.int64(2**32 - 1)
        is_other = index.hashes[lines] != other.hashes[others]
        lines, others = lines[is_other], others[is_other]
        is_near = _jaccard(index, lines, other, others) >= threshold
        found.append(Pairs(lines[is_near], others[is_near]))
    return Pairs(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def _codes(
    lines: Int64[np.ndarray, " n"], others: Int64[np.ndarray, " n"]
) -> Int64[np.ndarray, " n"]:
    found: Int64[np.ndarray, " n"] = lines << np.int64(32) | others
    return found


def _jaccard(
    index: Index,
    lines: Int64[np.ndarray, " pairs"],
    other: Index,
    others: Int64[np.ndarray, " pairs"],
) -> Float64[np.ndarray, " pairs"]:
    """The shared part of the shingles of each pair of lines."""
    if not len(lines):
        return np.zeros(0)
    left, left_pair, left_sizes = _sets_by_pair(index, lines)
    right, right_pair, right_sizes = _sets_by_pair(other, others)
    # A pair's number is mixed into the hashes of its shingles, so that one sorted array has all.
    mix = np.uint64(0xD1342543DE82EF95)
    own = np.sort(left + left_pair.astype(np.uint64) * mix)
    asked = right + right_pair.astype(np.uint64) * mix
    at = np.searchsorted(own, asked)
    at[at == len(own)] = 0
    shared = np.bincount(right_pair[own[at] == asked], minlength=len(lines))
    found: Float64[np.ndarray, " pairs"] = shared / (left_sizes + right_sizes - shared)
    return found


def _sets_by_pair(
    index: Index, lines: Int64[np.ndarray, " pairs"]
) -> tuple[
    UInt64[np.ndarray, " shingles"], Int64[np.ndarray, " shingles"], Int64[np.ndarray, " pairs"]
]:
    """The distinct shingles of the line of each pair, the pair of each, and how many a pair has."""
    distinct, which = np.unique(lines, return_inverse=True)
    values, sizes = [], []
    for shingles, starts in shingles_of(index, distinct):
        counts = np.diff(np.append(starts, len(shingles)))
        of_line = np.repeat(np.arange(len(starts)), counts)
        order = np.lexsort((shingles, of_line))
        shingles, of_line = shingles[order], of_line[order]
        is_new = np.ones(len(shingles), bool)
        is_new[1:] = (shingles[1:] != shingles[:-1]) | (of_line[1:] != of_line[:-1])
        values.append(shingles[is_new])
        sizes.append(np.bincount(of_line[is_new], minlength=len(starts)))
    all_values, all_sizes = np.concatenate(values), np.concatenate(sizes)
    begins = np.cumsum(all_sizes) - all_sizes
    counts = all_sizes[which]
    offsets = np.cumsum(counts) - counts
    places = np.repeat(begins[which] - offsets, counts) + np.arange(counts.sum())
    return all_values[places], np.repeat(np.arange(len(lines)), counts), counts
