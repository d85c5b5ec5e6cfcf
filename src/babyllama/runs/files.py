"""Single files: written atomically, and identified by their contents.

A kill within a write leaves a temporary file, `.NAME.PID`. It is part of no artefact, and the next
write of that file removes it.
"""

import hashlib
import json
import os
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from babyllama.errors import InputError

_TEMPORARY = re.compile(r"\..+\.(\d+)")


def write_atomically(path: Path, text: str) -> None:
    """Replace a file: a reader, or a crash, sees the old contents or the new, never a mixture."""
    _remove_leftovers(path)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with naming(path, instead_of=beside):
        try:
            with beside.open("w", encoding="utf-8", newline="\n") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)  # exists only if writing failed


@contextmanager
def naming(path: Path, *, instead_of: Path | None = None) -> Iterator[None]:
    """Name a file or folder in errors of the system that name none, as when the disk is full.

    Args:
        instead_of: a temporary file of ours, which would mean nothing to the user.

    Raises:
        OSError: with `path`, also for what a library in Rust says in its own kind of exception.
    """
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename in (None, str(instead_of)):
            error.filename = str(path)
        raise
    except InputError:
        raise
    except Exception as error:
        printed = re.search(r"\(os error (\d+)\)", str(error))
        if printed is None:
            raise
        number = int(printed[1])
        raise OSError(number, os.strerror(number), str(path)) from error


def write_json(path: Path, value: Any) -> None:
    """Replace a file by a value as JSON, atomically."""
    write_atomically(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def is_temporary(path: Path) -> bool:
    """Whether a file is what a killed `write_atomically` leaves behind, by its name."""
    return _TEMPORARY.fullmatch(path.name) is not None


def remove_temporary(folder: Path) -> None:
    """Remove what killed writes left in a folder that no other process writes."""
    for path in folder.rglob(".*"):
        if is_temporary(path) and path.is_file():
            path.unlink(missing_ok=True)


def hash_file(path: Path) -> str:
    """sha256 of a file, in constant memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def begin_git_blob(size: int) -> "hashlib._Hash":
    """The hash that becomes git's id of a file, once it is updated with the file's bytes.

    Args:
        size: of the file, with which git begins.
    """
    return hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)


def digest_of_json(value: Any) -> str:
    """sha256 of a value that JSON can hold; the order of keys does not count."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def is_running(process: int) -> bool:
    """Whether a process of this machine is alive."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass  # another user's process; or a number too large to check
    return True


def _remove_leftovers(path: Path) -> None:
    """Remove what killed writes of this file left, unless their process still runs."""
    with suppress(OSError):  # the write itself reports what is wrong with the folder
        for beside in list(path.parent.iterdir()):
            found = _TEMPORARY.fullmatch(beside.name)
            is_of_path = beside.name.rpartition(".")[0] == f".{path.name}"
            if found and is_of_path and not is_running(int(found[1])):
                beside.unlink(missing_ok=True)


def refuse_unprintable_name(path: Path) -> None:
    """Refuse a file whose name has control characters, or bytes that are not UTF-8.

    Raises:
        InputError: names the folder, and the name with such bytes escaped.
    """
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in path.name):
        raise InputError(
            f"{path.parent} holds a file whose name cannot be printed: {os.fsencode(path.name)!r}",
            why="Results are named after it.",
            mend="Rename it.",
        )
