"""Checks of the places that a command will write, before any work."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from babyllama.errors import InputError

_LONGEST_NAME = 255 - 24  # bytes; the rest is for `.partial` and for temporary files beside
_NO_PLACE_FOR_FILES = ("/dev", "/proc", "/sys")
_MEND = "Choose another path."
_OUTSIDE = "Choose a folder beside it."


def refuse_unwritable_file(path: Path) -> None:
    """Refuse a path where no file can be written.

    Raises:
        InputError: it is a folder or a device, its folder cannot be made or written, or the disk is
            full.
    """
    _refuse_name(path)
    if path.is_dir():
        raise InputError(
            f"{path} is a folder, not a file",
            mend=f"Name a file, for example one in this folder: {path / 'NAME'}{path.suffix}",
        )
    if (path.exists() and not path.is_file()) or str(path.absolute()).startswith(
        tuple(f"{place}/" for place in _NO_PLACE_FOR_FILES)
    ):
        raise InputError(f"{path} is a device or a pipe, not a file", mend=_MEND)
    _refuse_unwritable(path, path.absolute().parent)


def refuse_unwritable_folder(path: Path) -> None:
    """Refuse a path where no folder can be written.

    Raises:
        InputError: it is a file or a link to nothing, it cannot be made or written, or the disk is
            full.
    """
    _refuse_name(path)
    if path.exists() and not path.is_dir():
        raise InputError(f"{path} is a file, not a folder", mend=_MEND)
    if path.is_symlink() and not path.exists():
        raise InputError(f"{path} is a link to a folder that does not exist", mend=_MEND)
    _refuse_unwritable(path, path.absolute())


def refuse_result_file(path: Path, inputs: Iterable[Path]) -> None:
    """Refuse a place for results that would replace something else.

    Args:
        path: where a file of results will be written.
        inputs: what the command reads.

    Raises:
        InputError: one of the inputs is there, or a file that holds no results.
    """
    refuse_unwritable_file(path)
    refuse_inputs([path], inputs)
    with path.open("rb") if path.is_file() else tempfile.TemporaryFile() as file:
        if file.read(1) not in (b"", b"{"):
            raise InputError(
                f"{path} exists and is not a result file",
                why="The results would replace it.",
                mend=_MEND,
            )


def refuse_inputs(places: Iterable[Path], inputs: Iterable[Path]) -> None:
    """Refuse to write where something is read.

    Raises:
        InputError: names the place.
    """
    read = {path.resolve() for path in inputs}
    for place in places:
        if place.resolve() in read:
            raise InputError(f"{place} is read by this command, not written", mend=_MEND)


def refuse_overlap(out: Path, inputs: Iterable[Path]) -> None:
    """Refuse a folder to write that is an input, holds one, or lies in one.

    A finished folder may hold other folders: it is known by the files in its manifest.

    Raises:
        InputError: names both.
    """
    from babyllama.runs.manifests import read_manifest  # with pydantic, which takes time

    inputs = list(inputs)
    refuse_inputs([out], inputs)
    place = out.resolve()
    for path in inputs:
        if path.resolve() in place.parents and read_manifest(path) is None:
            raise InputError(f"{out} lies in {path}, which is read", mend=_OUTSIDE)
        if place in path.resolve().parents:
            raise InputError(f"{path} is read and lies in {out}, which is written", mend=_OUTSIDE)


def refuse_one_place(file: Path, folder: Path) -> None:
    """Refuse a file and a folder that would need the same place.

    Raises:
        InputError: names both.
    """
    if file.resolve() in (folder.resolve(), *folder.resolve().parents):
        raise InputError(f"{file} cannot be a file and hold the folder {folder}", mend=_MEND)


def _refuse_name(path: Path) -> None:
    if len(os.fsencode(path.name)) > _LONGEST_NAME:
        raise InputError(f"{path} cannot be written: its name is too long", mend=_MEND)


def _refuse_unwritable(path: Path, folder: Path) -> None:
    """Write a byte into an unnamed file of the folder, or of the parent that will hold it."""
    try:
        existing = next(each for each in (folder, *folder.parents) if each.exists())
        if not existing.is_dir():
            raise InputError(f"{path} cannot be written: {existing} is not a folder", mend=_MEND)
        with tempfile.TemporaryFile(dir=existing) as file:
            file.write(b"x")
            file.flush()
    except OSError as error:
        raise InputError(
            f"{path} cannot be written: {error.strerror}",
            why=f"No file can be created in {existing}.",
            mend="Choose another path, correct its permissions, or free space on its disk.",
        ) from None
