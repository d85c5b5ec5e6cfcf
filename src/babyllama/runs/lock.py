"""One process at a time writes a folder: a lock, and a note beside it that names the holder."""

import errno
import os
import platform
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from babyllama.console import print_status
from babyllama.errors import InputError
from babyllama.runs.files import is_running

_LOCK = ".lock"
_NOTE = ".holder"
_CANNOT_LOCK = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK)


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
def locked(
    folder: Path,
    *,
    mend: str = "use another folder: --run-dir DIR",
    shown: Path | None = None,
) -> Iterator[None]:
    """Hold a folder for this process. The lock is released when the process ends or is killed.

    On a file system that cannot lock files, the note of a process that still runs is respected.

    Args:
        mend: what the user can do besides waiting.
        shown: what messages name instead of the folder: the file that the lock protects.

    Raises:
        InputError: another process holds it (names it), or the folder cannot be written.
    """
    shown = shown or folder
    # Without flock the library would fall back on the file's existence, and a copied file or one
    # that a killed process left would hold the folder for ever.
    lock = FileLock(folder / _LOCK, blocking=False, fallback_to_soft=False)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise _in_use(shown, read_holder(folder), mend) from None
    except OSError as error:
        if error.errno not in _CANNOT_LOCK:
            raise InputError(
                f"{shown} cannot be written: {error.strerror}",
                mend=f"Check its permissions, or {mend}.",
            ) from None
        holder = read_holder(folder)
        if holder and holder.process and is_running(holder.process):
            raise _in_use(shown, holder, mend) from None
        print_status(f"{folder} is on a disk that cannot lock files: let no other command write it")
    try:
        note = f"process {os.getpid()} on {platform.node()} since {time.ctime()}"
        (folder / _NOTE).write_text(note, encoding="utf-8")
        yield
    finally:
        (folder / _NOTE).unlink(missing_ok=True)
        lock.release()


def _in_use(shown: Path, holder: Holder | None, mend: str) -> InputError:
    return InputError(
        f"{shown} is in use by another run: {holder.text if holder else 'an unknown process'}",
        why="Only one process at a time may write it.",
        mend=f"Wait for it, stop it, or {mend}.",
    )


def read_holder(folder: Path) -> Holder | None:
    """The process that holds a folder; None without a note. A killed process leaves its note."""
    try:
        text = (folder / _NOTE).read_text("utf-8", errors="replace")
    except OSError:
        return None
    note = re.match(r"process (\d+) on (\S*) since", text)
    is_here = note is not None and note[2] == platform.node()
    return Holder(text, int(note[1]) if note and is_here else None)
