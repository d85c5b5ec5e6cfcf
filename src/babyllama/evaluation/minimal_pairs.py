"""Minimal pairs: of two sentences that differ in one point, is the grammatical one likelier?

Reads BLiMP's format and its relatives; `choices` turns log-likelihoods into scores.

Source: Warstadt et al. 2020 (BLiMP); Warstadt et al. 2023 (BabyLM's supplement).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import Float64

from babyllama.artefact import Facts
from babyllama.evaluation.choices import Choice, score_choices
from babyllama.evaluation.files import JSON_LINES, Row, packed_files, read_json_lines, read_table
from babyllama.evaluation.rules import Rules
from babyllama.evaluation.texts import Text

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
    """Read a .jsonl or .jsonl.gz file, a folder of them, or a zip, which stays packed.

    Files come in the order of their names, other files are left out. A `groups.csv` (columns UID
    and group) among them says which group a UID belongs to.

    Args:
        wanted: the keys that every line must have.

    Raises:
        InputError: nothing there, no pairs, or a file that cannot be read: broken archive, not
            UTF-8, broken JSON, a key missing or of the wrong type (file and line).
    """
    contents = packed_files(path, JSON_LINES, beside=_GROUPS)
    groups: dict[str, str] = {}
    for name in [name for name in contents if PurePosixPath(name).name == _GROUPS]:
        groups |= _read_groups(name, contents.pop(name))
    return [
        _read_pair(row, groups)
        for name, data in contents.items()
        for row in read_json_lines(name, data, wanted)
    ]


def evaluate_pairs(
    pairs: Sequence[Choice], log_likelihoods: Float64[np.ndarray, "pairs 2"], rules: Rules
) -> tuple[Facts, list[Facts]]:
    """`score_choices`, from the log-likelihoods of the good and of the bad sentence."""
    return score_choices(pairs, log_likelihoods.reshape(-1), rules)


def _read_pair(row: Row, groups: Mapping[str, str]) -> Choice:
    for key in row.wanted:
        if key not in _SENTENCES:
            row.text(key)
    uid = row.optional("UID", str, row.stem)
    # ZhoBLiMP calls it phenomenon.
    term = row.optional("linguistics_term", str, row.optional("phenomenon", str, uid))
    return pair(
        uid=uid,
        item_id=str(row.values.get("pairID", row.values.get("pair_id", row.number))),
        group=groups.get(uid, _GROUP_OF_TERM.get(term, term)),
        term=term,
        good=row.text("sentence_good"),
        bad=row.text("sentence_bad"),
        novel=row.optional("novel", bool, None),
    )


def _read_groups(name: str, data: bytes) -> dict[str, str]:
    rows = read_table(name, data, ("UID", "group"))
    return {
        row.values["UID"]: row.values["group"]
        for row in rows
        if row.values["UID"] and row.values["group"]
    }
