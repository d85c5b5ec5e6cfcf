"""Download one file, in as many requests as it takes.

What has arrived is kept in a file, and a request asks for the rest by its range. Servers and the
networks between may drop connections, ignore ranges, answer with other ranges, or send more or less
than they say: whoever calls this compares the checksum of the result.

The session, the token and the errors are huggingface_hub's; its downloads are not used.
`hf_hub_download` reads the hub alone, while many releases are zips elsewhere, and it deletes what
it has when it is interrupted. `http_get`, on which it is built, gives up when a server is busy
(503) or ends early, appends the answer to another range, and writes more than the file's size.
"""

import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from huggingface_hub import constants
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import get_session, hf_raise_for_status  # type: ignore[attr-defined]

from babyllama.errors import InputError
from babyllama.runs.files import naming

# Seconds before a new attempt. Whenever more of the file has arrived, they begin again.
PAUSES = (1.0, 2.0, 4.0, 8.0)
_BUSY = (408, 429, 500, 502, 503, 504)
# Exceptions of the HTTP library, whose module differs between releases of huggingface_hub.
_NO_CONNECTION = ("ConnectError", "ConnectTimeout")
_CUT = ("ReadError", "ReadTimeout", "RemoteProtocolError", "WriteError", "CloseError")


class Progress(Protocol):
    """What a progress bar does, as far as a download needs it."""

    def advance(self, amount: float, /) -> None:
        """Count bytes that arrived; negative for bytes that were lost."""

    def expect(self, total: float, /) -> None:
        """Say how many bytes will arrive in all."""


class CutShortError(Exception):
    """A server ended its answer before the file was complete, again and again."""


def download(
    url: str,
    part: Path,
    *,
    size: int | None,
    headers: Mapping[str, str],
    progress: Progress,
) -> None:
    """Complete a file from an address. What `part` has already is kept.

    Args:
        size: the bytes that the file has in the end; None if they are not known. Then the server's
            word counts.
        progress: is advanced by the bytes that arrive, or back when they are lost; and told what to
            expect if `size` is not known.

    Raises:
        InputError: the server sends more than `size`.
        CutShortError: it sends less, and nothing more at the next attempts.
        Exception: what the HTTP library raises; see `failures.explaining`.
    """
    transfer = _Transfer(url, part, size, headers, progress, total=size)
    pauses, most = iter(PAUSES), _bytes_in(part)
    has_answered = False
    while not transfer.is_complete():
        problem = _attempt(transfer, has_answered)
        has_answered = has_answered or part.exists()
        if _bytes_in(part) > most:
            pauses, most = iter(PAUSES), _bytes_in(part)
        if transfer.is_complete():
            return
        pause = next(pauses, None)
        if pause is None:
            raise problem or CutShortError(f"it sent {most:,} of {transfer.total or 0:,} bytes")
        time.sleep(pause)


@dataclass
class _Transfer:
    """A file on its way.

    Attributes:
        size: its official bytes, if they are known.
        total: these, or what the server says that it has.
    """

    url: str
    part: Path
    size: int | None
    headers: Mapping[str, str]
    progress: Progress
    total: int | None

    def is_complete(self) -> bool:
        return self.part.exists() and _bytes_in(self.part) == self.total

    def learn(self, total: int) -> None:
        """Take the server's word for a size that is not known."""
        if self.size is None and total != self.total:
            self.total = total
            self.progress.expect(total)

    def start_again(self) -> None:
        self.progress.advance(-_bytes_in(self.part))
        self.part.unlink(missing_ok=True)


def _attempt(transfer: _Transfer, has_answered: bool) -> Exception | None:
    """Send one request; returns what broke it, if another request may help.

    Raises:
        Exception: another request will not help.
    """
    try:
        _receive(transfer)
    except Exception as error:
        if not _may_pass(error, has_answered):
            raise
        return error
    return None


def _receive(transfer: _Transfer) -> None:
    """Send one request for what is missing, and append what arrives."""
    have = _bytes_in(transfer.part)
    # Compressed answers cannot be resumed: their ranges count compressed bytes.
    asked = {**transfer.headers, "Accept-Encoding": "identity"}
    asked |= {"Range": f"bytes={have}-"} if have else {}
    timeout = constants.HF_HUB_DOWNLOAD_TIMEOUT
    with get_session().stream("GET", transfer.url, headers=asked, timeout=timeout) as response:
        if response.status_code == 416 and _total(response) == have:
            transfer.learn(have)
        if transfer.is_complete():
            return
        if not _continues(response, have):
            transfer.start_again()
            have = 0
            if response.status_code in (206, 416):  # not the range that was asked for
                return
        hf_raise_for_status(response)
        if total := _total(response):
            transfer.learn(total)
        _append(transfer, have, response.iter_bytes())
        if transfer.total is None:  # the end of the answer is the end of the file
            transfer.learn(_bytes_in(transfer.part))


def _append(transfer: _Transfer, have: int, blocks: Iterable[bytes]) -> None:
    """Write what arrives after the first `have` bytes, but no more than the official size."""
    with naming(transfer.part), transfer.part.open("ab" if have else "wb") as file:
        for block in blocks:
            have += len(block)
            if transfer.size is not None and have > transfer.size:
                file.truncate(0)
                raise InputError(
                    f"{transfer.url} sends more than the {transfer.size:,} bytes that the official "
                    "file has",
                    why="It is another file, or the server is at fault. It was not kept.",
                    mend="Try again later, or another HF_ENDPOINT.",
                )
            file.write(block)
            transfer.progress.advance(len(block))


def _total(response: Any) -> int | None:
    """How many bytes the file has, as the server says."""
    if response.status_code in (206, 416):
        found = re.search(r"/(\d+)$", response.headers.get("Content-Range", ""))
        return int(found[1]) if found else None
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() and _is_plain(response) else None


def _continues(response: Any, have: int) -> bool:
    """Whether an answer goes on after the first `have` bytes; errors are left to others."""
    status = response.status_code
    if status == 206:
        found = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
        return found is not None and int(found[1]) == have and _is_plain(response)
    return not have or status not in (200, 416)


def _is_plain(response: Any) -> bool:
    return bool(response.headers.get("Content-Encoding", "identity") == "identity")


def _may_pass(error: Exception, has_answered: bool) -> bool:
    """Whether another attempt may help. Without a network it does not."""
    if isinstance(error, HfHubHTTPError):
        return error.response.status_code in _BUSY
    name = type(error).__name__
    return name in _CUT or (name in _NO_CONNECTION and has_answered)


def _bytes_in(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
