"""Pointers of git-lfs: the few lines that stand in for a large file until it is downloaded."""

from pathlib import Path

from babyllama.errors import InputError

_FIRST_LINE = b"version https://git-lfs.github.com/spec/"


def is_pointer(path: Path) -> bool:
    """Whether a file is a git-lfs pointer, not the file itself."""
    try:
        with path.open("rb") as file:
            return file.read(len(_FIRST_LINE)) == _FIRST_LINE
    except OSError:  # reading it reports the fault
        return False


def refuse_pointer(path: Path) -> None:
    """Check that a file is itself, not a git-lfs pointer.

    Raises:
        InputError: names the file and the command that downloads it.
    """
    if is_pointer(path):
        raise InputError(
            f"{path} is a git-lfs pointer, not the file itself",
            why="The folder was cloned without its large files.",
            mend="Download them in that folder: git lfs pull",
        )
