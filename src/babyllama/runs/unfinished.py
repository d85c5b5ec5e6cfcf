"""What an unfinished folder holds besides its results, until it is finished.

`work.json` says what the folder is being made from and how long that has taken. SCRATCH holds what
the build resumes from, and may hold a record of each result that is ready: its hash, and what it
was made from. So no result is used that was damaged or written by another process.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from babyllama.errors import InputError
from babyllama.recipe import names
from babyllama.runs.files import hash_file, write_json
from babyllama.runs.manifests import MANIFEST

SCRATCH = "checkpoints"
WORK = f"{names.WORK}.json"


def write_work(partial: Path, key: Mapping[str, Any], seconds: float) -> None:
    """Note what an unfinished folder is made from, and the time spent on it so far."""
    write_json(partial / WORK, {"key": key, "wall_seconds": seconds})


def read_work(partial: Path) -> dict[str, Any]:
    """The `key` of an unfinished folder and its `wall_seconds`; empty if missing or damaged."""
    work = _read(partial / WORK)
    key = work.get("key")
    is_work = (
        isinstance(work.get("wall_seconds"), int | float)
        and isinstance(key, dict)
        and key.keys() == {"stage", "version", "recipe", "inputs", "seed"}
        and all(isinstance(key[name], dict) for name in ("recipe", "inputs"))
    )
    return work if is_work else {}


def record(path: Path, sha256: str, made_from: str = "") -> None:
    """Record the hash of a result that gets its name next, so that a later process can check it.

    Args:
        made_from: a digest of what the result was made from. Without it, the result counts as
            made from the same as the folder.
    """
    file = _record_of(path)
    file.parent.mkdir(exist_ok=True)
    write_json(file, {"sha256": sha256, "made_from": made_from})


def fault(path: Path, made_from: str) -> str:
    """Why a result of an unfinished folder cannot be used, in words; "" if it can."""
    recorded = _read(_record_of(path))
    if not recorded:
        return f"{path} has no record of its checksum"
    if is_foreign(path, made_from):
        return f"{path} was written for other inputs"
    if hash_file(path) != recorded.get("sha256"):
        return f"{path} has changed since it was written"
    return ""


def is_foreign(path: Path, made_from: str) -> bool:
    """Whether a result was made from something else, as by a process of an earlier command."""
    return _read(_record_of(path)).get("made_from", "") not in ("", made_from)


def refuse_unrecorded(folder: Path, files: Mapping[str, Mapping[str, Any]]) -> None:
    """Compare the files of a manifest with their records, before the folder is complete.

    Raises:
        InputError: a file has changed since it was written. The manifest is removed.
    """
    recorded = {name: _read(_record_of(folder / name)) for name in files}
    made_from = {each["made_from"] for each in recorded.values() if each.get("made_from")}
    for name, each in recorded.items():
        if each and (each.get("sha256") != files[name]["sha256"] or len(made_from) > 1):
            (folder / MANIFEST).unlink()
            raise InputError(
                f"{folder / name} has changed since it was written",
                why="The disk is failing, or a process of an earlier command wrote to the folder.",
                mend="Run the same command again: it makes this file again.",
            )


def _record_of(path: Path) -> Path:
    return path.parent / SCRATCH / f"{path.name}.record"


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
