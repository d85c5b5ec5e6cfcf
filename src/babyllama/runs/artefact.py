"""A stage's folder: built in a partial folder, then completed by a manifest and one rename.

A stage fills `NAME.partial` beside the folder. The finished folder takes its name in one rename,
and the folder that it replaces is kept until then. A build resumes inside its partial folder, which
holds anything from token streams to checkpoints; `kept` is for results that are made in one go.
Nothing here knows what a stage computes.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from babyllama.errors import InputError
from babyllama.recipe import decisive_fields
from babyllama.runs.aside import keep, kept, set_aside_added, take_back
from babyllama.runs.durable import flush, flush_all
from babyllama.runs.files import hash_file, naming, remove_temporary
from babyllama.runs.manifests import (
    MANIFEST,
    damaged,
    digest,
    is_readable,
    read_manifest,
    refuse_damaged_input,
    write_manifest,
)
from babyllama.runs.unfinished import (
    SCRATCH,
    WORK,
    read_work,
    record,
    refuse_unrecorded,
    write_work,
)

_PARTIAL, _REPLACED = ".partial", ".replaced"
Facts = dict[str, Any]


@dataclass(frozen=True)
class Stage:
    """A folder to make, and everything that decides its contents.

    Attributes:
        name: shown to the user: `teachers/llama`.
        kind: which code makes it.
        version: raised only when the same recipe and inputs give an output of another meaning.
        recipe: its own part of the recipe.
        inputs: what it reads: a folder with a manifest is identified by that, others by contents.
        build: fills the folder that it is given, and returns facts for the manifest. It may be
            called again on a folder that it left unfinished; what only that needs is in SCRATCH.
        reusable: a pattern of files that `build` makes one by one: those of a damaged folder that
            are undamaged are kept, so that only the others are made again.
        may_be_gone: inputs that a finished folder is compared with only while they exist.
        keeps: whether a finished folder that a change replaces is kept beside the new one.
        together: whether all processes that a launcher started take part in `build`; otherwise the
            first makes the stage alone.
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
    may_be_gone: frozenset[str] = frozenset()
    keeps: bool = False
    together: bool = False

    def missing_inputs(self) -> dict[str, Path]:
        """The inputs that may be gone and are gone."""
        return {
            name: self.inputs[name] for name in self.may_be_gone if not self.inputs[name].exists()
        }

    def key(self) -> dict[str, Any]:
        """What a manifest must repeat for its folder to be this stage's output."""
        return {
            "stage": self.kind,
            "version": self.version,
            "recipe": decisive_fields(self.recipe),
            "inputs": {name: digest(path) for name, path in self.inputs.items()},
            "seed": self.seed,
        }


@dataclass(frozen=True)
class Status:
    """Whether a stage's folder can be used as it is; if not, why."""

    state: Literal["complete", "missing", "unfinished", "stale", "damaged", "aside"]
    reason: str = ""


def status(stage: Stage) -> Status:
    """Compare a folder with its stage; only files that changed since they were made are hashed.

    Returns:
        `stale` with the field or the input that differs; `damaged` with the file, which may be the
        manifest itself; `aside` with the folder beside it that has what this stage makes.
    """
    manifest = read_manifest(stage.out)
    now = _status_of_partial(stage) if manifest is None else _status_of(stage, manifest)
    if stage.keeps and now.state != "complete":
        aside = kept(_target(stage.out), stage.key())
        return Status("aside", str(aside)) if aside else now
    return now


def _status_of(stage: Stage, manifest: Mapping[str, Any]) -> Status:
    mismatch = (
        _mismatch(manifest, _key_beside(manifest, stage), stage.recipe)
        if is_readable(manifest)
        else ""
    )
    if mismatch:
        return Status("stale", mismatch)
    damage = next(damaged(stage.out, manifest, changed_only=True), None)
    return Status("damaged", damage) if damage else Status("complete")


def complete(stage: Stage, announce: Callable[[Stage, Status], None] = lambda *_: None) -> Path:
    """Make the stage's folder unless it is complete; returns it.

    A killed build resumes if its recipe and inputs have not changed, else it starts again. The
    folder that is replaced stays until the new one has a manifest. Files that no stage wrote are
    set aside.

    Raises:
        InputError: an input is damaged; an input or the unfinished folder is removed meanwhile.
    """
    out, partial = _target(stage.out), partial_folder(stage.out)
    _finish_interrupted_rename(out)
    now = status(stage)
    announce(stage, now)
    stays = replaced_training(stage)
    set_aside_added(out, is_replaced=now.state != "complete" and not stays)
    if now.state == "complete":
        return stage.out
    if now.state == "aside":
        _make_room(out, stays)
        take_back(Path(now.reason), out)
        return stage.out
    for path in stage.inputs.values():
        refuse_damaged_input(path)
    key = stage.key()
    if _is_finished(partial, key):  # and killed before the first rename
        _replace(out, partial, stays)
        return stage.out
    earlier = _start_or_resume(partial, key)
    if now.state == "damaged" and stage.reusable:
        _link_undamaged(out, partial, stage.reusable)
    facts, spent = _built(stage, partial, key, earlier)
    remove_temporary(partial)
    flush_all(partial)
    # The manifest before work.json is removed: hashing takes minutes, and a kill meanwhile must
    # not cost the build.
    content = {**key, "facts": facts, "wall_seconds": spent}
    written = write_manifest(partial, content, leave_out={SCRATCH, WORK})
    refuse_unrecorded(partial, written)
    _replace(out, partial, stays)
    return stage.out


