"""Save each slow result as soon as it is made: a killed command resumes after the last one.

A result is a JSON file that holds what decided it (its key), what was found, and checksums. It is
reused while the key is the same and nothing is damaged; otherwise it is made again. Large results
that resume in their middle, such as trainings, are stages: see `artefact`.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from babyllama.runs.artefact import Facts
from babyllama.runs.files import digest_of_json, hash_file, write_atomically

_FILES, _CHECKSUM = "files", "sha256"


def kept(
    path: Path,
    key: Mapping[str, Any],
    make: Callable[[], Facts],
    *,
    field: str = "result",
    files: Sequence[Path] = (),
) -> Facts:
    """The saved result for a key; if there is none, make it and save it.

    Args:
        path: the file in which the result is kept.
        key: everything that decides the result, as JSON: the file holds its fields.
        make: called if `path` does not hold the result for this key, or if it or one of `files` is
            damaged or missing.
        field: the result's field in the file.
        files: what `make` writes besides.

    Returns:
        the result as it is read from the file, whether it was made now or before.
    """
    found = read_kept(path, key, field=field, files=files)
    if found is None:
        found = make()
        checksums = _checksums(files)
        assert checksums is not None, f"{make} has not written all of {files}"
        record = as_json({**key, field: found, **({_FILES: checksums} if files else {})})
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({**record, _CHECKSUM: digest_of_json(record)}, indent=1)
        write_atomically(path, text + "\n")
        found = record[field]
    return found


def read_kept(
    path: Path, key: Mapping[str, Any], *, field: str = "result", files: Sequence[Path] = ()
) -> Facts | None:
    """The saved result for a key; None if it is missing, or if it or a file is damaged."""
    record = read_undamaged(path) or {}
    found: Facts | None = record.pop(field, None)
    has_files = record.pop(_FILES, []) == _checksums(files)
    return found if has_files and record == as_json(key) else None


def read_undamaged(path: Path) -> Facts | None:
    """The full contents of a result's file, key included; None if it is missing or damaged."""
    try:
        record = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    if not isinstance(record, dict) or record.pop(_CHECKSUM, None) != digest_of_json(record):
        return None
    return record


def parts_folder(out: Path) -> Path:
    """Where a command that writes the file `out` keeps its results until all are made."""
    return out.with_name(f"{out.name}.parts")


def as_json(value: Mapping[str, Any]) -> Facts:
    """A mapping as it comes back from a JSON file: tuples are lists, keys are strings."""
    read: Facts = json.loads(json.dumps(value))
    return read


def _checksums(files: Sequence[Path]) -> list[str] | None:
    """Of files, in their order; None if one is missing."""
    return [hash_file(file) for file in files] if all(file.is_file() for file in files) else None
