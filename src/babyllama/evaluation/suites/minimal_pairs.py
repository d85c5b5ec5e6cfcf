"""Minimal pairs: of two sentences that differ in one point, is the grammatical one likelier?

Reads BLiMP's format and its relatives; `choices` turns log-likelihoods into scores.

Source: Warstadt et al. 2020 (BLiMP); Warstadt et al. 2023 (BabyLM's supplement).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from babyllama.console import print_status
from babyllama.evaluation.likelihood.texts import Text
from babyllama.evaluation.suites.choices import Choice
from babyllama.evaluation.suites.pair_formats import LINES, TABLES, read_pair_rows
from babyllama.runs.rows import (
    JSON_LINES,
    Row,
    packed_files,
    read_table,
    refuse_repeats,
)

_GROUPS = "groups.csv"
_SENTENCES = ("sentence_good", "sentence_bad")
# BLiMP's data have 13 terms, the paper and everybody's tables 12 groups.
_GROUP_OF_TERM = {"s-selection": "argument_structure"}


def pair(
    uid: str,
    item_id: str,
    group: str,
    term: str,
    good: str,
    bad: str,
    novel: bool | None = None,
) -> Choice:
    """Two sentences, of which a speaker would accept the first."""
    return Choice(uid, item_id, group, term, (Text(good), Text(bad)), novel)


def read_pairs(path: Path, *, wanted: Sequence[str] = _SENTENCES) -> list[Choice]:
    """Read a file, a folder of files, or a zip, which stays packed.

    Files are .jsonl; without any, .csv and .tsv; without these, .txt, each also as .gz: see
    `pair_formats`. They are read in the order of their names; other files are skipped. A
    `groups.csv` (columns UID and group) among them gives each UID's group.

    Args:
        wanted: the keys that every line must have, the good and the bad sentence first. Only if
            they are no more than these two may a file be other than BLiMP's.

    Raises:
        InputError: nothing there, no pairs, or a file that cannot be read: broken archive, not
            UTF-8, broken JSON, a key missing or of the wrong type (file and line).
    """
    kinds = (JSON_LINES, TABLES, LINES) if len(wanted) == 2 else (JSON_LINES,)
    contents = packed_files(path, [each for kind in kinds for each in kind], beside=_GROUPS)
    groups: dict[str, str] = {}
    for name in [name for name in contents if PurePosixPath(name).name == _GROUPS]:
        groups |= _read_groups(name, contents.pop(name))
    kind = next(kind for kind in kinds if any(name.endswith(kind) for name in contents))
    rows = (
        row
        for name, data in contents.items()
        if name.endswith(kind)
        for row in read_pair_rows(name, data, wanted)
    )
    found = refuse_repeats(rows, _identity)
    _mention_repeats(found)
    return [_read_pair(row, groups) for row in found]


def _mention_repeats(rows: Sequence[Row]) -> None:
    """Print how many pairs each file holds again. Published files have a few, so it is no error."""
    counted = Counter((row.file, _identity(row)[0]) for row in rows)
    repeats: Counter[str] = Counter()
    for (file, _), count in counted.items():
        repeats[file] += count - 1
    for file, count in (+repeats).items():
        print_status(
            f"{file}: {count:,} pairs repeat an earlier pair of the file. They count again, so the "
            "interval is too narrow",
            style="yellow",
        )


def _identity(row: Row) -> list[tuple[Any, ...]]:
    """What makes two rows one item: the sentences of one UID, or a UID's pair of that number."""
    values = row.values
    uid = repr(values["UID"]) if "UID" in values else None
    found: list[tuple[Any, ...]] = [(uid, *(repr(values.get(key)) for key in row.wanted[:2]))]
    number = values.get("pairID", values.get("pair_id"))
    return found if uid is None or number is None else [*found, ("pair", uid, str(number))]


def _read_pair(row: Row, groups: Mapping[str, str]) -> Choice:
    good, bad, *_ = row.texts_of(row.wanted)
    values = row.values
    uid = row.optional("UID", str, "") if "UID" in values else row.stem
    term_key = "phenomenon" if "phenomenon" in values else "linguistics_term"
    term = row.optional(term_key, str, "") if term_key in values else uid
    return pair(
        uid=uid,
        item_id=str(values.get("pairID", values.get("pair_id", row.number))),
        group=groups.get(uid, _GROUP_OF_TERM.get(term, term)),
        term=term,
        good=good,
        bad=bad,
        novel=row.optional("novel", bool, None) if "novel" in values else None,
    )


def _read_groups(name: str, data: bytes) -> dict[str, str]:
    rows = read_table(name, data, ("UID", "group"))
    return {
        row.values["UID"]: row.values["group"]
        for row in rows
        if row.values["UID"] and row.values["group"]
    }
