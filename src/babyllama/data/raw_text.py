"""Read raw text: strict UTF-8, whatever the line ends, compressed or not, block by block.

What is not text is refused by name: another encoding, an archive, a git-lfs pointer, a file of
white space.
"""

import codecs
import io
from collections.abc import Iterator
from pathlib import Path

from babyllama.errors import InputError, quoted
from babyllama.runs.git_lfs import refuse_pointer
from babyllama.runs.packed import unpacked_blocks

_NOT_READ = {b"PK\x03\x04": "a zip archive", b"\x28\xb5\x2f\xfd": "compressed with zstd"}
_NUL_SHARE = 0.1  # a few stray zero bytes are dirt in a text; more are an encoding


def read_blocks(path: Path) -> Iterator[str]:
    """Yield a file's text in blocks, without byte order mark and with "\\n" as the line end.

    Raises:
        InputError: the file cannot be read or unpacked, is not UTF-8 (the message names byte and
            line), is no text, or has only white space.
    """
    refuse_pointer(path)
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            blocks = unpacked_blocks(str(path), file, size)
            yield from _with_text(path, _decoded(path, blocks))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None


def read_text(path: Path) -> str:
    """Read a full file as `read_blocks` does.

    Raises:
        InputError: what `read_blocks` raises.
    """
    return "".join(read_blocks(path))


def check_text(path: Path) -> int:
    """Read a file to its end, to find what is wrong with it.

    Returns:
        how many of its characters are U+FFFD, which stands for bytes that could not be decoded.

    Raises:
        InputError: what `read_blocks` raises.
    """
    return sum(block.count("\ufffd") for block in read_blocks(path))


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


def count_words(path: Path) -> int:
    """Count a file's words, which are separated by white space.

    Raises:
        InputError: what `read_blocks` raises.
    """
    words, is_inside = 0, False
    for block in read_blocks(path):
        words += len(block.split()) - (is_inside and not block[0].isspace())
        is_inside = not block[-1].isspace()
    return words


def _decoded(path: Path, blocks: Iterator[bytes]) -> Iterator[str]:
    """Decode blocks; a character, or "\\r\\n", may lie across two of them."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    # A lone "\r" too, as in Python's text mode, in which the paper's code read its files.
    line_ends = io.IncrementalNewlineDecoder(None, translate=True)
    offset = lines = 0
    for number, block in enumerate(blocks):
        if not number:
            _refuse_other_format(path, block)
        try:
            text = decoder.decode(block)
        except UnicodeDecodeError as error:
            start = offset - (len(error.object) - len(block)) + error.start
            line = lines + block.count(b"\n", 0, max(0, start - offset)) + 1
            raise _not_utf8(path, start, line, error.object[error.start]) from None
        offset, lines = offset + len(block), lines + block.count(b"\n")
        yield line_ends.decode(text)
    rest = decoder.getstate()[0]
    if rest:
        raise _not_utf8(path, offset - len(rest), lines + 1, rest[0])
    yield line_ends.decode("", final=True)


def _with_text(path: Path, blocks: Iterator[str]) -> Iterator[str]:
    """Yield the blocks that are not empty, without the byte order mark."""
    is_first, has_text = True, False
    for block in blocks:
        text = block.removeprefix("\ufeff") if is_first and block else block
        is_first = is_first and not block
        has_text = has_text or bool(text.strip())
        if text:
            yield text
    if not has_text:
        raise InputError(
            f"{path} holds no text",
            why="It is empty, or has only white space.",
            mend="Add text to the file or remove it from the corpus.",
        )


def _refuse_other_format(path: Path, start: bytes) -> None:
    for first, kind in _NOT_READ.items():
        if start.startswith(first):
            raise InputError(f"{path} is {kind}, not text", mend="Unpack it first.")
    if start.startswith((b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")):
        wide = start.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff"))
        raise _other_encoding(path, "Its first bytes mark", "UTF-32" if wide else "UTF-16")
    if start.count(0) > _NUL_SHARE * len(start):
        is_little = start[1::2].count(0) > start[::2].count(0)
        guess = "UTF-16LE" if is_little else "UTF-16BE"
        raise _other_encoding(path, "Many of its bytes are 0, as in", guess)


def _other_encoding(path: Path, why: str, guess: str) -> InputError:
    return InputError(f"{path} is not UTF-8", why=f"{why} {guess}.", mend=_convert(path, guess))


def _not_utf8(path: Path, offset: int, line: int, byte: int) -> InputError:
    return InputError(
        f"{path} is not UTF-8: byte {offset} (line {line}) is 0x{byte:02x}",
        why="It may be in an older 8-bit encoding, or be no text.",
        mend=_convert(path, "latin1"),
    )


def _convert(path: Path, guess: str) -> str:
    return f"If it is {guess}, run: iconv -f {guess} -t utf-8 {quoted(path)} > new.txt"
