"""Whether a file has the bytes that a release, or the hub, says."""

import hashlib
from pathlib import Path

from babyllama.data.releases.known import Archive, ReleaseFile
from babyllama.errors import InputError
from babyllama.runs.files import begin_git_blob, hash_file


def git_blob(path: Path) -> str:
    """The id that git gives a file's contents: what `git hash-object` prints."""
    begun = begin_git_blob(path.stat().st_size)
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: begun).hexdigest()


def refuse_other_bytes(
    path: Path, official: ReleaseFile | Archive, *, of: str, mend: str, subject: str = ""
) -> None:
    """Compare a file's size and hash with the official ones, as far as these are known.

    Args:
        of: the release, for the message.
        mend: likewise: what to do with the file.
        subject: likewise: what is compared; the path if it is not given.

    Raises:
        InputError: they differ; both are shown.
    """
    what = f"{subject or path} is not {official.name} of {of}"
    size = path.stat().st_size
    if official.bytes is not None and size != official.bytes:
        raise InputError(
            f"{what}: it has {size:,} bytes, the official file {official.bytes:,}",
            why=_looks_like(path),
            mend=mend,
        )
    for kind, wanted in _hashes(official):
        found = git_blob(path) if kind == "git blob id" else hash_file(path)
        if found != wanted:
            raise InputError(
                f"{what}: checksum mismatch",
                why=f"Its {kind} is {found}, that of the official file {wanted}. "
                + _looks_like(path),
                mend=mend,
            )


def _hashes(official: ReleaseFile | Archive) -> list[tuple[str, str]]:
    git = official.git if isinstance(official, ReleaseFile) else None
    hashes = [("sha256", official.sha256), ("git blob id", git)]
    return [(kind, value) for kind, value in hashes if value]


def _looks_like(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(512).lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "It is a web page: perhaps of a network that wants a login in a browser first."
    return ""
