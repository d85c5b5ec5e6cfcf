"""Minimal pairs: of two sentences that differ in one point, is the grammatical one likelier?

Reads BLiMP's format and its relatives and turns log-likelihoods into scores. Nothing here knows
what a model is.

Source: Warstadt et al. 2020 (BLiMP); Warstadt et al. 2023 (BabyLM's supplement).
"""

import csv
import gzip
import io
import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from jaxtyping import Float64

from babyllama.artefact import Facts
from babyllama.errors import InputError
from babyllama.evaluation.rules import Rules
from babyllama.statistics import Credits, Estimate, weighted_mean

_SUFFIXES = (".jsonl", ".jsonl.gz")
_GROUPS = "groups.csv"
# BLiMP's data have 13 terms, the paper and everybody's tables 12 groups.
_GROUP_OF_TERM = {"s-selection": "argument_structure"}


@dataclass(frozen=True)
class Pair:
    """Two sentences, of which a speaker would accept the first.

    Attributes:
        uid: the paradigm; the file's name where the data name none.
        pair_id: as in the data, else the number of its line, from 0.
        group: the phenomenon that tables show; the UID where the data name none.
        term: the data's own `linguistics_term`, of which BLiMP has one more than groups.
        novel: whether the pair's construction was withheld from training; None: not said.
    """

    uid: str
    pair_id: str
    group: str
    term: str
    good: str
    bad: str
    novel: bool | None = None


def read_pairs(path: Path) -> list[Pair]:
    """Read a .jsonl or .jsonl.gz file, a folder of them, or a zip, which stays packed.

    Files come in the order of their names, other files are left out. A `groups.csv` (columns UID
    and group) among them says which group a UID belongs to.

    Raises:
        InputError: nothing there, no pairs, or a file that cannot be read: broken archive, not
            UTF-8, broken JSON, a key missing or of the wrong type (file and line).
    """
    contents = dict(_contents(path))
    groups: dict[str, str] = {}
    for name in [name for name in contents if PurePosixPath(name).name == _GROUPS]:
        groups |= _read_groups(name, contents.pop(name))
    if not contents:
        raise InputError(
            f"{path} holds no minimal pairs",
            why="Pairs are in files named *.jsonl or *.jsonl.gz, directly in the folder.",
            mend="Name the folder or the zip that holds them.",
        )
    _refuse_doubles(contents)
    return [pair for name, data in contents.items() for pair in _read_file(name, data, groups)]


def evaluate_pairs(
    pairs: Sequence[Pair], log_likelihoods: Float64[np.ndarray, "pairs 2"], rules: Rules
) -> tuple[Facts, list[Facts]]:
    """Score pairs: in percent, with 95% intervals, by UID and by group.

    Args:
        log_likelihoods: of the good and of the bad sentence, in nats, all finite.

    Returns:
        The scores, and a line a pair in the order of the pairs. `aggregates` are four averages of
        the same decisions, which differ: over UIDs, over groups and over the data's terms (both
        with the pairs inside pooled), and over pairs.
    """
    good, bad = log_likelihoods.T
    credits_ = np.where(good == bad, rules.tie, (good > bad).astype(np.float64))
    columns = (good.tolist(), bad.tolist(), credits_.tolist())
    predictions = [_prediction(*item) for item in zip(pairs, *columns, strict=True)]
    return _scores(pairs, credits_, rules), predictions


def _scores(pairs: Sequence[Pair], credits_: Credits, rules: Rules) -> Facts:
    first: dict[str, Pair] = {}
    rows: dict[str, list[int]] = {}
    for row, pair in enumerate(pairs):
        first.setdefault(pair.uid, pair)
        rows.setdefault(pair.uid, []).append(row)
    parts = {uid: credits_[rows[uid]] for uid in first}
    members: dict[str, dict[str, Credits]] = {}
    for uid, pair in first.items():
        members.setdefault(pair.group, {})[uid] = parts[uid]
    group_of = {uid: pair.group for uid, pair in first.items()}
    averages = {
        "uids": _mean(parts, _evenly(parts)),
        "groups": _mean(parts, _pooled_within(parts, group_of)),
        "terms": _mean(parts, _pooled_within(parts, {u: p.term for u, p in first.items()})),
        "pairs": _mean(parts, _by_size(parts)),
    }
    within = _by_size if rules.average == "groups" else _evenly
    return {
        **averages[rules.average].in_percent(),
        "chance": 50.0,
        "subtasks": {
            uid: {**weighted_mean([part], [1.0]).in_percent(), "group": group_of[uid]}
            for uid, part in parts.items()
        },
        "groups": {
            group: _mean(inside, within(inside)).in_percent() for group, inside in members.items()
        },
        "aggregates": {name: 100 * average.score for name, average in averages.items()},
    }


# Every average is a mean of UIDs under some weights.


def _mean(parts: Mapping[str, Credits], weights: Mapping[str, float]) -> Estimate:
    return weighted_mean(list(parts.values()), [weights[uid] for uid in parts])


def _evenly(parts: Mapping[str, Credits]) -> dict[str, float]:
    return {uid: 1 / len(parts) for uid in parts}


def _by_size(parts: Mapping[str, Credits]) -> dict[str, float]:
    total = sum(len(part) for part in parts.values())
    return {uid: len(part) / total for uid, part in parts.items()}


def _pooled_within(parts: Mapping[str, Credits], block_of: Mapping[str, str]) -> dict[str, float]:
    """All blocks alike, and inside a block all pairs alike."""
    totals: dict[str, int] = {}
    for uid, part in parts.items():
        totals[block_of[uid]] = totals.get(block_of[uid], 0) + len(part)
    return {uid: len(part) / totals[block_of[uid]] / len(totals) for uid, part in parts.items()}


