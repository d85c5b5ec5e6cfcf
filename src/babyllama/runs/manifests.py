"""The manifest of a finished folder: what made it, from which inputs, and the hash of every file.

A folder is complete when, and only when, it holds `manifest.json`; `artefact` writes it last. Here
it is read, and compared with the files. It has a checksum of its own, and the dates of the files:
a file whose date is as recorded need not be hashed to see that nobody wrote to it.
"""

import json
import platform
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatch
from importlib import metadata
from pathlib import Path
from typing import Any

from babyllama.errors import InputError
from babyllama.recipe import names
from babyllama.runs.files import digest_of_json, hash_file, is_temporary, write_json
from babyllama.runs.layout import (
    CARD,
    EVAL_RESULTS,
    FIDELITY,
    FRONTIER,
    LEAKS,
    LINGUISTICS,
    REMOVED,
    TRACKERS,
    TRAINING_LOG,
)

MANIFEST = f"{names.MANIFEST}.json"
# Logs, measurements and statistics. What is made from a folder does not depend on them.
_NOT_IN_DIGEST = {
    TRAINING_LOG, FIDELITY, FRONTIER, TRACKERS, LINGUISTICS, LEAKS, REMOVED,
}  # fmt: skip
# What a model's folder says of itself: written after the manifest, and edited by people.
_CARD = {CARD, EVAL_RESULTS}
_IN_EVERY_MANIFEST = {"stage", "version", "recipe", "inputs", "seed", "files"}
_CHECKSUM, _DATES = "sha256", "written_ns"
# All fields of the manifests of earlier versions, which have no checksum.
_FIELDS = _IN_EVERY_MANIFEST | {"facts", "wall_seconds", "versions"}
_UNREADABLE = "unreadable"
# What locks and other programs leave in a folder, and no stage reads.
_NOT_OURS = (".lock", ".holder", ".DS_Store", "Thumbs.db", ".nfs*")


def write_manifest(
    folder: Path, content: Mapping[str, Any], *, leave_out: Collection[str]
) -> dict[str, dict[str, Any]]:
    """Hash every file of a folder and write its manifest; returns its entries, by file.

    Args:
        content: what the manifest says besides.
        leave_out: files and folders directly in the folder that are not part of it.
    """
    files, dates = {}, {}
    leave_out = {*leave_out, MANIFEST}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and name.parts[0] not in leave_out and not is_temporary(path):
            found = path.stat()
            files[name.as_posix()] = {"sha256": hash_file(path), "size": found.st_size}
            dates[name.as_posix()] = found.st_mtime_ns
    written = {**content, "versions": versions(), "files": files, _DATES: dates}
    written = json.loads(json.dumps(written))  # as it will be read: the keys of JSON are strings
    write_json(folder / MANIFEST, {**written, _CHECKSUM: digest_of_json(written)})
    return files


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest of a complete folder; None without one.

    A damaged manifest is returned without files: see `is_readable`. A `manifest.json` of another
    program does not make a folder complete.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, RecursionError):  # neither JSON nor UTF-8, or a bad disk
        return {"stage": _UNREADABLE, "files": {}}
    if not isinstance(manifest, dict):
        return None
    if _is_sound(manifest):
        return manifest
    # If the name of one field is damaged, the others are still there.
    is_ours = len(manifest.keys() & _FIELDS) > len(_FIELDS) // 2
    return {"stage": _UNREADABLE, "files": {}} if is_ours else None


def is_readable(manifest: Mapping[str, Any]) -> bool:
    """Whether `read_manifest` could read the file, and its checksum is right."""
    return manifest.get("stage") != _UNREADABLE


def damaged(
    folder: Path, manifest: Mapping[str, Any], *, changed_only: bool = False
) -> Iterator[str]:
    """One line for each file that differs from its entry in the manifest.

    Args:
        changed_only: hash only files that were written since, by their dates, which is fast. Bit
            rot shows only in a full check.
    """
    if not is_readable(manifest):
        yield f"{folder / MANIFEST} cannot be read or has changed since it was written"
        return
    dates = manifest.get(_DATES)
    sealed = _date_of_manifest(folder)
    for name, record in manifest["files"].items():
        path = folder / name
        if is_temporary(path):  # sealed by an earlier version
            continue
        try:
            found = path.stat() if path.is_file() else None
            if found is None:
                yield f"{path} is missing"
                continue
            is_old = found.st_mtime_ns <= sealed if dates is None else (
                found.st_mtime_ns == dates.get(name)
            )  # fmt: skip
            if found.st_size != record["size"]:
                size = record["size"]
                yield f"{path} has {found.st_size} bytes where its manifest says {size}"
            elif not (changed_only and is_old) and hash_file(path) != record["sha256"]:
                yield f"{path} has changed since it was written: checksum mismatch"
        except OSError as error:
            yield f"{path} cannot be read: {error.strerror}"


