"""Where a line of an index stands in the files or texts that it was read from, and what it says."""

from collections import Counter
from collections.abc import Iterable, Iterator, Set
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from babyllama.data.leaks.index import Index, Line
from babyllama.data.leaks.normal import Unit, words_of


class Place(NamedTuple):
    """Where a line stands.

    Attributes:
        line: its number in the file of its domain, from 1; of a benchmark, the number of its text.
        part: which stretch of a very long line, from 0; those without words do not count.
    """

    domain: str
    line: int
    part: int


def places_of(index: Index, lines: Int64[np.ndarray, " n"]) -> list[Place]:
    """The place of each of some lines."""
    found = []
    for line, domain in zip(lines.tolist(), index.domain_of(lines).tolist(), strict=True):
        first, last = index.first_lines[domain], index.first_lines[domain + 1]
        number = index.numbers[line]
        start = int(first) + int(np.searchsorted(index.numbers[first:last], number))
        found.append(Place(index.domains[domain], int(number), line - start))
    return found


def with_places(
    domain: str, lines: Iterable[Line], numbers: Set[int], unit: Unit
) -> Iterator[tuple[Line, Place | None]]:
    """Yield every line of a domain; with its place, if its number is wanted and it has words."""
    counts: Counter[int] = Counter()
    for line in lines:
        place = None
        if line.number in numbers and words_of(line.text, unit):
            place = Place(domain, line.number, counts[line.number])
            counts[line.number] += 1
        yield line, place


def texts_at(index: Index, places: Iterable[Place]) -> dict[Place, str]:
    """The text of lines, which are read again."""
    wanted = set(places)
    found: dict[Place, str] = {}
    for domain, read in index.text.read.items():
        numbers = {place.line for place in wanted if place.domain == domain}
        lines = _numbered(read(), numbers) if numbers else ()
        for line, place in with_places(domain, lines, numbers, index.unit):
            if place is not None and place in wanted:
                found[place] = line.text
    return found


def _numbered(batches: Iterable[list[Line]], numbers: Set[int]) -> Iterator[Line]:
    last = max(numbers)
    for batch in batches:
        yield from (line for line in batch if line.number in numbers)
        if batch and batch[-1].number > last:
            return
