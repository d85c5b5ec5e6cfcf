"""Keep a part of a clean training text: documents drawn by a seed, in proportion from each domain.

The order in which documents are drawn depends on the seed, the domain and their place in it, not on
how many words are wanted: a smaller subset is a part of a larger one, but for its last document.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# A longer document counts in parts of whole lines: some files are one document.
_LONGEST = 1_000  # words


def keep_words(folder: Path, words: int, *, seed: int) -> dict[str, Any]:
    """Replace the texts of a folder by a subset of about so many words.

    Whole documents are kept, in their order, except the last one that is drawn from each domain: it
    ends with the line at which the domain's share is reached.

    Args:
        folder: one clean text a domain, documents separated by blank lines.
        words: how many to keep over all domains; all if they have fewer.

    Returns:
        `asked`, `seed`, `of` (the words there were), `kept`.
    """
    parts = {path: list(_parts(path)) for path in sorted(folder.glob("*.txt"))}
    total = sum(part.words for each in parts.values() for part in each)
    kept = total
    if words < total:
        kept = 0
        for path, share in _shares(parts, words).items():
            lines = _drawn(parts[path], share, f"{seed}/{path.stem}")
            kept += sum(map(sum, lines.values()))
            _rewrite(path, parts[path], lines)
    return {"asked": words, "seed": seed, "of": total, "kept": kept}


@dataclass(frozen=True)
class _Part:
    """A document, or whole lines of a long one.

    Attributes:
        first: the number of its first line.
        lines: the words of each of its lines.
        begins: whether a document begins with it.
    """

    first: int
    lines: tuple[int, ...]
    begins: bool

    @property
    def words(self) -> int:
        return sum(self.lines)


def _parts(path: Path) -> Iterator[_Part]:
    lines: list[int] = []
    first, begins = 0, True
    for number, line in enumerate(_lines(path)):
        count = len(line.split())
        is_full = bool(lines) and sum(lines) + count > _LONGEST
        if lines and (not count or is_full):
            yield _Part(first, tuple(lines), begins)
            begins, lines = not is_full, []
        if count:
            first = first if lines else number
            lines.append(count)
        else:
            begins = True
    if lines:
        yield _Part(first, tuple(lines), begins)


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8", newline="\n") as file:
        yield from file


def _shares(parts: Mapping[Path, Sequence[_Part]], words: int) -> dict[Path, int]:
    """The words of each domain, in proportion to what it has, and at least one."""
    have = {path: sum(part.words for part in each) for path, each in parts.items()}
    shares, given, seen = {}, 0, 0
    for path, count in have.items():
        seen += count
        share = round(words * seen / sum(have.values())) - given
        given += share
        shares[path] = max(1, share)
    return shares


def _drawn(parts: Sequence[_Part], words: int, seed: str) -> dict[int, tuple[int, ...]]:
    """The lines that are kept of each part, by the part's number."""

    def draw(number: int) -> bytes:
        return hashlib.blake2b(f"{seed}/{number}".encode(), digest_size=8).digest()

    drawn: dict[int, tuple[int, ...]] = {}
    missing = words
    for number in sorted(range(len(parts)), key=draw):
        lines = parts[number].lines
        while lines and sum(lines[:-1]) >= missing:
            lines = lines[:-1]
        if not lines:
            break
        drawn[number] = lines
        missing -= sum(lines)
    return drawn


def _rewrite(path: Path, parts: Sequence[_Part], kept: Mapping[int, tuple[int, ...]]) -> None:
    """Write the kept lines: a blank line where a document begins or something is left out."""
    follows: dict[int, str] = {}  # what goes before each kept line
    end = 0
    for number, lines in sorted(kept.items()):
        part = parts[number]
        goes_on = not part.begins and part.first == end
        follows[part.first] = "" if goes_on or not follows else "\n"
        follows |= {part.first + line: "" for line in range(1, len(lines))}
        end = part.first + len(lines)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with beside.open("w", encoding="utf-8", newline="\n") as file:
        for number, line in enumerate(_lines(path)):
            if number in follows:
                file.write(follows[number] + line)
    beside.replace(path)
