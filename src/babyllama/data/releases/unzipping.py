"""Take files out of a zip without trusting it.

Nothing is written under a name that the zip chooses: the caller names the file, and what it may
hold. An archive with names that lead out of its folder, or with links, is refused as a whole: no
release has them.
"""

import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from babyllama.errors import InputError
from babyllama.runs.files import naming
from babyllama.runs.packed import refuse_large

_BLOCK = 2**20
_MAC = "__MACOSX"  # what macOS adds to zips: attributes of files, under the names of the files
# What zipfile raises for damage, a password (RuntimeError), and methods that it does not know.
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError, NotImplementedError)


@contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """A zip whose names are safe, and whose files together unpack to no more than text does.

    Raises:
        InputError: it is no zip, is damaged or encrypted, holds a link or a name that leads out of
            its folder, or unpacks to too much: see `packed.refuse_large`.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                _refuse_unsafe(path, member)
            total = sum(each.file_size for each in archive.infolist())
            refuse_large(str(path), total, path.stat().st_size)
            yield archive
    except InputError:
        raise
    except _DAMAGE as error:
        raise InputError(
            f"{path} cannot be unpacked: {error}",
            why="It is not a complete zip.",
            mend="Download it again.",
        ) from None


def members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The files of a zip, without folders and what macOS adds."""
    return [
        each
        for each in archive.infolist()
        if not each.is_dir() and _MAC not in PurePosixPath(each.filename).parts
    ]


def member(archive: zipfile.ZipFile, inner: str, size: int | None) -> zipfile.ZipInfo:
    """One file of a zip.

    Args:
        inner: the end of its path in the zip: `train_10M/childes.train`.
        size: how many bytes it must have, if that is known.

    Raises:
        InputError: it is not there or there twice, or has another size.
    """
    found = [each for each in members(archive) if f"/{each.filename}".endswith(f"/{inner}")]
    if len(found) != 1:
        names = ", ".join(each.filename for each in members(archive)[:8])
        raise InputError(
            f"{archive.filename} holds {inner} {'twice' if found else 'nowhere'}",
            why=f"It holds {names or 'nothing'}.",
            mend="Check that it is the official zip.",
        )
    if size is not None and found[0].file_size != size:
        raise InputError(
            f"{archive.filename}: {inner} has {found[0].file_size:,} bytes, the official file "
            f"{size:,}",
            mend="Check that it is the official zip, and that it was downloaded to its end.",
        )
    return found[0]


def member_blocks(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """The bytes of a file of a zip, in blocks: never more than its entry says, which is bounded."""
    with archive.open(member) as file:
        yield from iter(lambda: file.read(_BLOCK), b"")


def extract(
    archive: zipfile.ZipFile,
    member: zipfile.ZipInfo,
    out: Path,
    *,
    advance: Callable[[float], None],
) -> None:
    """Write one file of a zip to `out`."""
    with naming(out), out.open("wb") as file:
        for block in member_blocks(archive, member):
            file.write(block)
            advance(len(block))


def _refuse_unsafe(path: Path, member: zipfile.ZipInfo) -> None:
    # zipfile cuts names at NUL and turns backslashes into slashes only on Windows.
    parts = member.orig_filename.replace("\\", "/").split("/")
    if ".." in parts or parts[0] == "" or ":" in parts[0] or "\0" in member.orig_filename:
        why = "Unpacked by its name, it would be written outside the folder."
    elif stat.S_ISLNK(member.external_attr >> 16):
        why = "It is a link, and what is written through it would be outside the folder."
    else:
        return
    raise InputError(
        f"{path} holds {member.orig_filename!r}, which is not safe to unpack",
        why=why + " Nothing was unpacked.",
        mend="This is not the official zip. Get that, and check where this one came from.",
    )
