"""Keep replaced trainings and foreign files beside a folder, as `NAME.aside`. Nothing is deleted.

A finished training that a changed setting replaces is kept; so are files that no stage wrote. When
the old settings return, the run takes the training back instead of training again.
"""

import itertools
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from babyllama.console import print_status
from babyllama.runs.files import remove_temporary, write_atomically
from babyllama.runs.manifests import (
    MANIFEST,
    added,
    damaged,
    inner_folders,
    is_readable,
    read_manifest,
)
from babyllama.runs.sealed import edited_card_files


def free_name(out: Path) -> Path:
    """A folder beside `out` that does not exist, for what is set aside."""
    return next(path for path in _names(out) if not path.exists())


def keep(out: Path, why: str) -> None:
    """Rename a finished folder to a free name, with a note beside it, and say where it is.

    Args:
        why: what has changed.
    """
    aside = free_name(out)
    out.rename(aside)
    date = time.strftime("%Y-%m-%d %H:%M")
    write_atomically(
        _note(aside),
        f"{out.name} as it was until {date}, when {why}.\n"
        f"Its settings are in {aside.name}/manifest.json. The run takes it back when they return.\n"
        "Delete the folder and this note if you need them no longer.\n",
    )
    print_status(f"  {out}: the earlier training is kept in {aside} ({why})")


def kept(out: Path, key: Mapping[str, Any]) -> Path | None:
    """The folder kept beside `out` that was made from what `key` says, undamaged; None if none."""
    for path in sorted(out.parent.glob("*.aside*")):
        if not re.fullmatch(re.escape(out.name) + r"\.aside\d*", path.name):
            continue
        manifest = read_manifest(path)
        if manifest is None or not is_readable(manifest):
            continue
        is_same = all(manifest.get(name) == value for name, value in key.items())
        if is_same and next(damaged(path, manifest, changed_only=True), None) is None:
            return path
    return None


def take_back(aside: Path, out: Path) -> None:
    """Give a kept folder its name back; nothing has that name."""
    aside.rename(out)
    _note(aside).unlink(missing_ok=True)


def set_aside_added(out: Path, *, is_replaced: bool = False) -> None:
    """Move what no stage wrote out of a stage's folder, and say where it is.

    A file that was added to a finished folder might be read with it. A folder without a manifest
    is moved as a whole, since it would be replaced.

    Args:
        is_replaced: whether the folder is about to be made again, so that the card that a person
            has edited, and other folders made inside it, would be lost.
    """
    manifest = read_manifest(out)
    if manifest is None:
        if out.is_dir() and any(out.iterdir()):
            aside = free_name(out)
            print_status(f"  {out} has no {MANIFEST}: moved to {aside}", style="yellow")
            out.rename(aside)
        return
    remove_temporary(out)
    folder = free_name(out)
    edited = list(edited_card_files(out)) if is_replaced else []
    inner = inner_folders(out, manifest) if is_replaced else []
    for path in [*added(out, manifest), *edited, *inner]:
        aside = folder / path.relative_to(out)
        aside.parent.mkdir(parents=True, exist_ok=True)
        why = "was edited" if path in edited else "is not in its manifest"
        print_status(f"  {path} {why}: moved to {aside}", style="yellow")
        path.rename(aside)


def _names(out: Path) -> Iterator[Path]:
    return (out.with_name(f"{out.name}.aside{number or ''}") for number in itertools.count())


def _note(aside: Path) -> Path:
    return aside.with_name(f"{aside.name}.txt")
