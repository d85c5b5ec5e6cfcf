"""Samples of what a comparison found, to be read by people."""

from collections import Counter
from difflib import SequenceMatcher
from typing import Any

import numpy as np
from jaxtyping import Int64

from babyllama.data.leaks.comparing import Comparison, Why
from babyllama.data.leaks.index import Index
from babyllama.data.leaks.normal import Unit, words_of
from babyllama.data.leaks.places import Place, places_of, texts_at

_EACH = 5  # of each kind
_LONGEST = 240  # characters


def samples(found: Comparison, train: Index) -> list[dict[str, Any]]:
    """A few copies of each kind: at first the longest of each domain.

    Returns:
        `why` (same, sequence, near), `domain`, `line` and `text` of each (of a sequence, the words
        in a row that both lines have), and `copy`, which is the line of train; none of a text that
        must not be shown.
    """
    if found.text.text.is_private:
        return []
    chosen: list[tuple[Why, Place, Place]] = []
    for why, copies in found.copies.items():
        size = found.covered if why == "sequence" else found.text.lengths
        at = _largest_of_each_domain(found.text, copies.lines, size[copies.lines])
        lines, others = places_of(found.text, copies.lines[at]), places_of(train, copies.others[at])
        chosen += [(why, *pair) for pair in zip(lines, others, strict=True)]
    texts = texts_at(found.text, (own for _, own, _ in chosen))
    copied = texts_at(train, (other for _, _, other in chosen))
    return [
        {
            "why": why,
            **_as_json(own, _shown(why, texts[own], copied[other], train.unit)),
            "copy": _as_json(other, copied[other]),
        }
        for why, own, other in chosen
    ]


def repeated_most(train: Index) -> list[dict[str, Any]]:
    """The lines that train holds most often, as its text has them where they stand first."""
    _, first, counts = np.unique(train.hashes, return_index=True, return_counts=True)
    most = np.lexsort((first, -counts))[:_EACH]
    most = most[counts[most] > 1]
    places = places_of(train, first[most])
    texts = texts_at(train, places)
    return [
        {"times": int(count), "text": _shortened(texts[place])}
        for count, place in zip(counts[most], places, strict=True)
    ]


def _as_json(place: Place, text: str) -> dict[str, Any]:
    """A line for people: where it stands, and how it begins."""
    domain = {"domain": place.domain} if place.domain else {}
    return {**domain, "line": place.line, "text": _shortened(text)}


def _shortened(text: str) -> str:
    """A text on one line, cut if it is long."""
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _shown(why: Why, text: str, other: str, unit: Unit) -> str:
    """What to show of a line: the longest stretch of words that the other has too, or all of it."""
    if why != "sequence":
        return text
    words = text.split()
    own = [" ".join(words_of(word, unit)) for word in words]
    theirs = [" ".join(words_of(word, unit)) for word in other.split()]
    match = SequenceMatcher(a=own, b=theirs, autojunk=False).find_longest_match()
    return " ".join(words[match.a : match.a + match.size]) if match.size > 4 else text


def _largest_of_each_domain(
    index: Index, lines: Int64[np.ndarray, " n"], sizes: Int64[np.ndarray, " n"]
) -> Int64[np.ndarray, " chosen"]:
    """Indices of some lines: the first of each domain, then the second of each, and so on."""
    order = np.argsort(-sizes, kind="stable")
    seen: Counter[int] = Counter()
    hashes: set[int] = set()
    ranked = []
    for at in order[: 200 * _EACH].tolist():
        value = int(index.hashes[lines[at]])
        if value not in hashes:
            hashes.add(value)
            domain = int(index.domain_of(lines[at : at + 1])[0])
            ranked.append((seen[domain], at))
            seen[domain] += 1
    return np.array([at for _, at in sorted(ranked, key=lambda each: each[0])[:_EACH]], np.int64)
