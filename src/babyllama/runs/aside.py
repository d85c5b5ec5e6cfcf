"""What is kept beside a folder, as `NAME.aside`: a finished training that a change replaced.

It is never deleted here. When its settings return, the run takes it back instead of training again.
"""

import itertools
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from babyllama.console import print_status
from babyllama.runs.files import write_atomically
from babyllama.runs.manifests import damaged, is_readable, read_manifest


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


def _names(out: Path) -> Iterator[Path]:
    return (out.with_name(f"{out.name}.aside{number or ''}") for number in itertools.count())


def _note(aside: Path) -> Path:
    return aside.with_name(f"{aside.name}.txt")
