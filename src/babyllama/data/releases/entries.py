"""The files of a folder, of a zip in it, or one file: each as something that can be read twice."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from babyllama.errors import InputError, unreadable
from babyllama.runs.packed import unpacked_blocks
from babyllama.runs.zips import blocks_of, files_in, open_zip


@dataclass(frozen=True)
class Entry:
    """A file.

    Attributes:
        name: below the folder.
        stored: its bytes as stored, packed or not.
        blocks: reads its bytes, unpacked, from the beginning; it raises InputError for damage.
    """

    name: str
    stored: int
    blocks: Callable[[], Iterator[bytes]]


def entries_of(path: Path) -> Iterator[Entry]:
    """The files of a folder and its subfolders, sorted; a zip counts as a folder.

    Hidden files and folders are left out, and links to folders are not followed.

    A zip that is damaged or not safe to unpack is one file, which raises that when it is read.
    """
    if path.is_file():
        yield from _of_file(path, path.name)
        return
    for folder, folders, files in os.walk(path):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        for name in sorted(files):
            file = Path(folder, name)
            if not name.startswith(".") and file.is_file():
                yield from _of_file(file, file.relative_to(path).as_posix())


def _of_file(path: Path, name: str) -> Iterator[Entry]:
    if path.suffix.lower() != ".zip":
        yield Entry(name, path.stat().st_size, partial(_blocks_of_file, path))
        return
    try:
        with open_zip(path) as archive:
            members = files_in(archive)
    except InputError as error:
        yield Entry(name, path.stat().st_size, partial(_raise, error))
        return
    for member in members:
        blocks = partial(_blocks_of_member, path, member.filename)
        yield Entry(f"{name}/{member.filename}", member.compress_size, blocks)


def _raise(error: InputError) -> Iterator[bytes]:
    raise error


def _blocks_of_file(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from unpacked_blocks(str(path), file, path.stat().st_size)
    except OSError as error:
        raise unreadable(path, error) from None


def _blocks_of_member(path: Path, inner: str) -> Iterator[bytes]:
    with open_zip(path) as archive:
        yield from blocks_of(archive, archive.getinfo(inner))
