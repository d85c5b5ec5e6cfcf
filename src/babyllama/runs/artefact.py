"""What a finished folder is: a manifest written last, hashes, and completion in one rename.

A folder is complete when, and only when, it holds `manifest.json`. Work goes on in
`NAME.partial` beside it; the finished folder takes the name in one rename, and the one that it
replaces is kept until then. Nothing here knows what a stage computes.
"""

import hashlib
import json
import os
import platform
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatch
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from babyllama.recipe import decisive_fields, names
from babyllama.runs.layout import FIDELITY, FRONTIER, TRACKERS, TRAINING_LOG

MANIFEST = f"{names.MANIFEST}.json"
_WORK = f"{names.WORK}.json"
# How fast a model was made, how close a signal comes: not what they are.
_ABOUT = {TRAINING_LOG, FIDELITY, FRONTIER, TRACKERS}
SCRATCH = "checkpoints"  # what an unfinished build goes on from; gone when the folder is complete
_IN_EVERY_MANIFEST = {"stage", "version", "recipe", "inputs", "seed", "files"}
Facts = dict[str, Any]


@dataclass(frozen=True)
class Stage:
    """One folder to be made, and everything that decides what is in it.

    Attributes:
        name: what a person calls it: `teachers/llama`.
        kind: which code makes it, with `version`, an integer raised only when the same recipe and
            inputs would give an output that means something else.
        recipe: its own part of the recipe.
        inputs: what it reads; folders with a manifest are known by it, others by their contents.
        build: fills the folder it is given, and says facts worth keeping. It may be called again
            on a folder that it left unfinished; what it needs for that alone lies in SCRATCH.
        reusable: a pattern of files, each of which `build` makes alone: when a folder is damaged,
            those that are whole are kept, so that the others alone are made again.
        together: whether every process that a launcher started takes part in `build`; the first
            makes the other stages alone.
    """

    name: str
    out: Path
    kind: str
    version: int
    recipe: BaseModel
    inputs: Mapping[str, Path]
    build: Callable[[Path], Facts] = field(repr=False)
    seed: int = 0
    reusable: str | None = None
    together: bool = False

    def key(self) -> dict[str, Any]:
        """What a manifest must repeat for the folder to be taken as this stage's output."""
        return {
            "stage": self.kind,
            "version": self.version,
            "recipe": decisive_fields(self.recipe),
            "inputs": {name: digest(path) for name, path in self.inputs.items()},
            "seed": self.seed,
        }


@dataclass(frozen=True)
class Status:
    """Whether a stage's folder can be used as it stands; if not, why."""

    state: Literal["complete", "missing", "unfinished", "stale", "damaged"]
    reason: str = ""


def status(stage: Stage) -> Status:
    """Compare a folder with its stage, reading again only files that changed since they were made.

    Returns:
        `stale` names the field or the input that differs; `damaged` names the file, which may be
        the manifest itself.
    """
    manifest = read_manifest(stage.out)
    if manifest is None:
        return _unfinished(stage)
    other = "" if _is_unreadable(manifest) else _difference(manifest, stage.key())
    if other:
        return Status("stale", other)
    damage = next(damaged(stage.out, manifest, changed_only=True), None)
    return Status("damaged", damage) if damage else Status("complete")


def complete(stage: Stage, announce: Callable[[Stage, Status], None] = lambda *_: None) -> Path:
    """Make the stage's folder unless it is there already; returns it.

    A killed build is taken up where it was if it was of the same recipe and inputs, else begun
    anew. The folder that is replaced stays until the new one has a manifest.
    """
    partial = partial_folder(stage.out)
    _finish_interrupted_rename(stage.out)
    now = status(stage)
    announce(stage, now)
    if now.state == "complete":
        return stage.out
    key = stage.key()
    if _is_made(partial, key):  # and killed before the first rename
        _replace(stage.out, partial)
        return stage.out
    earlier = _start_or_go_on(partial, key)
    if now.state == "damaged" and stage.reusable:
        _keep_whole(stage.out, partial, stage.reusable)
    started = time.monotonic()
    try:
        facts = stage.build(partial)
    finally:
        spent = earlier + time.monotonic() - started
        _write_json(partial / _WORK, {"key": key, "wall_seconds": spent})
    # The manifest first: hashing takes minutes, and a kill then must not cost the whole build.
    _write_manifest(partial, key, facts, wall_seconds=spent)
    _replace(stage.out, partial)
    return stage.out


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest of a complete folder, or None; a broken one names no file.

    Another program's `manifest.json` does not make a folder complete.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError:  # neither JSON nor UTF-8
        return {"stage": "unreadable", "files": {}}
    is_ours = isinstance(manifest, dict) and manifest.keys() >= _IN_EVERY_MANIFEST
    return manifest if is_ours else None


