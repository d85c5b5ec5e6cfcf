"""What a linguist asks of a corpus first: types, sentences, how words are spread, what is typical.

A word here is a run of letters and digits in lower case, with apostrophes and hyphens inside; in a
script that puts no spaces between words, each letter with its marks is a word. Sentences end at
. ! ? or their like, and at line ends.

Sources: Baayen 2001, Word Frequency Distributions, section 2.2, for the growth of the vocabulary;
Zipf 1949 and Heaps 1978 for the two laws, fitted as lines through logarithms at points that are
evenly spaced there.
"""

import heapq
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64
from scipy.special import gammaln

from babyllama.data.raw_text import read_chunks
from babyllama.data.scripts import (
    SENTENCE_END,
    UNSPACED,
    UNSPACED_LETTERS,
    combining_marks,
    script_of,
)
from babyllama.data.sources import Domain, read_split
from babyllama.runs.layout import LINGUISTICS

_MOST_BYTES = 2**26  # of a corpus; of a larger one every second, third ... line is read
_MARKS = (1, 2, 5)  # of each decade: where the growth of the vocabulary is given
_FEWEST_FOR_FIT = 1000  # words; below this Heaps' law does not hold
_RAREST_FOR_FIT = 5  # occurrences; the ranks of rarer words are decided by chance
_POINTS = 30  # of a fit
_PERCENTILES = (10, 50, 90)  # of the lengths of sentences
_SHOWN_LINES, _AMONG = 3, 50  # different ones, among so many: lines may occur many times
_SHOWN_WORDS = range(8, 41)  # of a line that is shown
_ASCII_WORD = re.compile(r"\w+(?:['-]\w+)*")


def write_linguistics(corpus: Path) -> dict[str, Any]:
    """Write `linguistic_statistics` of a clean corpus to its linguistics.json, and return them."""
    found = linguistic_statistics(corpus)
    text = json.dumps(found, indent=1, ensure_ascii=False)
    (corpus / LINGUISTICS).write_text(text + "\n", encoding="utf-8", newline="\n")
    return found


