"""Read raw text: strictly in its encoding, whatever the line ends, compressed or not, in blocks.

What is not text is refused by name: another encoding, an archive, a git-lfs pointer, a file of
white space.
"""

import codecs
import io
import shlex
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from babyllama.errors import InputError, unreadable
from babyllama.runs.git_lfs import refuse_pointer
from babyllama.runs.packed import unpacked_blocks

_UTF8 = "utf-8"
_AS_TABLE = (
    "Name its column of text: corpus.source: {kind: table, path: SRC, column: NAME} in a recipe, "
    "--column NAME for corpus clean."
)
_NOT_READ = {
    b"PK\x03\x04": ("a zip archive", "Give it the suffix .zip, or unpack it."),
    b"PAR1": ("a Parquet table", _AS_TABLE),
    b"ARROW1": ("an Arrow table", _AS_TABLE),
    b"\x7fELF": ("a program", "Remove it from the corpus."),
    b"%PDF-": ("a PDF document", "Save its text as UTF-8 first."),
    b"\x89PNG": ("a picture", "Remove it from the corpus."),
}
LONGEST_LINE = 100_000_000  # characters; cleaning takes about twelve bytes for each
_NUL_SHARE = 0.1  # a few stray zero bytes are dirt in a text; more are an encoding


def read_blocks(path: Path, encoding: str = _UTF8) -> Iterator[str]:
    """Yield a file's text in blocks, without byte order mark and with "\\n" as the line end.

    Args:
        encoding: as Python spells it: `utf-8`, `latin1`, `cp1252`, `gb18030`, `utf-16`.

    Raises:
        InputError: the file cannot be read or unpacked, is not in this encoding (the message names
            byte and line), is no text, or has only white space.
    """
    refuse_pointer(path)
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            yield from decoded_blocks(str(path), file, size, encoding)
    except OSError as error:
        raise unreadable(path, error) from None


def decoded_blocks(
    name: str,
    file: io.BufferedIOBase,
    size: int,
    encoding: str = _UTF8,
    *,
    may_be_blank: bool = False,
) -> Iterator[str]:
    """Yield the text of an open file as `read_blocks` does.

    Args:
        name: the file's name, for its suffix and for messages.
        size: the file's own bytes, which bound what it may unpack to.
        may_be_blank: accept a file of nothing but white space.

    Raises:
        InputError: what `read_blocks` raises.
    """
    blocks = _decoded(name, unpacked_blocks(name, file, size), encoding)
    yield from _with_text(name, blocks, may_be_blank=may_be_blank)


def check_text(path: Path) -> int:
    """Read a file to its end, to find what is wrong with it.

    Returns:
        how many of its characters are U+FFFD, which stands for bytes that could not be decoded.

    Raises:
        InputError: what `read_blocks` raises; a line that is too long to be held in memory.
    """
    lost = length = 0
    for block in read_blocks(path):
        lost += block.count("\ufffd")
        end = block.rfind("\n")
        length = length + len(block) if end < 0 else len(block) - end - 1
        if length > LONGEST_LINE:
            raise InputError(
                f"{path} has a line of more than {LONGEST_LINE:,} characters",
                why="A line is cleaned as a whole, in memory.",
                mend=f"Put line ends into it first, for example: {_folded(path)}",
            )
    return lost


def _folded(path: Path) -> str:
    return f"fold -s -w 2000 {shlex.quote(str(path))} > {shlex.quote(path.stem + '.folded.txt')}"


def read_chunks(path: Path, size: int = 2**16) -> Iterator[tuple[str, bool]]:
    """Yield the lines of a file; a line that is longer than `size` comes in several chunks.

    A chunk may be a part of a line only if a space follows, so that it holds full words.

    Returns:
        each chunk, and whether it ends its line.

    Raises:
        InputError: what `read_blocks` raises.
    """
    rest = ""
    for block in read_blocks(path):
        *lines, rest = (rest + block).split("\n")
        for line in lines:
            yield line, True
        space = rest.rfind(" ") if len(rest) > size else -1
        if space > 0:
            yield rest[:space], False
            rest = rest[space:]
    yield rest, True


class TextSize(NamedTuple):
    """White-space words, characters and bytes of UTF-8."""

    words: int
    characters: int
    bytes: int


def size_of_text(path: Path) -> TextSize:
    """Count the text of a file.

    Raises:
        InputError: what `read_blocks` raises.
    """
    words, characters, size, is_inside = 0, 0, 0, False
    for block in read_blocks(path):
        words += len(block.split()) - (is_inside and not block[0].isspace())
        characters += len(block)
        size += len(block.encode())
        is_inside = not block[-1].isspace()
    return TextSize(words, characters, size)


def _decoded(name: str, blocks: Iterator[bytes], encoding: str) -> Iterator[str]:
    """Decode blocks; a character, or "\\r\\n", may lie across two of them."""
    decoder = codecs.getincrementaldecoder(encoding)()
    # A lone "\r" too, as in Python's text mode, in which the paper's code read its files.
    line_ends = io.IncrementalNewlineDecoder(None, translate=True)
    offset = lines = 0
    for number, block in enumerate(chain(blocks, [b""])):
        if not number and encoding == _UTF8:
            _refuse_other_format(name, block)
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            seen = error.object[error.start]
            start = offset - (len(error.object) - len(block)) + error.start
            line = lines + block.count(b"\n", 0, max(0, start - offset)) + 1
            raise _undecodable(name, encoding, start, line, seen) from None
        offset, lines = offset + len(block), lines + block.count(b"\n")
        yield line_ends.decode(text)
    yield line_ends.decode("", final=True)


def _with_text(name: str, blocks: Iterator[str], *, may_be_blank: bool) -> Iterator[str]:
    """Yield the blocks that are not empty, without the byte order mark."""
    is_first, has_text = True, False
    for block in blocks:
        text = block.removeprefix("\ufeff") if is_first and block else block
        is_first = is_first and not block
        has_text = has_text or bool(text.strip())
        if text:
            yield text
    if not has_text and not may_be_blank:
        raise InputError(
            f"{name} holds no text",
            why="It is empty, or has only white space.",
            mend="Add text to the file or remove it from the corpus.",
        )


def _refuse_other_format(name: str, start: bytes) -> None:
    for first, (kind, mend) in _NOT_READ.items():
        if start.startswith(first):
            raise InputError(f"{name} is {kind}, not text", mend=mend)
    if start.startswith((b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")):
        wide = start.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff"))
        raise _other_encoding(name, "Its first bytes mark", "UTF-32" if wide else "UTF-16")
    if start.count(0) > _NUL_SHARE * len(start):
        is_little = start[1::2].count(0) > start[::2].count(0)
        guess = "UTF-16LE" if is_little else "UTF-16BE"
        raise _other_encoding(name, "Many of its bytes are 0, as in", guess)


def _other_encoding(name: str, why: str, guess: str) -> InputError:
    return InputError(f"{name} is not UTF-8", why=f"{why} {guess}.", mend=_another(guess))


def _undecodable(name: str, encoding: str, offset: int, line: int, byte: int) -> InputError:
    shown = "UTF-8" if encoding == _UTF8 else encoding
    guess = "latin1" if encoding == _UTF8 else "utf-8"
    return InputError(
        f"{name} is not {shown}: byte {offset} (line {line}) is 0x{byte:02x}",
        why="It may be in another encoding, such as an older one of 8 bits, or be no text.",
        mend=_another(guess),
    )


def _another(guess: str) -> str:
    return (
        f"If it is {guess}, clean it with --encoding {guess}, or set corpus.source.encoding: "
        f"{guess} in a recipe."
    )
