"""A file's hashes and line ends, and its bytes before a program changed its line ends."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from babyllama.data.releases.entries import Entry
from babyllama.data.releases.known import ReleaseFile
from babyllama.runs.files import begin_git_blob

_MARK = b"\xef\xbb\xbf"  # UTF-8's byte order mark, which some editors for Windows add
_POINTER = re.compile(rb"version https://git-lfs\S+\noid sha256:([0-9a-f]{64})\n")


@dataclass(frozen=True)
class Reading:
    """A file's bytes in numbers.

    Attributes:
        size: in bytes.
        start: its first bytes.
        windows_ends: how many lines end in CR LF.
        other_ends: how many bytes are CR without LF.
        line_feeds: how many are LF.
        ends_line: whether its last byte ends a line.
    """

    size: int
    git: str
    sha256: str
    start: bytes = b""
    windows_ends: int = 0
    other_ends: int = 0
    line_feeds: int = 0
    ends_line: bool = True

    def is_of(self, file: ReleaseFile) -> bool:
        """Whether these are the bytes of an official file."""
        return self.git == file.git or self.sha256 == file.sha256


def read(entry: Entry) -> Reading:
    """Hash a file and count its line ends."""
    size = sum(len(block) for block in entry.blocks())  # git's hash begins with it
    git, sha256 = begin_git_blob(size), hashlib.sha256()
    windows = returns = feeds = 0
    start, last = b"", b""
    for block in entry.blocks():
        git.update(block)
        sha256.update(block)
        windows += block.count(b"\r\n") + (last == b"\r" and block[:1] == b"\n")
        returns += block.count(b"\r")
        feeds += block.count(b"\n")
        start = start or block[:256]
        last = block[-1:]
    is_ended = last in (b"\n", b"\r")
    return Reading(
        size,
        git.hexdigest(),
        sha256.hexdigest(),
        start,
        windows,
        returns - windows,
        feeds,
        is_ended,
    )


def pointed_at(reading: Reading) -> str:
    """The sha256 of the file for which a git-lfs pointer stands; "" if it is none."""
    found = _POINTER.match(reading.start)
    return found[1].decode() if found else ""


def undone(entry: Entry, reading: Reading) -> Iterator[tuple[str, Reading]]:
    """The file as it was before a program changed its line ends or its beginning.

    Yields:
        what was changed, in words, and the reading without that.
    """
    changes = []
    if has_mark := reading.start.startswith(_MARK):
        changes.append("a byte order mark was added")
    old, fewer = b"", 0
    if reading.windows_ends:
        old, fewer = b"\r\n", reading.windows_ends
        changes.append("with Windows line ends")
    elif reading.other_ends and not reading.line_feeds:
        old = b"\r"
        changes.append("with old Mac line ends")
    size = reading.size - fewer - len(_MARK) * has_mark
    if not size:
        return
    # One pass gives all but the last byte; then the file may end in three ways.
    gits = {end: begin_git_blob(size + end) for end in (-1, 0, 1)}
    sha256 = hashlib.sha256()
    last = b""
    for block in _replaced(_without_mark(entry.blocks(), has_mark), old):
        body, last = last + block[:-1], block[-1:]
        sha256.update(body)
        for git in gits.values():
            git.update(body)
    ends = {0: last, 1: last + b"\n"} | ({-1: b""} if last == b"\n" else {})
    said = {0: [], 1: ["its last line end is gone"], -1: ["a last line end was added"]}
    for end, tail in ends.items():
        if changes + said[end]:
            whole = sha256.copy()
            whole.update(tail)
            gits[end].update(tail)
            found = Reading(size + end, gits[end].hexdigest(), whole.hexdigest())
            yield " and ".join(changes + said[end]), found


def _without_mark(blocks: Iterable[bytes], has_mark: bool) -> Iterator[bytes]:
    for number, block in enumerate(blocks):
        yield block[len(_MARK) :] if has_mark and number == 0 else block


def _replaced(blocks: Iterable[bytes], old: bytes) -> Iterator[bytes]:
    """Blocks, none of them empty, with LF in place of other line ends."""
    held = b""
    for block in blocks:
        joined = held + block
        held = b"\r" if joined.endswith(b"\r") and old == b"\r\n" else b""
        joined = joined[: len(joined) - len(held)]
        if joined:
            yield joined.replace(old, b"\n") if old else joined
    if held:
        yield held
