"""Count what a comparison found: lines and words, by domain and by length of line."""

from typing import Any

import numpy as np
from jaxtyping import Bool, Int64

from babyllama.data.leaks.comparing import Comparison, Why
from babyllama.data.leaks.index import Index

_COUNTED: tuple[Why, ...] = ("same", "near")


def counted(found: Comparison, train: Index) -> dict[str, Any]:
    """The counts of a comparison, as JSON.

    Returns:
        total, domains, lengths: each with `lines` and `words`, `same_lines` and `same_words` (lines
            that also stand in train), `sequence_words` (words that stand in shared sequences),
            `near_lines` and `near_words`; total and domains also with `sequences` and
            `shared_sequences`.
        dropped: the lines of train that would be dropped, in total and by domain of train.
    """
    text = found.text
    domains = text.domain_of(np.arange(len(text.hashes)))
    classes = np.searchsorted(text.unit.limits, text.lengths)
    of_domains = _tables(found, domains, text.domains)
    for name, has, shares in zip(text.domains, found.sequences, found.shared, strict=True):
        of_domains[name] |= {"sequences": int(has), "shared_sequences": int(shares)}
    everything = _tables(found, np.zeros_like(domains), ("total",))["total"] | {
        "sequences": int(found.sequences.sum()),
        "shared_sequences": int(found.shared.sum()),
    }
    return {
        "total": everything,
        **({} if text.text.is_benchmark else {"domains": of_domains}),
        "lengths": _tables(found, classes, text.unit.classes),
        "dropped": _dropped(found, train),
    }


def _tables(
    found: Comparison, groups: Int64[np.ndarray, " lines"], names: tuple[str, ...]
) -> dict[str, dict[str, int]]:
    text, every = found.text, np.ones(len(found.text.hashes), bool)
    columns = {"lines": every, "words": every * text.lengths}
    for why in _COUNTED:
        is_copy = _mask(text, found.copies[why].lines)
        columns |= {f"{why}_lines": is_copy, f"{why}_words": is_copy * text.lengths}
    columns["sequence_words"] = found.covered
    sums = {
        key: np.bincount(groups, values.astype(np.float64), minlength=len(names))
        for key, values in columns.items()
    }
    return {
        name: {key: int(values[number]) for key, values in sums.items()}
        for number, name in enumerate(names)
    }


def _dropped(found: Comparison, train: Index) -> dict[str, Any]:
    lines = np.unique(np.concatenate([each.lines for each in found.dropped.values()]))
    domains = train.domain_of(lines)
    counts = np.bincount(domains, minlength=len(train.domains))
    words = np.bincount(domains, train.lengths[lines], minlength=len(train.domains))
    return {
        "lines": len(lines),
        "words": int(words.sum()),
        "domains": {
            name: {"lines": int(count), "words": int(some)}
            for name, count, some in zip(train.domains, counts, words, strict=True)
            if count
        },
    }


def sizes(index: Index) -> dict[str, int]:
    """The lines and words of a text that can be compared."""
    return {"lines": len(index.hashes), "words": index.total}


def _mask(index: Index, lines: Int64[np.ndarray, " n"]) -> Bool[np.ndarray, " lines"]:
    found = np.zeros(len(index.hashes), bool)
    found[lines] = True
    return found
