"""Remove copies from train, and keep what was removed in a file.

The unit is a line, or of a line with more than 2,000 characters a stretch of about 1,000 of them.
Where something is removed a document ends: what stood around it does not become one text. Source
code stays as it is, since a program without one of its lines is none.
"""

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from babyllama.data.leaks.check import TRAIN, Checked, Copy
from babyllama.data.leaks.index import read_lines
from babyllama.data.leaks.normal import UNITS, Unit, words_of
from babyllama.data.leaks.places import Place, with_places
from babyllama.data.sources import clean_files
from babyllama.errors import InputError, command
from babyllama.runs.layout import REMOVED


def remove_copies(corpus: Path, checked: Checked, source: Path) -> dict[str, Any]:
    """Remove the copies that a check of a clean corpus has just found from its train files.

    A file that nothing is left of is removed. `removed.jsonl` gets a line for each removed one: its
    `domain`, `line` and `text`, `why`, and where the `copy` stands.

    Args:
        source: what the corpus is made from, for messages.

    Returns:
        for each kind of copies: the `lines` and `words` removed (in the unit of the
            check), and the lines by domain (`domains`).
        `left_in_code`: the copies in each domain of source code.

    Raises:
        InputError: nothing of train would be left.
    """
    copies: dict[Place, Copy] = {}
    for kind in sorted(checked.copies):  # leaks last: what is both is a leak
        copies |= checked.copies[kind]
    files = {file.stem: file for file in clean_files(corpus, "train")}
    code = sorted({place.domain for place in copies if place.domain.startswith("code_")})
    removed = {place: copy for place, copy in copies.items() if place.domain not in code}
    unit = UNITS[checked.found["settings"]["unit"]]
    if len(removed) == checked.found[TRAIN]["lines"]:
        raise InputError(
            f"nothing of the training text of {source} is left without its leaks and duplicates",
            why=f"All {len(removed):,} lines stand in dev, in a benchmark or earlier in train.",
            mend=f"Look at them first: {command('corpus', 'leaks', source)}",
        )
    counts = {kind: Counter[str]() for kind in sorted(checked.copies)}
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
        lines = chain.from_iterable(read_lines(file))
        for line, place in with_places(domain, lines, numbers, unit):
            if place is not None and place in removed:
                yield place, line.text
                out.write("" if at_start else "\n")
                at_start, blank = True, max(1, blank)
            elif line.text.strip() or not at_start:
                out.write("\n" * (blank if has_text else 0))
                out.write(line.text + "\n" * line.ends_line)
                has_text, at_start, blank = True, line.ends_line, 0
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