def replaced_training(stage: Stage) -> str:
    """Why a finished folder would be kept aside when the stage is made; "" if it would not be."""
    manifest = read_manifest(stage.out) if stage.keeps else None
    if manifest is None or not is_readable(manifest):
        return ""
    return _mismatch(manifest, _key_beside(manifest, stage), stage.recipe)


def _built(
    stage: Stage, partial: Path, key: Mapping[str, Any], earlier: float
) -> tuple[Facts, float]:
    """Call the stage's `build`; returns its facts, and the seconds of all attempts."""
    started, place = time.monotonic(), _place(partial)
    needed = [path for path in stage.inputs.values() if path.exists()]
    try:
        with naming(partial):
            facts = stage.build(partial)
    except Exception:
        _refuse_lost(stage, partial, place, needed)
        raise
    finally:
        spent = earlier + time.monotonic() - started
        if _place(partial) == place:
            write_work(partial, key, spent)
    _refuse_lost(stage, partial, place, needed)
    if changed := _mismatch(key, stage.key(), stage.recipe):
        raise InputError(
            f"{stage.name}: {changed} while it was made",
            why="What was made may be a mixture of the old input and the new one.",
            mend="Run the same command again: it starts over with the new input.",
        )
    return facts, spent


def recorded_recipe(folder: Path) -> Mapping[str, Any]:
    """The part of the recipe that a folder, finished or not, is made from; empty if unknown."""
    made_from: Mapping[str, Any] = read_work(folder).get("key") or read_manifest(folder) or {}
    recipe: Mapping[str, Any] = made_from.get("recipe", {})
    return recipe


def difference(
    was: Mapping[str, Any], now: Mapping[str, Any], recipe: BaseModel | None = None
) -> str:
    """The first leaf in which two trees differ, in words; "" when they agree.

    Args:
        recipe: the model that both trees record; it supplies the defaults that records leave out.
    """
    for name, *values in differing(was, now):
        before, after = (_default(recipe, name) if each is None else each for each in values)
        return f"{name} was {before}, now {after}"
    return ""


def _default(recipe: BaseModel | None, name: str) -> Any:
    """The default of a field that a record leaves out."""
    *above, last = name.split(".")
    for part in above:
        recipe = getattr(recipe, part, None)
    field = type(recipe).model_fields.get(last) if isinstance(recipe, BaseModel) else None
    return None if field is None or field.is_required() else field.get_default()


