"""Zips: checked before they are read, and read without unpacking them on disk.

Nothing is written under a name that a zip chooses. A zip with a file that is not safe to unpack is
refused as a whole, since no honest archive of text has one.
"""

import re
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from babyllama.errors import InputError
from babyllama.runs.git_lfs import refuse_pointer
from babyllama.runs.packed import DAMAGE, refuse_large

_IS_ENCRYPTED = 0x1  # of a file's flags
_BLOCK = 2**20
# Of other methods, Python unpacks a block whole, however large it gets: a few bytes of it could
# fill the memory.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_UNSAFE = re.compile(r"^/|^[A-Za-z]:|(^|/)\.\.(/|$)|^\.*$|[\0-\x1f\x7f-\x9f]")
_OF_MAC = {"__MACOSX", ".DS_Store"}  # what macOS adds: attributes, under the names of the files


def open_zip(path: Path, *, password: bytes | None = None) -> zipfile.ZipFile:
    """Open a zip that is safe to read. Nothing is unpacked.

    Args:
        password: of the encrypted files.

    Raises:
        InputError: it is no zip; a file of it is a link, is encrypted, has a rare compression,
            has the name of another, or a name that leads out of the zip; or it would unpack to far
            more than text does (see `packed.refuse_large`).
    """
    refuse_pointer(path)
    with _naming_damage(path):
        archive = zipfile.ZipFile(path)
    if password:
        archive.setpassword(password)
    found = _without_folders(archive)
    seen: set[str] = set()
    for each in found:
        _refuse_unsafe(path, each, has_password=password is not None)
        if each.filename in seen:
            raise _refused(path, f"{each.filename} twice", "Make the zip again.")
        seen.add(each.filename)
    # No more of a file is read than the size that is declared for it.
    refuse_large(str(path), sum(each.file_size for each in found), path.stat().st_size)
    return archive


def files_in(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The files of a zip, without folders and what macOS adds, in the order of their names."""
    found = [
        each
        for each in _without_folders(archive)
        if not _OF_MAC.intersection(PurePosixPath(each.filename).parts)
    ]
    return sorted(found, key=lambda each: each.filename)


def blocks_of(archive: zipfile.ZipFile, file: zipfile.ZipInfo) -> Iterator[bytes]:
    """The bytes of a file of a zip, in blocks.

    Raises:
        InputError: what `opened_file` raises.
    """
    with opened_file(archive, file) as opened:
        yield from iter(lambda: opened.read(_BLOCK), b"")


@contextmanager
def opened_file(archive: zipfile.ZipFile, file: zipfile.ZipInfo) -> Iterator[IO[bytes]]:
    """A file of a zip, open for reading in blocks: a read of all may unpack more than it returns.

    Raises:
        InputError: it is damaged, or the password is wrong.
    """
    with _naming_damage(Path(archive.filename or "", file.filename)), archive.open(file) as opened:
        yield opened


def _without_folders(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    # Not is_dir(): in Python 3.11 an empty name breaks it.
    return [each for each in archive.infolist() if not each.filename.endswith("/")]


@contextmanager
def _naming_damage(path: Path) -> Iterator[None]:
    try:
        yield
    except (*DAMAGE, zipfile.BadZipFile, RuntimeError) as error:  # RuntimeError: wrong password
        said = error.strerror if isinstance(error, OSError) else ""
        raise InputError(
            f"{path} cannot be unpacked: {said or error}",
            mend="Download it again, or unpack it to a folder.",
        ) from None


def _refuse_unsafe(path: Path, file: zipfile.ZipInfo, *, has_password: bool) -> None:
    # zipfile cuts names at a zero byte, and "\\" is a slash on Windows: the name as stored counts.
    name = file.orig_filename.replace("\\", "/")
    if _UNSAFE.search(name):
        raise _refused(
            path,
            f"{name!r}, a name that leads out of it or cannot be shown",
            "No honest zip has such a name. Get it from another place.",
        )
    if stat.S_ISLNK(file.external_attr >> 16):
        raise _refused(path, f"the link {name}", "Make the zip again without links.")
    if file.flag_bits & _IS_ENCRYPTED and not has_password:
        raise _refused(path, f"{name}, which is encrypted", "Unpack it with its password.")
    if file.compress_type not in _METHODS:
        raise _refused(path, f"{name}, which is compressed in a rare way", "Unpack it to a folder.")


def _refused(path: Path, what: str, mend: str) -> InputError:
    return InputError(f"{path} holds {what}", mend=mend)