def added(folder: Path, manifest: Mapping[str, Any]) -> list[Path]:
    """Files of a finished folder that are not in its manifest: a later stage might read them.

    A model's card is no such file.
    """
    if not is_readable(manifest):
        return []
    expected = _CARD if manifest["stage"] in names.TRAININGS else set()
    own = {path: path.relative_to(folder) for path in _own_files(folder)}
    return [
        path
        for path, inside in own.items()
        if inside.as_posix() not in manifest["files"] and inside.parts[0] not in expected
    ]


def inner_folders(folder: Path, manifest: Mapping[str, Any]) -> list[Path]:
    """The finished and unfinished folders inside a finished folder that are no part of it."""
    own = {parent for name in manifest["files"] for parent in Path(name).parents}
    return [each for each in _inner_folders(folder) if each.relative_to(folder) not in own]


def touch_damaged(folder: Path, found: Sequence[str]) -> None:
    """Give the files that `damaged` named a new date, so that the next `status` hashes them.

    Bit rot changes no date: without this the command that made the folder would not find it.
    """
    for path in folder.rglob("*") if found else ():
        if any(line.startswith(f"{path} ") for line in found):
            with suppress(OSError):  # a read-only folder
                path.touch()


def refuse_damaged_input(path: Path) -> None:
    """Check an input that a stage has written, or that is part of a finished folder.

    Only files that were written since are hashed. An input without a manifest is not checked.

    Raises:
        InputError: names a file that has changed, is missing or was added.
    """
    for folder in [path, *path.absolute().parents[:3]]:
        manifest = read_manifest(folder)
        if manifest is not None:
            break
    else:
        return
    inside = path.absolute()
    lines = damaged(folder, manifest, changed_only=True)
    ours = (line for line in lines if folder == path or line.startswith(str(inside)))
    if line := next(ours, ""):
        raise InputError(
            line,
            why="What is made from it would differ from what the manifest says it was made from.",
            mend=f"Make {folder} again: run the command that made it.",
        )
    for extra in added(folder, manifest):
        if inside in extra.absolute().parents:
            raise InputError(
                f"{extra} is not in the manifest of {folder}",
                why="It was added after the folder was finished, and might be read with it.",
                mend="Move it to another folder.",
            )


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
        files = {
            file.relative_to(path).as_posix(): hash_file(file)
            for file in files_in(path)
            if not is_temporary(file)
        }
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


def _is_sound(manifest: Mapping[str, Any]) -> bool:
    """Whether a manifest's checksum is right; earlier versions wrote none, then its form."""
    if not manifest.keys() >= _IN_EVERY_MANIFEST:
        return False
    rest = {name: value for name, value in manifest.items() if name != _CHECKSUM}
    if _CHECKSUM in manifest or not manifest.keys() <= _FIELDS:
        return manifest.get(_CHECKSUM) == digest_of_json(rest)
    trees = [manifest[name] for name in ("recipe", "inputs", "files")]
    return all(isinstance(tree, dict) for tree in trees) and all(
        isinstance(record, dict)
        and isinstance(record.get("sha256"), str)
        and isinstance(record.get("size"), int)
        for record in manifest["files"].values()
    )


def _date_of_manifest(folder: Path) -> int:
    """When a folder was finished; 0 if the date lies in the future and says nothing."""
    try:
        date = (folder / MANIFEST).stat().st_mtime_ns
    except OSError:  # replaced meanwhile
        return 0
    return date if date <= time.time_ns() else 0


def _own_files(folder: Path) -> Iterator[Path]:
    """The files of a folder, without those of finished or unfinished folders inside it."""
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            if not _is_of_a_stage(path):
                yield from _own_files(path)
        elif not (
            path == folder / MANIFEST
            or is_temporary(path)
            or any(fnmatch(path.name, each) for each in _NOT_OURS)
        ):
            yield path


def _inner_folders(folder: Path) -> Iterator[Path]:
    """The outermost finished and unfinished folders inside a folder."""
    for path in sorted(each for each in folder.iterdir() if each.is_dir()):
        if _is_of_a_stage(path):
            yield path
        elif not path.is_symlink():
            yield from _inner_folders(path)


def _is_of_a_stage(folder: Path) -> bool:
    return any((folder / f"{name}.json").exists() for name in (names.MANIFEST, names.WORK))
