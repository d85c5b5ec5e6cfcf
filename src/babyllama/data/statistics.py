"""What a corpus holds, counted: its size by split and domain, and how much of dev train has seen.

Words are what white space parts, so word counts mean little in scripts written without spaces.
"""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from babyllama.data.sources import Domain, read_split, read_text

LEAK_WORDS = 13  # the length usual in checks for contamination since GPT-3 (Brown et al. 2020)
NO_WORD = re.compile(r"[^\w\s]")


def corpus_statistics(folder: Path) -> dict[str, Any]:
    """Count a corpus, clean or not.

    Returns:
        train, dev: each with `domains` (name to counts) and `total`. The counts: `bytes` (UTF-8,
            decompressed), `characters`, `lines` (not the blank ones), `documents` (what blank
            lines part), `words`, `distinct_words`, `words_per_line`, and `share_of_words`, the
            domain's part of its split's words, between 0 and 1.
        overlap: of dev's 13-word sequences, by domain and in `total`: how many there are
            (`sequences`), how many of them also stand in train (`in_train`), and their `share`.
            Sequences are compared without case and punctuation; they run on from line to line but
            not into another document.

    Raises:
        InputError: the folder cannot be read as a corpus (see `sources`).
    """
    train, dev = read_split(folder, "train"), read_split(folder, "dev")
    return {
        "train": _count_split(train),
        "dev": _count_split(dev),
        "overlap": {"words": LEAK_WORDS, **_overlap(train, dev)},
    }


def write_statistics(folder: Path) -> Path:
    """Write `corpus_statistics` of a folder into its stats.json."""
    path = folder / "stats.json"
    counted = json.dumps(corpus_statistics(folder), indent=2, ensure_ascii=False)
    path.write_text(counted + "\n", encoding="utf-8", newline="\n")
    return path


def _count_split(domains: list[Domain]) -> dict[str, Any]:
    counts: dict[str, dict[str, int | float]] = {}
    all_distinct: set[str] = set()
    for domain in domains:
        counts[domain.name], distinct = _count_text(read_text(domain.path))
        all_distinct |= distinct

    keys = ("bytes", "characters", "lines", "documents", "words")
    total: dict[str, int | float] = {key: sum(c[key] for c in counts.values()) for key in keys}
    total["distinct_words"] = len(all_distinct)
    for each in [*counts.values(), total]:
        each["words_per_line"] = _ratio(each["words"], each["lines"])
        each["share_of_words"] = _ratio(each["words"], total["words"])
    return {"domains": counts, "total": total}


def _count_text(text: str) -> tuple[dict[str, int | float], set[str]]:
    lines = words = documents = 0
    distinct: set[str] = set()
    inside = False
    for line in text.split("\n"):
        found = line.split()
        documents += bool(found) and not inside
        inside = bool(found)
        lines += inside
        words += len(found)
        distinct.update(found)
    counts: dict[str, int | float] = {
        "bytes": len(text.encode("utf-8")),
        "characters": len(text),
        "lines": lines,
        "documents": documents,
        "words": words,
        "distinct_words": len(distinct),
    }
    return counts, distinct


def _overlap(train: list[Domain], dev: list[Domain]) -> dict[str, Any]:
    """Count dev's sequences that stand in train, in memory that does not grow with train.

    A table of flags takes in dev's hashes; of train only the hashes that meet a flag are kept,
    whole. Ten million words of dev set one flag in seven.
    """
    slots = 1 << 26
    flags = bytearray(slots)
    for domain in dev:
        for value in _sequence_hashes(read_text(domain.path)):
            flags[value % slots] = 1

    met: set[int] = set()
    for domain in train if dev else []:
        hashes = _sequence_hashes(read_text(domain.path))
        met.update(value for value in hashes if flags[value % slots])

    counts = {d.name: _count_known(_sequence_hashes(read_text(d.path)), met) for d in dev}
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


def _sequence_hashes(text: str) -> Iterator[int]:
    """A hash of every 13 words in a row; equal within one process, which is enough here.

    Case and punctuation are set aside, so that two editions of one story still meet.
    """
    tail: tuple[str, ...] = ()
    for line in text.split("\n"):
        words = tail + tuple(NO_WORD.sub("", line.lower()).split())
        for start in range(len(words) - LEAK_WORDS + 1):
            yield hash(words[start : start + LEAK_WORDS])
        tail = words[1 - LEAK_WORDS :] if line.strip() else ()


def _ratio(part: int | float, whole: int | float) -> float:
    return round(part / whole, 6) if whole else 0.0
