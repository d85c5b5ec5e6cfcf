"""What a training writes besides its checkpoints, with the hash of every file.

The best model, models along the way, past epochs' weights and the log become part of the finished
model or decide it. A checkpoint lists them, so that a resumed training uses no damaged file.
"""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from babyllama.runs.files import hash_file
from babyllama.runs.layout import TRAINING_LOG


def hashes(out: Path, paths: Iterable[Path]) -> dict[str, str]:
    """The sha256 of every file in some files and folders, by its path from `out`."""
    return {
        file.relative_to(out).as_posix(): hash_file(file)
        for path in paths
        for file in (sorted(path.iterdir()) if path.is_dir() else [path])
    }


def damage(out: Path, written: Mapping[str, str]) -> str:
    """The first file that is missing or has changed, in words; "" if there is none."""
    for name, sha256 in written.items():
        path = out / name
        if not path.is_file():
            return f"{path} is missing"
        if hash_file(path) != sha256:
            return f"{path} has changed since it was written"
    return ""


def log_so_far(out: Path) -> dict[str, int | str]:
    """The length of the log as it is now, and the hash of that much of it."""
    path = out / TRAINING_LOG
    size = path.stat().st_size if path.exists() else 0
    return {"bytes": size, "sha256": _hash_of_log(path, size)}


def log_damage(out: Path, before: Mapping[str, int | str]) -> str:
    """Whether the beginning of the log has changed, in words; "" if it has not."""
    path = out / TRAINING_LOG
    is_same = _hash_of_log(path, int(before["bytes"])) == before["sha256"]
    return "" if is_same else f"{path} has changed since it was written"


def _hash_of_log(path: Path, size: int) -> str:
    if not size:
        return hashlib.sha256().hexdigest()
    if not path.exists():
        return ""
    with path.open("rb") as file:
        return hashlib.sha256(file.read(size)).hexdigest()
