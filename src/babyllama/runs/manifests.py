"""The manifest of a finished folder: what made it, from which inputs, and the hash of every file.

A folder is complete when, and only when, it holds `manifest.json`; `artefact` writes it last. Here
it is read, and compared with the files.
"""

import json
import platform
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from babyllama.recipe import names
from babyllama.runs.files import digest_of_json, hash_file, write_json
from babyllama.runs.layout import FIDELITY, FRONTIER, TRACKERS, TRAINING_LOG

MANIFEST = f"{names.MANIFEST}.json"
# Files that say how a model or signal was made. They do not count for what was made.
_NOT_IN_DIGEST = {TRAINING_LOG, FIDELITY, FRONTIER, TRACKERS}
_IN_EVERY_MANIFEST = {"stage", "version", "recipe", "inputs", "seed", "files"}
_UNREADABLE = "unreadable"


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest of a complete folder; None without one.

    A damaged manifest is returned without files: see `is_readable`. A `manifest.json` of another
    program does not make a folder complete.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError:  # neither JSON nor UTF-8
        return {"stage": _UNREADABLE, "files": {}}
    is_ours = isinstance(manifest, dict) and manifest.keys() >= _IN_EVERY_MANIFEST
    return manifest if is_ours else None


def is_readable(manifest: Mapping[str, Any]) -> bool:
    """Whether `read_manifest` could read the file."""
    return manifest.get("stage") != _UNREADABLE


def damaged(
    folder: Path, manifest: Mapping[str, Any], *, changed_only: bool = False
) -> Iterator[str]:
    """One line for each file that differs from its entry in the manifest.

    Args:
        changed_only: hash only files that were written after the manifest, which is fast. Bit rot
            shows only in a full check.
    """
    written = (folder / MANIFEST).stat().st_mtime_ns
    if not is_readable(manifest):
        yield f"{folder / MANIFEST} cannot be read"
    for name, record in manifest["files"].items():
        path = folder / name
        if not path.is_file():
            yield f"{path} is missing"
        elif path.stat().st_size != record["size"]:
            yield f"{path} has {path.stat().st_size} bytes where its manifest says {record['size']}"
        elif changed_only and path.stat().st_mtime_ns <= written:
            continue
        elif hash_file(path) != record["sha256"]:
            yield f"{path} has changed since it was written: checksum mismatch"


def touch_damaged(folder: Path, found: Sequence[str]) -> None:
    """Give the files that `damaged` named a new date, so that the next `status` hashes them.

    Bit rot changes no date: without this the command that made the folder would not find it.
    """
    for path in folder.rglob("*") if found else ():
        if any(line.startswith(f"{path} ") for line in found):
            with suppress(OSError):  # a read-only folder
                path.touch()


def verify(folder: Path) -> dict[Path, list[str]]:
    """Hash all files of all finished artefacts in a folder again.

    Returns:
        for each artefact, one line for each damaged file; no line if it is undamaged.
    """
    found = {}
    for path in sorted(folder.rglob(MANIFEST)):
        manifest = read_manifest(path.parent)
        if manifest is not None:
            found[path.parent] = list(damaged(path.parent, manifest))
            touch_damaged(path.parent, found[path.parent])
    return found


def digest(path: Path) -> str:
    """Identify an input: by its manifest's files, or by the contents of a file or plain folder.

    Folders with the same files are the same input, whichever stages made them; how fast a model was
    trained does not count. Links to files and folders count as what they point to. An input that
    does not exist has the digest "", which no finished folder records.
    """
    manifest = read_manifest(path) if path.is_dir() else None
    if manifest is not None and is_readable(manifest):
        files = {
            name: record["sha256"]
            for name, record in manifest["files"].items()
            if name.partition("/")[0] not in _NOT_IN_DIGEST
        }
    elif path.is_dir():
        files = {file.relative_to(path).as_posix(): hash_file(file) for file in files_in(path)}
    elif path.is_file():
        files = {"": hash_file(path)}
    else:
        return ""
    return digest_of_json(files)


def files_in(folder: Path, above: tuple[Path, ...] = ()) -> Iterator[Path]:
    """All files below a folder, those of linked folders too: readers follow links as well."""
    here = folder.resolve()
    if here in above:  # a link to a folder above it
        return
    for path in folder.iterdir():
        if path.is_dir():
            yield from files_in(path, (*above, here))
        elif path.is_file():
            yield path


def versions() -> dict[str, str]:
    """Versions of what decides the numbers: recorded, never compared."""
    packages = ("babyllama", "torch", "transformers", "tokenizers", "numpy")
    return {"python": platform.python_version(), **{p: metadata.version(p) for p in packages}}


def write_manifest(folder: Path, content: Mapping[str, Any], *, leave_out: Collection[str]) -> None:
    """Hash every file of a folder and write its manifest.

    Args:
        content: what the manifest says besides.
        leave_out: files and folders directly in the folder that are not part of it.
    """
    files = {
        path.relative_to(folder).as_posix(): {
            "sha256": hash_file(path),
            "size": path.stat().st_size,
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).parts[0] not in leave_out
    }
    write_json(folder / MANIFEST, {**content, "versions": versions(), "files": files})
