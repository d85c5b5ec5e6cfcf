"""Download one file, in as many requests as it takes.

What has arrived is kept in a file, and a request asks for the rest by its range. Servers and the
networks between may drop connections, ignore ranges, answer with other ranges, or send more or less
than they say: whoever calls this compares the checksum of the result.
"""

import re
import time
from collections.abc import Mapping
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
            word counts, and a file that was left unfinished starts again.
        progress: is advanced by the bytes that arrive, or back when they are lost; and told what to
            expect if `size` is not known.

    Raises:
        InputError: the server sends more than `size`.
        CutShortError: it sends less, and nothing more at the next attempts.
        Exception: what the HTTP library raises; see `failures.explaining`.
    """
    if size is None or _bytes_in(part) > size:
        part.unlink(missing_ok=True)
    pauses, most = iter(PAUSES), _bytes_in(part)
    has_answered = False
    while size is None or not part.exists() or _bytes_in(part) < size:
        try:
            _receive(url, part, size, headers, progress)
            if size is None:
                return
            problem: Exception | None = None
        except Exception as error:
            if not _may_pass(error, has_answered):
                raise
            problem = error
        has_answered = has_answered or part.exists()
        if _bytes_in(part) > most:
            pauses, most = iter(PAUSES), _bytes_in(part)
        pause = next(pauses, None)
        if pause is None:
            raise problem or CutShortError(f"it sent {most:,} of {size:,} bytes")
        if most != size:
            time.sleep(pause)


def _receive(
    url: str,
    part: Path,
    size: int | None,
    headers: Mapping[str, str],
    progress: Progress,
) -> None:
    """Send one request for what is missing, and append what arrives."""
    have = _bytes_in(part)
    if size is None:  # what an earlier request brought cannot be told from another file's start
        progress.advance(-have)
        have = 0
    # Compressed answers cannot be resumed: their ranges count compressed bytes.
    asked = {**headers, "Accept-Encoding": "identity"}
    asked |= {"Range": f"bytes={have}-"} if have else {}
    timeout = constants.HF_HUB_DOWNLOAD_TIMEOUT
    with get_session().stream("GET", url, headers=asked, timeout=timeout) as response:
        if not _continues(response, have):
            progress.advance(-have)
            have = 0
            if response.status_code in (206, 416):  # not the range that was asked for
                part.unlink(missing_ok=True)
                return
        hf_raise_for_status(response)
        if size is None:
            progress.expect(float(response.headers.get("Content-Length", 0)))
        with naming(part), part.open("ab" if have else "wb") as file:
            for block in response.iter_bytes():
                have += len(block)
                if size is not None and have > size:
                    file.truncate(0)
                    raise InputError(
                        f"{url} sends more than the {size:,} bytes that the official file has",
                        why="It is another file, or the server is at fault. It was not kept.",
                        mend="Try again later, or another HF_ENDPOINT.",
                    )
                file.write(block)
                progress.advance(len(block))


def _continues(response: Any, have: int) -> bool:
    """Whether an answer goes on after the first `have` bytes; errors are left to others."""
    status = response.status_code
    if status == 206:
        found = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
        is_plain = response.headers.get("Content-Encoding", "identity") == "identity"
        return found is not None and int(found[1]) == have and is_plain
    return not have or status not in (200, 416)


def _may_pass(error: Exception, has_answered: bool) -> bool:
    """Whether another attempt may help. Without a network it does not."""
    if isinstance(error, HfHubHTTPError):
        return error.response.status_code in _BUSY
    name = type(error).__name__
    return name in _CUT or (name in _NO_CONNECTION and has_answered)


def _bytes_in(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
