"""Count a corpus: its size by split and domain, and how much of dev is also in train.

Words are separated by white space, so their counts say little in scripts without spaces; characters
and bytes are counted too, and `languages` says what they mean.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from babyllama.data.raw_text import read_chunks
from babyllama.data.sources import Domain, read_split
from babyllama.runs.layout import STATISTICS

_SEQUENCE = 13  # as usual in contamination checks since GPT-3 (Brown et al. 2020)
_NOT_IN_WORDS = re.compile(r"[^\w\s]")


def corpus_statistics(folder: Path) -> dict[str, Any]:
    """Count a corpus, raw or clean.

    Returns:
        train, dev: each with `domains` (name to counts) and `total`. The counts: `bytes` (UTF-8,
            decompressed), `characters`, `lines` (without blank ones), `documents` (separated by
            blank lines), `words`, `distinct_words`, `words_per_line`, and `share_of_words`, the
            domain's share of its split's words, between 0 and 1.
        overlap: of dev's 13-word sequences, by domain and in `total`: how many there are
            (`sequences`), how many of them also occur in train (`in_train`), and their `share`.
            Case and punctuation are ignored. A sequence may cross lines but not documents.

    Raises:
        InputError: the folder cannot be read as a corpus (see `sources`).
    """
    train, dev = read_split(folder, "train"), read_split(folder, "dev")
    return {
        "train": _count_split(train),
        "dev": _count_split(dev),
        "overlap": {"words": _SEQUENCE, **_overlap(train, dev)},
    }


def write_statistics(folder: Path, subset: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Write `corpus_statistics` of a folder to its stats.json.

    Args:
        subset: what `keep_words` returned, if the folder is a part of a text; written as `subset`.

    Returns:
        what was written.
    """
    path = folder / STATISTICS
    found = corpus_statistics(folder) | ({"subset": subset} if subset else {})
    text = json.dumps(found, indent=2, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")
    return found


def _count_split(domains: list[Domain]) -> dict[str, Any]:
    counts: dict[str, dict[str, int | float]] = {}
    all_distinct: set[str] = set()
    for domain in domains:
        counts[domain.name], distinct = _count_text(domain.path)
        all_distinct |= distinct

    keys = ("bytes", "characters", "lines", "documents", "words")
    total: dict[str, int | float] = {key: sum(c[key] for c in counts.values()) for key in keys}
    total["distinct_words"] = len(all_distinct)
    for each in [*counts.values(), total]:
        each["words_per_line"] = _ratio(each["words"], each["lines"])
        each["share_of_words"] = _ratio(each["words"], total["words"])
    return {"domains": counts, "total": total}


def _count_text(path: Path) -> tuple[dict[str, int | float], set[str]]:
    lines = words = documents = size = characters = 0
    distinct: set[str] = set()
    inside = has_text = False
    for chunk, ends_line in read_chunks(path):
        found = chunk.split()
        has_text = has_text or bool(found)
        words += len(found)
        distinct.update(found)
        size += len(chunk.encode("utf-8")) + ends_line
        characters += len(chunk) + ends_line
        if ends_line:
            documents += has_text and not inside
            lines += has_text
            inside, has_text = has_text, False
    counts: dict[str, int | float] = {
        "bytes": size - 1,  # there is no line end after the last line
        "characters": characters - 1,
        "lines": lines,
        "documents": documents,
        "words": words,
        "distinct_words": len(distinct),
    }
    return counts, distinct


def _overlap(train: list[Domain], dev: list[Domain]) -> dict[str, Any]:
    """Count dev's sequences that also occur in train, in memory that does not grow with train.

    Dev's hashes set flags in a table of fixed size. Train's hashes are kept only if their flag is
    set. Ten million words of dev set one flag in seven.
    """
    slots = 1 << 26
    flags = bytearray(slots)
    for domain in dev:
        for value in _sequence_hashes(domain.path):
            flags[value % slots] = 1

    candidates: set[int] = set()
    for domain in train if dev else []:
        hashes = _sequence_hashes(domain.path)
        candidates.update(value for value in hashes if flags[value % slots])

    counts = {d.name: _count_known(_sequence_hashes(d.path), candidates) for d in dev}
    sequences = sum(each["sequences"] for each in counts.values())
    in_train = sum(each["in_train"] for each in counts.values())
    total = {"sequences": sequences, "in_train": in_train, "share": _ratio(in_train, sequences)}
    return {"domains": counts, "total": total}


def _count_known(hashes: Iterable[int], known: set[int]) -> dict[str, Any]:
    sequences = in_train = 0
    for value in hashes:
        sequences += 1
        in_train += value in known
    return {"sequences": sequences, "in_train": in_train, "share": _ratio(in_train, sequences)}


def _sequence_hashes(path: Path) -> Iterator[int]:
    """Hash every sequence of 13 words. Hashes differ between processes, which does not matter here.

    Case and punctuation are ignored, so that two editions of one story match.
    """
    tail: tuple[str, ...] = ()
    has_text = False
    for chunk, ends_line in read_chunks(path):
        words = tail + tuple(_NOT_IN_WORDS.sub("", chunk.lower()).split())
        for start in range(len(words) - _SEQUENCE + 1):
            yield hash(words[start : start + _SEQUENCE])
        has_text = has_text or bool(chunk.strip())
        tail = words[1 - _SEQUENCE :] if has_text or not ends_line else ()
        has_text = has_text and not ends_line


def _ratio(part: int | float, total: int | float) -> float:
    return round(part / total, 6) if total else 0.0
