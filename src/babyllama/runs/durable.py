"""Files that others may read as the umask says, and that a power cut does not lose."""

import os
from pathlib import Path


def follow_umask(path: Path) -> None:
    """Give a file the mode of an ordinary new file.

    safetensors writes through a temporary file that only its owner may read, whatever the umask.
    """
    probe = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        probe.touch()
        path.chmod(probe.stat().st_mode & 0o777)
    finally:
        probe.unlink(missing_ok=True)


def flush(path: Path) -> None:
    """Write a file's contents to the disk; of a folder, the names of its files."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    except OSError:
        if not path.is_dir():  # some network file systems cannot flush a folder
            raise
    finally:
        os.close(number)


def flush_all(folder: Path) -> None:
    """Write every file of a folder, and the names of all, to the disk."""
    for path in [*folder.rglob("*"), folder]:
        if path.is_file() or path.is_dir():
            flush(path)
