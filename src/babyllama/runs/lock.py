"""One process at a time writes a folder: a lock, and a note beside it that names the holder."""

import os
import platform
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from babyllama.errors import InputError

_LOCK = ".lock"
_NOTE = ".holder"


@dataclass(frozen=True)
class Holder:
    """The process that holds a folder, from its note.

    Attributes:
        text: the note, in words.
        process: its number if it runs on this machine; None otherwise.
    """

    text: str
    process: int | None


@contextmanager
def locked(folder: Path, *, mend: str = "use another folder: --run-dir DIR") -> Iterator[None]:
    """Hold a folder for this process. The lock is released when the process ends or is killed.

    Args:
        mend: what the user can do besides waiting.

    Raises:
        InputError: another process holds it (names it), or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / _LOCK, blocking=False)
        lock.acquire()
    except Timeout:
        holder = read_holder(folder)
        raise InputError(
            f"{folder} is in use by another run: {holder.text if holder else 'an unknown process'}",
            why="Only one process may write to a run.",
            mend=f"Wait for it, stop it, or {mend}.",
        ) from None
    except OSError as error:
        raise InputError(
            f"{folder} cannot be written: {error.strerror}",
            mend=f"Check its permissions, or {mend}.",
        ) from None
    try:
        note = f"process {os.getpid()} on {platform.node()} since {time.ctime()}"
        (folder / _NOTE).write_text(note, encoding="utf-8")
        yield
    finally:
        (folder / _NOTE).unlink(missing_ok=True)
        lock.release()


def read_holder(folder: Path) -> Holder | None:
    """The process that holds a folder; None without a note. A killed process leaves its note."""
    try:
        text = (folder / _NOTE).read_text("utf-8", errors="replace")
    except OSError:
        return None
    note = re.match(r"process (\d+) on (\S*) since", text)
    is_here = note is not None and note[2] == platform.node()
    return Holder(text, int(note[1]) if note and is_here else None)
