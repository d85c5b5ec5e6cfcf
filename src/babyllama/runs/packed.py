"""Compressed files, unpacked block by block and never beyond a bound.

A few megabytes of a compressed file may unpack to more than the memory holds, by mistake or by
malice.
"""

import bz2
import gzip
import importlib.util
import io
import lzma
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babyllama.console import format_bytes
from babyllama.errors import InputError

SUFFIXES = (".gz", ".bz2", ".xz", ".zst")
# What the libraries raise for damaged data.
DAMAGE = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError)
ALLOWANCE = 2**28  # what any file may unpack to, however small it is
_BLOCK = 2**20
_FIRST_BYTES = {
    b"\x1f\x8b": ".gz",
    b"BZh91AY&SY": ".bz2",
    b"\xfd7zXZ\0": ".xz",
    b"\x28\xb5\x2f\xfd": ".zst",
}
_KINDS = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstd"}


def unpacked_blocks(name: str, file: io.BufferedIOBase, size: int) -> Iterator[bytes]:
    """Yield the bytes of a file in blocks, unpacked if its name or its first bytes say so.

    Args:
        name: the file's name, for its suffix and for messages.
        size: the file's own bytes, which bound what it may unpack to.

    Raises:
        InputError: damaged data, more than `refuse_large` accepts, or zstd without pyarrow.
    """
    suffix = Path(name).suffix.lower()
    if suffix not in SUFFIXES:  # Text in UTF-8 begins like none of these.
        start = file.read(10)
        file.seek(0)
        suffix = next((kind for first, kind in _FIRST_BYTES.items() if start.startswith(first)), "")
    if not suffix:
        yield from iter(lambda: file.read(_BLOCK), b"")
        return
    if suffix == ".zst" and importlib.util.find_spec("pyarrow") is None:
        raise InputError(
            f"{name} is compressed with zstd, which needs pyarrow",
            why="It is an optional dependency.",
            mend="Run: pip install 'babyllama[tables]'",
        )
    total = 0
    try:
        with _opened(suffix, file) as unpacked:
            while block := unpacked.read(_BLOCK):
                total += len(block)
                refuse_large(name, total, size)
                yield block
    except DAMAGE as error:
        raise InputError(
            f"{name} is not a complete {_KINDS[suffix]} file: {error}", mend="Download it again."
        ) from None


def unpack(name: str, data: bytes) -> bytes:
    """The bytes of a file, unpacked if its name or its first bytes say so.

    Raises:
        InputError: what `unpacked_blocks` raises.
    """
    return b"".join(unpacked_blocks(name, io.BytesIO(data), len(data)))


def refuse_large(name: str, unpacked: int, packed: int) -> None:
    """Refuse data that unpack to more than 256 MiB plus 20 times their packed size.

    Text and tables shrink to a tenth at best, so what unpacks to more is damaged or made to fill
    the memory.

    Raises:
        InputError: names the file and both sizes.
    """
    most = ALLOWANCE + 20 * packed
    if unpacked > most:
        raise InputError(
            f"{name} has {format_bytes(packed)} and unpacks to more than {format_bytes(most)}",
            why="Text does not shrink that much, and this would fill the memory.",
            mend="If the file is right, unpack it first.",
        )


def _opened(suffix: str, file: io.BufferedIOBase) -> Any:
    """A file object that unpacks."""
    if suffix == ".gz":
        return gzip.GzipFile(fileobj=file)
    if suffix == ".bz2":
        return bz2.BZ2File(file)
    if suffix == ".zst":
        import pyarrow

        return pyarrow.CompressedInputStream(file, "zstd")
    return lzma.LZMAFile(file)  # type: ignore[arg-type]  # its stub wants more than it reads