def linguistic_statistics(corpus: Path, *, most_bytes: int = _MOST_BYTES) -> dict[str, Any]:
    """Describe the training text of a corpus, raw or clean, by domain and as a whole.

    Args:
        most_bytes: of a corpus with more, only every second, third ... line is read.

    Returns:
        `every`, the distance of the lines that are read; `domains` (name to description) and
        `total`. A description has: `words`, `types`, `hapaxes` (types that occur once),
        `sentences`, `sentence_length` (mean and percentiles, in words), `growth` (pairs: so many
        words, drawn at random from the text, have so many types on average), `ranks` (pairs: the
        word of this rank occurs so often), `heaps` and `zipf`, the lines through the logarithms of
        both (`factor`, `exponent` and `r_squared` of y = factor * x**exponent; None for short
        texts) and `scripts` (how many letters are in each). A domain also has `typical` and
        `untypical`: lines whose words are frequent or rare in the domain, each with its mean nats
        per word by the domain's own frequencies. `unknown`: by domain, the share of its words that
        each other domain lacks.

    Raises:
        InputError: the folder cannot be read as a corpus.
    """
    domains = read_split(corpus, "train")
    every = -(-sum(domain.path.stat().st_size for domain in domains) // most_bytes) or 1
    counted = {domain.name: _count(domain, every) for domain in domains}
    whole = _Counts.of(counted.values())
    rows = {name: _described(each) for name, each in counted.items()}
    for domain in domains:
        rows[domain.name] |= _extremes(domain, counted[domain.name].words, every)
    unknown = {
        one: {
            other: _share_unknown(counted[one].words, counted[other].words)
            for other in counted
            if other != one
        }
        for one in counted
    }
    return {"every": every, "domains": rows, "total": _described(whole), "unknown": unknown}


def words_of(text: str) -> list[str]:
    """The words of a text: see the module."""
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    whole, letters = _any_words()
    return [
        part
        for word in whole.findall(text.lower())
        for part in (letters.findall(word) if UNSPACED.search(word) else (word,))
    ]


@cache
def _any_words() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Patterns of a word in any script, and of one in which some letters are words."""
    of_word = rf"[\w{combining_marks()}]"
    spaced = rf"(?:(?![{UNSPACED_LETTERS}]){of_word})+"
    whole, part = (rf"(?=\w){run}(?:['’-]{run})*" for run in (f"{of_word}+", spaced))
    letter = rf"(?=\w)[{UNSPACED_LETTERS}][{combining_marks()}]*"
    return re.compile(whole), re.compile(f"{letter}|{part}")


class _Counts:
    """Words, lengths of sentences and letters of some text."""

    def __init__(self) -> None:
        self.words: Counter[str] = Counter()
        self.lengths: Counter[int] = Counter()
        self.characters: Counter[str] = Counter()

    @classmethod
    def of(cls, parts: Iterable["_Counts"]) -> "_Counts":
        """The counts of several texts together."""
        whole = cls()
        for part in parts:
            whole.words.update(part.words)
            whole.lengths.update(part.lengths)
            whole.characters.update(part.characters)
        return whole


def _count(domain: Domain, every: int) -> _Counts:
    counts = _Counts()
    for line in _lines(domain, every):
        counts.characters.update(line)
        for sentence in SENTENCE_END.split(line):
            if words := words_of(sentence):
                counts.words.update(words)
                counts.lengths[len(words)] += 1
    return counts


def _lines(domain: Domain, every: int) -> Iterator[str]:
    """Every so many lines of a domain; one that is too long for memory counts as several."""
    return (chunk for chunk, _ in islice(read_chunks(domain.path), 0, None, every))


def _described(counts: _Counts) -> dict[str, Any]:
    frequencies = np.sort(np.fromiter(counts.words.values(), np.int64))[::-1]
    words, growth = int(frequencies.sum()), expected_growth(frequencies)
    scripts: Counter[str] = Counter()
    for character, number in counts.characters.items():
        if character.isalpha():
            scripts[script_of(character)] += number
    return {
        "words": words,
        "types": len(frequencies),
        "hapaxes": int((frequencies == 1).sum()),
        "sentences": counts.lengths.total(),
        "sentence_length": _lengths(counts.lengths),
        "growth": growth,
        "ranks": (ranks := frequencies_by_rank(frequencies)),
        "zipf": _fit([pair for pair in ranks if pair[1] >= _RAREST_FOR_FIT]),
        "heaps": _fit([pair for pair in growth if pair[0] >= _FEWEST_FOR_FIT]),
        "scripts": dict(scripts.most_common()),
    }


def expected_growth(frequencies: Int64[np.ndarray, " types"]) -> list[tuple[int, float]]:
    """How many types the first n words have, on average over all orders of the words.

    A type that occurs f times is not among n of N words with the probability C(N - f, n) / C(N, n).

    Returns:
        pairs of n and the types, for n of 1, 2, 5, 10, 20 ... and N.
    """
    total = int(frequencies.sum())
    marks = (mark * 10**power for power in count() for mark in _MARKS)
    sizes: list[int] = []
    for mark in marks:
        if mark >= total:
            break
        sizes.append(mark)
    values, numbers = np.unique(frequencies, return_counts=True)
    without = total - values  # words of other types

    def types(size: int) -> float:
        others = np.maximum(without, size)
        absent = np.exp(
            gammaln(others + 1) - gammaln(others - size + 1)
            - gammaln(total + 1) + gammaln(total - size + 1)
        )  # fmt: skip
        return float((numbers * np.where(without < size, 1.0, 1 - absent)).sum())

    found = [(size, types(size)) for size in sizes]
    return [*found, (total, float(len(frequencies)))] if total else []


def frequencies_by_rank(frequencies: Int64[np.ndarray, " types"]) -> list[tuple[int, float]]:
    """The occurrences of the words of some ranks, evenly spaced in the logarithm of the rank.

    Args:
        frequencies: of all types, in falling order.
    """
    last = len(frequencies)
    ranks = np.unique(np.geomspace(1, max(1, last), _POINTS).round().astype(np.int64))
    return [(int(rank), float(frequencies[rank - 1])) for rank in ranks if rank <= last]


def _fit(points: list[tuple[int, float]]) -> dict[str, float] | None:
    """The line through the logarithms of some points; None if they are fewer than three."""
    if len(points) < 3:
        return None
    x, y = np.log(np.array(points, np.float64)).T
    exponent, offset = np.polyfit(x, y, 1)
    rest = y - (exponent * x + offset)
    spread = float(((y - y.mean()) ** 2).sum())
    r_squared = 1 - float((rest**2).sum()) / spread if spread else 1.0
    return {"factor": math.exp(offset), "exponent": float(exponent), "r_squared": r_squared}


def _lengths(lengths: Mapping[int, int]) -> dict[str, float]:
    """Mean and percentiles of the words in a sentence."""
    if not lengths:
        return {}
    values = np.array(sorted(lengths))
    numbers = np.array([lengths[value] for value in values.tolist()])
    reached = np.cumsum(numbers) / numbers.sum()
    found = {"mean": float((values * numbers).sum() / numbers.sum())}
    for percent in _PERCENTILES:
        found[f"p{percent}"] = float(values[np.searchsorted(reached, percent / 100)])
    return found


def _share_unknown(words: Counter[str], known: Counter[str]) -> float:
    """The share of running words that a text lacks."""
    total = words.total()
    return sum(number for word, number in words.items() if word not in known) / max(1, total)


def _extremes(
    domain: Domain, words: Counter[str], every: int
) -> dict[str, list[tuple[float, str]]]:
    """The lines whose words are most and least frequent in their domain."""
    total = words.total()
    nats = {word: math.log(total / number) for word, number in words.items()}

    def scored() -> Iterator[tuple[float, str]]:
        for line in _lines(domain, every):
            found = words_of(line)
            # A line that mostly repeats itself says little about its domain.
            if len(found) in _SHOWN_WORDS and 2 * len(set(found)) > len(found):
                yield sum(nats[word] for word in found) / len(found), line.strip()

    return {
        "typical": _first_distinct(heapq.nsmallest(_AMONG, scored())),
        "untypical": _first_distinct(heapq.nlargest(_AMONG, scored())),
    }


def _first_distinct(lines: Iterable[tuple[float, str]]) -> list[tuple[float, str]]:
    return list(dict.fromkeys(lines))[:_SHOWN_LINES]
