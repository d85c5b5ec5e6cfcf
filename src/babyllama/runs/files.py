"""Single files: written atomically, and identified by their contents."""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from babyllama.errors import InputError


def write_atomically(path: Path, text: str) -> None:
    """Replace a file: a reader, or a crash, sees the old contents or the new, never a mixture."""
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
    write_atomically(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def hash_file(path: Path) -> str:
    """sha256 of a file, in constant memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of_json(value: Any) -> str:
    """sha256 of a value that JSON can hold; the order of keys does not count."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