def _prediction(pair: Pair, good: float, bad: float, credit: float) -> Facts:
    line: Facts = {
        "UID": pair.uid,
        "pairID": pair.pair_id,
        "group": pair.group,
        "sentence_good": pair.good,
        "sentence_bad": pair.bad,
        "log_likelihood_good": good,
        "log_likelihood_bad": bad,
        "correct": credit,
    }
    return line if pair.novel is None else {**line, "novel": pair.novel}


# --- reading ----------------------------------------------------------------------------------


def _contents(path: Path) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each file that matters, in the order of the names."""
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.is_file() and _matters(file.name))
        yield from ((str(file), _unpacked(file.name, file.read_bytes())) for file in files)
    elif not path.is_file():
        raise InputError(
            f"there is no {path}", mend="Name a .jsonl file, a folder of them or a zip."
        )
    elif path.suffix == ".zip":
        yield from _zipped(path)
    elif path.name.endswith(_SUFFIXES):
        yield str(path), _unpacked(str(path), path.read_bytes())
    else:
        raise InputError(
            f"{path} is neither a folder nor .jsonl, .jsonl.gz or .zip",
            mend="Name a .jsonl file, a folder of them or a zip.",
        )


def _zipped(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(path) as archive:
            for name in sorted(archive.namelist()):
                if _matters(name):
                    yield f"{path}/{name}", _unpacked(f"{path}/{name}", archive.read(name))
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError) as error:
        raise InputError(  # RuntimeError: a password; NotImplementedError: a rare compression
            f"{path} cannot be unpacked: {error}", mend="Fetch it again, or unpack it to a folder."
        ) from None


def _matters(name: str) -> bool:
    file = PurePosixPath(name)
    is_ours = file.name == _GROUPS or file.name.endswith(_SUFFIXES)
    return is_ours and not file.name.startswith(".") and "__MACOSX" not in file.parts


def _unpacked(name: str, data: bytes) -> bytes:
    if not name.endswith(".gz"):
        return data
    try:
        return gzip.decompress(data)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{name} cannot be unpacked: {error}", mend="Fetch it again.") from None


def _refuse_doubles(contents: Mapping[str, bytes]) -> None:
    seen: dict[str, str] = {}
    for name in contents:
        other = seen.setdefault(name.removesuffix(".gz"), name)
        if other != name:
            raise InputError(
                f"{other} and {name} are one file, packed and unpacked",
                why="Its pairs would count twice.",
                mend="Remove one of them.",
            )


def _read_groups(name: str, data: bytes) -> dict[str, str]:
    rows = csv.DictReader(io.StringIO(_text(name, data)))
    if not {"UID", "group"} <= set(rows.fieldnames or ()):
        raise InputError(
            f"{name} has no columns UID and group",
            why=f"A file of this name says which group a UID belongs to. It has {rows.fieldnames}.",
            mend="Add the columns, or give the file another name.",
        )
    return {row["UID"]: row["group"] for row in rows if row["UID"] and row["group"]}


def _read_file(name: str, data: bytes, groups: Mapping[str, str]) -> Iterator[Pair]:
    uid = PurePosixPath(name).name.removesuffix(".gz").removesuffix(".jsonl")
    # Not splitlines(): sentences may hold U+2028 and the like, which do not end a line of JSON.
    lines = _text(name, data).split("\n")
    if not any(line.strip() for line in lines):
        raise InputError(f"{name} is empty", mend="Fetch it again, or remove it.")
    for number, line in enumerate(lines):
        if line.strip():
            yield _pair(line, f"{name}:{number + 1}", uid, str(number), groups)


def _text(name: str, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{name}:{line}: is not UTF-8", mend="Fetch it again.") from None


def _pair(line: str, where: str, uid: str, number: str, groups: Mapping[str, str]) -> Pair:
    try:
        row = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputError(
            f"{where}: is not JSON: {error}", why="Each line holds one pair as a JSON object."
        ) from None
    if not isinstance(row, dict):
        raise InputError(f"{where}: is {type(row).__name__}, not an object with a pair's keys")
    uid = _value(row, "UID", str, where, default=uid)
    term = _value(row, "linguistics_term", str, where, default=uid)
    return Pair(
        uid=uid,
        pair_id=str(row.get("pairID", row.get("pair_id", number))),
        group=groups.get(uid, _GROUP_OF_TERM.get(term, term)),
        term=term,
        good=_sentence(row, "sentence_good", where),
        bad=_sentence(row, "sentence_bad", where),
        novel=_value(row, "novel", bool, where, default=None),
    )


def _value(row: Mapping[str, Any], key: str, kind: type, where: str, *, default: Any) -> Any:
    value = row.get(key, default)
    if key in row and not isinstance(value, kind):
        raise InputError(f"{where}: {key} is {value!r}, not of type {kind.__name__}")
    return value


def _sentence(row: Mapping[str, Any], key: str, where: str) -> str:
    if key not in row:
        raise InputError(
            f"{where}: has no {key}",
            why=f"A pair has sentence_good and sentence_bad; this line has {', '.join(row)}.",
        )
    sentence: str = _value(row, key, str, where, default="")
    if not sentence.strip():
        raise InputError(f"{where}: {key} is empty", why="No text has no likelihood.")
    if not sentence.isascii() and any("\ud800" <= letter <= "\udfff" for letter in sentence):
        raise InputError(f"{where}: {key} holds half a character (a lone surrogate)")
    return sentence