def damaged(
    folder: Path, manifest: Mapping[str, Any], *, changed_only: bool = False
) -> Iterator[str]:
    """One line for each file that is not what the manifest says.

    Args:
        changed_only: re-hash only files written after the manifest, which takes no time on a
            folder that nobody touched. Bit rot shows only in a full check.
    """
    written = (folder / MANIFEST).stat().st_mtime_ns
    if _is_unreadable(manifest):
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
            yield f"{path} has changed since it was written: its sha256 is another"


def look_again(folder: Path, found: Sequence[str]) -> None:
    """Date the files anew that `damaged` named, so that the next `status` hashes them.

    Bit rot changes no date; without this the command that made the folder would not see it.
    """
    for path in folder.rglob("*") if found else ():
        if any(line.startswith(f"{path} ") for line in found):
            with suppress(OSError):  # a folder that is only read
                path.touch()


def verify(folder: Path) -> dict[Path, list[str]]:
    """Hash every file of every finished artefact in a folder again.

    Returns:
        for each artefact, one line for each file that is damaged; none when it is whole.
    """
    found = {}
    for path in sorted(folder.rglob(MANIFEST)):
        manifest = read_manifest(path.parent)
        if manifest is not None:
            found[path.parent] = list(damaged(path.parent, manifest))
            look_again(path.parent, found[path.parent])
    return found


def digest(path: Path) -> str:
    """What identifies an input: a manifest's files, or the contents of a file or plain folder.

    Two folders made by different stages with the same files are the same input; how fast a model
    was trained does not count. An input that is not there yet has the digest "", which no built
    folder records.
    """
    manifest = read_manifest(path) if path.is_dir() else None
    if manifest is not None and not _is_unreadable(manifest):
        files = {
            name: record["sha256"]
            for name, record in manifest["files"].items()
            if name.partition("/")[0] not in _ABOUT
        }
    elif path.is_dir():
        files = {
            file.relative_to(path).as_posix(): hash_file(file)
            for file in sorted(path.rglob("*"))
            if file.is_file()
        }
    elif path.is_file():
        files = {"": hash_file(path)}
    else:
        return ""
    return hashlib.sha256(_canonical(files)).hexdigest()


def hash_file(path: Path) -> str:
    """sha256 of a file, in constant memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_atomically(path: Path, text: str) -> None:
    """Replace a file's contents so that a reader, or a crash, sees the old or the new whole."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)  # there only if it was not written whole


