"""The files of a zip archive, read without unpacking it on disk."""

import re
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from babyllama.errors import InputError
from babyllama.runs.git_lfs import refuse_pointer
from babyllama.runs.packed import DAMAGE, refuse_large

_IS_ENCRYPTED = 0x1  # of a member's flags
_OUTSIDE = re.compile(r"^/|^[A-Za-z]:|(^|/)\.\.(/|$)")


def open_archive(path: Path) -> tuple[zipfile.ZipFile, list[zipfile.ZipInfo]]:
    """An archive, and its files in the order of their names. Nothing is unpacked.

    Raises:
        InputError: it is no zip; a member is encrypted, a link, has the name of another, or a name
            that leads out of the archive; or it would unpack to far more than text does.
    """
    refuse_pointer(path)
    with _naming_damage(path):
        archive = zipfile.ZipFile(path)
        found = [each for each in archive.infolist() if not each.is_dir()]
    seen: set[str] = set()
    for each in found:
        _refuse_unsafe(path, each)
        if each.filename in seen:
            raise _refused(path, f"holds {each.filename} twice", "Make the archive again.")
        seen.add(each.filename)
    refuse_large(str(path), sum(each.file_size for each in found), path.stat().st_size)
    return archive, sorted(found, key=lambda each: each.filename)


@contextmanager
def opened_member(
    path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo
) -> Iterator[IO[bytes]]:
    """A member, open for reading.

    Raises:
        InputError: it is damaged.
    """
    with _naming_damage(path / member.filename), archive.open(member) as file:
        yield file


@contextmanager
def _naming_damage(path: Path) -> Iterator[None]:
    try:
        yield
    except (*DAMAGE, zipfile.BadZipFile, NotImplementedError) as error:
        raise InputError(
            f"{path} is not a complete zip archive: {error}", mend="Download or make it again."
        ) from None


def _refuse_unsafe(path: Path, member: zipfile.ZipInfo) -> None:
    # zipfile replaces "\\" and cuts at a zero byte; the name as it was written counts.
    name = member.orig_filename.replace("\\", "/")
    if _OUTSIDE.search(name) or not name.isprintable():
        raise _refused(
            path,
            f"holds {name!r}, a name that leads out of it",
            "No honest archive has such a name. Get it from another place.",
        )
    if stat.S_ISLNK(member.external_attr >> 16):
        raise _refused(path, f"holds the link {name}", "Make the archive again without links.")
    if member.flag_bits & _IS_ENCRYPTED:
        raise _refused(path, f"holds {name}, which is encrypted", "Unpack it with its password.")


def _refused(path: Path, what: str, mend: str) -> InputError:
    return InputError(f"{path} {what}", mend=mend)