def differing(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Every leaf in which two trees differ: its name and both values, None where it is missing."""
    before, after = dict(_leaves(was)), dict(_leaves(now))
    for name in dict.fromkeys([*after, *before]):
        if before.get(name) != after.get(name):
            yield name, before.get(name), after.get(name)


def partial_folder(out: Path) -> Path:
    """The folder in which `out` is built; of a link, beside the folder that it points to."""
    target = _target(out)
    return target.with_name(target.name + _PARTIAL)


def finished_folder(folder: Path) -> Path:
    """The folder of a stage when it is complete, given that folder or its partial one."""
    return folder.with_name(folder.name.removesuffix(_PARTIAL))


def is_being_made(folder: Path) -> bool:
    """Whether a folder is unfinished, or about to be replaced by its successor, by its name."""
    return folder.name.endswith((_PARTIAL, _REPLACED))


def _target(out: Path) -> Path:
    """The folder itself, where a link stands in for a folder on another disk."""
    return out.resolve() if out.is_symlink() else out


def _place(folder: Path) -> tuple[int, int] | None:
    """Device and inode, which identify a folder whatever its name; None if it does not exist."""
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _refuse_lost(
    stage: Stage, partial: Path, place: tuple[int, int] | None, needed: Sequence[Path]
) -> None:
    """Check that the unfinished folder and the inputs are still where they were.

    Raises:
        InputError: names the folder that went.
    """
    gone = [path for path in needed if not path.exists()]
    if _place(partial) != place:
        gone.insert(0, partial)
    if gone:
        missing = [path for path in [gone[0], *gone[0].parents] if not path.exists()]
        raise InputError(
            f"{missing[-1] if missing else gone[0]} was removed or replaced while {stage.name} was "
            "made",
            why="Another process, or a cleaner of scratch space, took it away.",
            mend="Run the same command again: finished stages that are still there are kept.",
        )


def _replaced(out: Path) -> Path:
    return out.with_name(out.name + _REPLACED)


def _is_finished(partial: Path, key: Mapping[str, Any]) -> bool:
    manifest = read_manifest(partial)
    if manifest is None or not is_readable(manifest) or _mismatch(manifest, key):
        return False
    return next(damaged(partial, manifest), None) is None


def _status_of_partial(stage: Stage) -> Status:
    partial = partial_folder(stage.out)
    if not partial.exists():
        is_empty = not stage.out.is_dir() or not any(stage.out.iterdir())
        lost = f"{stage.out} has no {MANIFEST}"
        return Status("missing", "new") if is_empty else Status("damaged", lost)
    key, was = stage.key(), read_work(partial).get("key")
    if was == key or _is_finished(partial, key):
        return Status("unfinished", "resuming")
    mismatch = _mismatch(was, key, stage.recipe) if was else f"{partial / WORK} cannot be read"
    return Status("missing", f"from the start, the unfinished folder cannot be used: {mismatch}")


def _start_or_resume(partial: Path, key: Mapping[str, Any]) -> float:
    """Prepare the partial folder; returns the seconds that earlier attempts spent on it."""
    work = read_work(partial)
    if work and work["key"] == key:
        remove_temporary(partial)
        return float(work["wall_seconds"])
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    write_work(partial, key, 0.0)
    return 0.0


def _link_undamaged(out: Path, partial: Path, pattern: str) -> None:
    """Link the undamaged files of a damaged folder into the partial one."""
    manifest = read_manifest(out)
    for name, entry in (manifest or {"files": {}})["files"].items():
        path, link = out / name, partial / name
        if not fnmatch(name, pattern) or link.exists() or not path.is_file():
            continue
        if path.stat().st_size == entry["size"] and hash_file(path) == entry["sha256"]:
            record(link, entry["sha256"])
            try:
                os.link(path, link)
            except OSError:  # a file system without hard links
                shutil.copy2(path, link)


def _finish_interrupted_rename(out: Path) -> None:
    """Rename a complete partial folder that a kill between the two renames left behind."""
    if not out.exists() and (partial_folder(out) / MANIFEST).exists():
        _replace(out, partial_folder(out))
    if (out / MANIFEST).exists():
        shutil.rmtree(_replaced(out), ignore_errors=True)
    elif _replaced(out).exists() and not out.exists():
        _replaced(out).rename(out)


def _replace(out: Path, partial: Path, stays: str = "") -> None:
    flush(partial)  # a power cut must not lose both the manifest and what the build resumes from
    shutil.rmtree(partial / SCRATCH, ignore_errors=True)
    (partial / WORK).unlink(missing_ok=True)
    _make_room(out, stays)
    partial.rename(out)
    shutil.rmtree(_replaced(out), ignore_errors=True)


def _make_room(out: Path, stays: str) -> None:
    """Rename a folder that is about to be replaced.

    Args:
        stays: why it is kept; "" if it is deleted once its successor has the name.
    """
    if out.exists() and stays:
        keep(out, stays)
    elif out.exists():
        shutil.rmtree(_replaced(out), ignore_errors=True)
        out.rename(_replaced(out))


def _key_beside(manifest: Mapping[str, Any], stage: Stage) -> dict[str, Any]:
    """The stage's key; inputs that may be gone and are gone count as they are recorded."""
    key = stage.key()
    recorded = {name: manifest["inputs"].get(name, "") for name in stage.missing_inputs()}
    return {**key, "inputs": {**key["inputs"], **recorded}}


def _mismatch(
    manifest: Mapping[str, Any], key: Mapping[str, Any], recipe: BaseModel | None = None
) -> str:
    """The first field or input in which a manifest and a key differ; "" when they agree.

    Args:
        recipe: that of the key, for the defaults that records leave out.
    """
    for name in ("stage", "version", "seed"):
        if manifest.get(name) != key[name]:
            return f"{name} was {manifest.get(name)}, now {key[name]}"
    if changed := difference(manifest["recipe"], key["recipe"], recipe):
        return changed
    for name in [*key["inputs"], *manifest["inputs"]]:
        if manifest["inputs"].get(name) != key["inputs"].get(name):
            return f"input `{name}` has changed"
    return ""


def _leaves(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(tree, Mapping):
        for name, branch in tree.items():
            yield from _leaves(branch, f"{path}.{name}" if path else name)
    else:
        yield path, tree