def difference(was: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """The first leaf in which two trees differ, in words; "" when they agree."""
    before, after = dict(_leaves(was)), dict(_leaves(now))
    for name in [*after, *before]:
        if before.get(name) != after.get(name):
            return f"{name} was {before.get(name)}, now {after.get(name)}"
    return ""


def partial_folder(out: Path) -> Path:
    """Where a folder is worked on before it is complete."""
    return out.with_name(out.name + ".partial")


def _replaced(out: Path) -> Path:
    return out.with_name(out.name + ".replaced")


def _is_unreadable(manifest: Mapping[str, Any]) -> bool:
    return manifest.get("stage") == "unreadable"


def _is_made(partial: Path, key: Mapping[str, Any]) -> bool:
    manifest = read_manifest(partial)
    return manifest is not None and not _difference(manifest, key)


def _unfinished(stage: Stage) -> Status:
    partial = partial_folder(stage.out)
    if not partial.exists():
        return Status("missing", "is new")
    key, was = stage.key(), _work(partial).get("key")
    if was == key or _is_made(partial, key):
        return Status("unfinished", "goes on")
    other = _difference(was, key) if was else "it does not say what it is"
    return Status("missing", f"anew, since what was begun is of another recipe: {other}")


def _work(partial: Path) -> dict[str, Any]:
    """What an unfinished folder says of itself; nothing if it is not there or cut short."""
    try:
        work = json.loads((partial / _WORK).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return work if isinstance(work, dict) and work.keys() >= {"key", "wall_seconds"} else {}


def _start_or_go_on(partial: Path, key: Mapping[str, Any]) -> float:
    """Prepare the partial folder; returns the seconds that earlier attempts spent on it."""
    work = _work(partial)
    if work and work["key"] == key:
        return float(work["wall_seconds"])
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    _write_json(partial / _WORK, {"key": key, "wall_seconds": 0.0})
    return 0.0


def _keep_whole(out: Path, partial: Path, pattern: str) -> None:
    """Link the files of a damaged folder that are what its manifest says."""
    manifest = read_manifest(out)
    for name, record in (manifest or {"files": {}})["files"].items():
        path, kept = out / name, partial / name
        if not fnmatch(name, pattern) or kept.exists() or not path.is_file():
            continue
        if path.stat().st_size == record["size"] and hash_file(path) == record["sha256"]:
            try:
                os.link(path, kept)
            except OSError:  # a file system without hard links
                shutil.copy2(path, kept)


def _finish_interrupted_rename(out: Path) -> None:
    """A kill between the two renames leaves a complete partial folder: let it take its name."""
    if not out.exists() and (partial_folder(out) / MANIFEST).exists():
        _replace(out, partial_folder(out))
    if (out / MANIFEST).exists():
        shutil.rmtree(_replaced(out), ignore_errors=True)
    elif _replaced(out).exists() and not out.exists():
        _replaced(out).rename(out)


def _replace(out: Path, partial: Path) -> None:
    shutil.rmtree(partial / SCRATCH, ignore_errors=True)
    (partial / _WORK).unlink(missing_ok=True)
    if out.exists():
        shutil.rmtree(_replaced(out), ignore_errors=True)
        out.rename(_replaced(out))
    partial.rename(out)
    shutil.rmtree(_replaced(out), ignore_errors=True)


def _write_manifest(folder: Path, key: Mapping[str, Any], facts: Facts, **more: Any) -> None:
    files = {
        path.relative_to(folder).as_posix(): {
            "sha256": hash_file(path),
            "size": path.stat().st_size,
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / _WORK and folder / SCRATCH not in path.parents
    }
    _write_json(
        folder / MANIFEST,
        {**key, "facts": facts, **more, "versions": versions(), "files": files},
    )


def versions() -> dict[str, str]:
    """Versions of what decides the numbers: recorded, never compared."""
    packages = ("babyllama", "torch", "transformers", "tokenizers", "numpy")
    return {"python": platform.python_version(), **{p: metadata.version(p) for p in packages}}


def _difference(manifest: Mapping[str, Any], key: Mapping[str, Any]) -> str:
    """The first thing in which a manifest and a key differ, in words; "" when they agree."""
    for name in ("stage", "version", "seed"):
        if manifest.get(name) != key[name]:
            return f"{name} was {manifest.get(name)}, now {key[name]}"
    if other := difference(manifest["recipe"], key["recipe"]):
        return other
    for name in [*key["inputs"], *manifest["inputs"]]:
        if manifest["inputs"].get(name) != key["inputs"].get(name):
            return f"its input {name} is another"
    return ""


def _leaves(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(tree, Mapping):
        for name, branch in tree.items():
            yield from _leaves(branch, f"{path}.{name}" if path else name)
    else:
        yield path, tree


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=True).encode()


def _write_json(path: Path, value: Any) -> None:
    write_atomically(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")
