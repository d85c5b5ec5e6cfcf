"""Take the files of a release out of a zip: the caller names the file, and what it may hold."""

import zipfile
from collections.abc import Callable
from pathlib import Path

from babyllama.errors import InputError
from babyllama.runs.files import naming
from babyllama.runs.zips import blocks_of, files_in


def member_of(archive: zipfile.ZipFile, inner: str, size: int | None) -> zipfile.ZipInfo:
    """One file of a zip.

    Args:
        inner: the end of its path in the zip: `train_10M/childes.train`.
        size: how many bytes it must have, if that is known.

    Raises:
        InputError: it is not there or there twice, or has another size.
    """
    found = [each for each in files_in(archive) if f"/{each.filename}".endswith(f"/{inner}")]
    if len(found) != 1:
        names = ", ".join(each.filename for each in files_in(archive)[:8])
        raise InputError(
            f"{archive.filename} holds {inner} twice"
            if found
            else f"{archive.filename} does not hold {inner}",
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


def extract(
    archive: zipfile.ZipFile,
    member: zipfile.ZipInfo,
    out: Path,
    *,
    advance: Callable[[float], None],
) -> None:
    """Write one file of a zip to `out`."""
    with naming(out), out.open("wb") as file:
        for block in blocks_of(archive, member):
            file.write(block)
            advance(len(block))
