"""Remove copies from train, and keep what was removed in a file.

The unit is a line, or of a line with more than 2,000 characters a stretch of about 1,000 of them.
Where something is removed a document ends: what stood around it does not become one text. Source
code stays as it is, since a program without one of its lines is none.
"""

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from babyllama.data.leaks.check import TRAIN, Checked, Copy, Kind
from babyllama.data.leaks.index import read_pieces
from babyllama.data.leaks.normal import UNITS, Unit, words_of
from babyllama.data.leaks.places import Place, with_places
from babyllama.data.sources import clean_files
from babyllama.errors import InputError
from babyllama.runs.layout import REMOVED


def remove_copies(corpus: Path, checked: Checked, drop: frozenset[Kind]) -> dict[str, Any]:
    """Remove lines from the train files of a clean corpus that were just checked.

    A file that nothing is left of is removed. `removed.jsonl` gets a line for each removed one: its
    `domain`, `line` and `text`, `why`, and where the `copy` stands.

    Returns:
        for each kind that was to be dropped: the `lines` and `words` removed (in the unit of the
            check), and the lines by domain (`domains`).
        `left_in_code`: the copies in each domain of source code.

    Raises:
        InputError: nothing of train would be left.
    """
    copies: dict[Place, Copy] = {}
    for kind in ("duplicate", "leak"):  # what is both is a leak
        copies |= checked.copies[kind] if kind in drop else {}
    files = {file.stem: file for file in clean_files(corpus, "train")}
    code = sorted({place.domain for place in copies if place.domain.startswith("code_")})
    removed = {place: copy for place, copy in copies.items() if place.domain not in code}
    unit = UNITS[checked.found["settings"]["unit"]]
    if len(removed) == checked.found[TRAIN]["lines"]:
        raise InputError(
            f"nothing of the training text of {corpus} is left without its leaks and duplicates",
            why=f"All {len(removed):,} lines stand in dev, in a benchmark or earlier in train.",
            mend="Look at them first: babyllama corpus leaks SRC",
        )
    counts = {kind: Counter[str]() for kind in sorted(drop)}
    words: Counter[str] = Counter()
    with (corpus / REMOVED).open("w", encoding="utf-8", newline="\n") as log:
        for domain in sorted({place.domain for place in removed}):
            for place, text in _rewrite(files[domain], domain, removed, unit):
                log.write(json.dumps(_line(place, text, removed[place]), ensure_ascii=False) + "\n")
                counts[removed[place].kind][domain] += 1
                words[removed[place].kind] += len(words_of(text, unit))
    return {
        **{
            kind: {"lines": each.total(), "words": words[kind], "domains": dict(each)}
            for kind, each in counts.items()
        },
        "left_in_code": {name: sum(place.domain == name for place in copies) for name in code},
    }


def _rewrite(
    file: Path, domain: str, removed: Mapping[Place, Copy], unit: Unit
) -> Iterator[tuple[Place, str]]:
    """Write a file without its removed lines; yields these."""
    numbers = {place.line for place in removed if place.domain == domain}
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    has_text, at_start, blank = False, True, 0  # blank: lines before the next text
    with beside.open("w", encoding="utf-8", newline="\n") as out:
        for piece, place in with_places(domain, read_pieces(file), numbers, unit):
            if place is not None and place in removed:
                yield place, piece.text
                out.write("" if at_start else "\n")
                at_start, blank = True, max(1, blank)
            elif piece.text.strip() or not at_start:
                out.write("\n" * (blank if has_text else 0))
                out.write(piece.text + "\n" * piece.ends_line)
                has_text, at_start, blank = True, piece.ends_line, 0
            else:
                blank += 1
    if has_text:
        beside.replace(file)
    else:
        beside.unlink()
        file.unlink()


def _line(place: Place, text: str, copy: Copy) -> dict[str, Any]:
    where = {"in": copy.where, "domain": copy.place.domain, "line": copy.place.line}
    return {
        "domain": place.domain,
        "line": place.line,
        "text": text.strip(),
        "kind": copy.kind,
        "why": copy.why,
        "copy": {key: value for key, value in where.items() if value},
    }
