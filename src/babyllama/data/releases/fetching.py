"""Fetch a release into a folder: existing files are checked, missing ones are downloaded.

A file gets its name in the folder when its bytes were checked, so a folder never holds half a file.
What is unfinished is in `.fetch` inside the folder, where the next call finds it.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from huggingface_hub import constants
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

from babyllama.console import ProgressBar, format_bytes, print_status
from babyllama.data.file_names import parse_name
from babyllama.data.releases.checksums import refuse_other_bytes
from babyllama.data.releases.downloading import download
from babyllama.data.releases.failures import address, explaining, page
from babyllama.data.releases.known import (
    Archive,
    Release,
    ReleaseFile,
    known_releases,
    release_named,
)
from babyllama.data.releases.listing import listed
from babyllama.data.releases.unzipping import extract, member_of
from babyllama.data.sources import DEV_FOLDERS
from babyllama.errors import InputError, command
from babyllama.runs.durable import flush
from babyllama.runs.files import hash_file
from babyllama.runs.git_lfs import refuse_pointer
from babyllama.runs.lock import locked
from babyllama.runs.zips import open_zip

_WORK = ".fetch"


def fetch(name: str, out: Path) -> None:
    """Complete a release in a folder, under the official names of its files.

    Raises:
        InputError: no such release; the folder holds other text of the same split, or a file that
            has the name but not the bytes of an official one; a download fails, or what comes is
            not the official file; a zip that is not safe to unpack; too little space.
    """
    release = release_named(name)
    if release.repository and "://" not in constants.ENDPOINT:
        raise InputError(
            f"HF_ENDPOINT is {constants.ENDPOINT}",
            why="It must be an address that begins with https:// or http://.",
            mend="Correct it, or unset it to use https://huggingface.co.",
        )
    if not release.files:
        with explaining(release, out, ()):
            release = listed(release)
    _refuse_mixture(release, out)
    missing = [each for each in release.files if not _is_there(release, each, out / each.name)]
    work = out / _WORK / release.name
    if missing or work.exists():  # the last files may have been got by hand
        with locked(work, mend="fetch into another folder", shown=out):
            _complete(release, missing, out, work)
        shutil.rmtree(work, ignore_errors=True)
        with suppress(OSError):  # another release is unfinished there
            work.parent.rmdir()
    _print_facts(release, out, len(missing))


def _complete(release: Release, missing: Sequence[ReleaseFile], out: Path, work: Path) -> None:
    if missing and release.archive:
        _unpack(release, release.archive, missing, out, work)
    elif missing:
        _download_each(release, missing, out, work)


def _is_there(release: Release, file: ReleaseFile, path: Path) -> bool:
    """Whether a file is there with the official bytes; without a known hash, any bytes count."""
    if not path.exists() and not path.is_symlink():
        return False
    if not path.is_file():
        raise InputError(f"{path} is not a file", mend="Move it away: a file must be there.")
    refuse_pointer(path)
    refuse_other_bytes(
        path,
        file,
        of=release.name,
        mend="It was left as it is. Move it away, and the same command fetches the official file. "
        f"How it differs: {command('corpus', 'identify', path.parent)}",
    )
    return True


def _download_each(release: Release, missing: Sequence[ReleaseFile], out: Path, work: Path) -> None:
    """Download files of the hub one by one; each is in its place when its bytes are checked."""
    parts = {each.name: work / _part_name(each) for each in missing}
    there = sum(each.stat().st_size for each in parts.values() if each.exists())
    total = sum(each.bytes or 0 for each in missing)
    _refuse_full_disk(out, total - there)
    with ProgressBar(release.name, total, "B") as progress:
        progress.start_at(there)
        for number, file in enumerate(missing):
            part, target = parts[file.name], out / file.name
            progress.advance(0, note=file.name)
            with explaining(release, out, missing[number:]):
                download(
                    address(release, file),
                    part,
                    size=file.bytes,
                    headers=build_hf_headers(),
                    progress=progress,
                )
            _check(part, target, file, release)
            _place(part, target)


def _unpack(
    release: Release, archive: Archive, missing: Sequence[ReleaseFile], out: Path, work: Path
) -> None:
    """Take the files from the zip that lies in the folder, or from one that is downloaded."""
    given = out / archive.name
    zipped = given if given.exists() else work / archive.name
    if given.exists():
        mend = f"Download it again from {page(release)}."
        refuse_other_bytes(given, archive, of=release.name, mend=mend)
    else:
        _download_archive(release, archive, missing, out, zipped)
    with _discarding(zipped, unless=given), open_zip(zipped) as opened:
        members = {
            each: member_of(opened, f"{archive.folder}/{each.name}", each.bytes) for each in missing
        }
    total = sum(each.file_size for each in members.values())
    _refuse_full_disk(out, total)
    title = f"unpacking {archive.name}"
    with (
        _discarding(zipped, unless=given),
        open_zip(zipped) as opened,
        ProgressBar(title, total, "B") as progress,
    ):
        for file, member in members.items():
            part = work / file.name
            extract(opened, member, part, advance=progress.advance)
            _check(part, out / file.name, file, release)
            _place(part, out / file.name)
    _keep_or_drop(zipped, given, archive)


def _keep_or_drop(zipped: Path, given: Path, archive: Archive) -> None:
    """Keep a zip that other releases are in too, and say when one is not needed any more."""
    sharing = [
        each.name
        for each in known_releases().values()
        if each.archive and each.archive.address == archive.address
    ]
    if len(sharing) > 1:
        os.replace(zipped, given)
        print_status(f"{given} is kept: {', '.join(sharing)} are taken from it")
    elif zipped == given:
        print_status(f"{given} is unpacked and not needed any more")


def _download_archive(
    release: Release, archive: Archive, missing: Sequence[ReleaseFile], out: Path, zipped: Path
) -> None:
    """Download a zip; a finished one of an earlier call is kept."""
    if zipped.exists():
        return
    part = zipped.with_name(f"{zipped.name}.part")
    with ProgressBar(archive.name, archive.bytes or 0, "B") as progress:
        progress.start_at(part.stat().st_size if part.exists() else 0)
        with explaining(release, out, missing):  # no token: this is no hub
            download(archive.address, part, size=archive.bytes, headers={}, progress=progress)
    _check(part, zipped, archive, release)
    _place(part, zipped)


def _check(part: Path, target: Path, official: ReleaseFile | Archive, release: Release) -> None:
    """Compare what was downloaded or unpacked; it is discarded if it is not the official file."""
    with _discarding(part):
        refuse_other_bytes(
            part,
            official,
            of=release.name,
            mend="It was not kept. Try again; if it happens again, the server or the zip has "
            "another file.",
            subject=f"what came for {target}",
        )


@contextmanager
def _discarding(path: Path, *, unless: Path | None = None) -> Iterator[None]:
    """Delete a file of ours that turns out to be wrong, so that the next call starts anew."""
    try:
        yield
    except InputError:
        if path != unless:
            path.unlink(missing_ok=True)
        raise


def _place(part: Path, target: Path) -> None:
    """Give a checked file its name."""
    flush(part)
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(part, target)


def _part_name(file: ReleaseFile) -> str:
    """The name of an unfinished file: it is resumed only for the same bytes."""
    return f"{file.name.replace('/', '__')}.{(file.sha256 or file.git or 'unknown')[:12]}.part"


def _refuse_mixture(release: Release, out: Path) -> None:
    """Refuse a folder in which the release would be mixed with other text of its split.

    Raises:
        InputError: names the other text.
    """
    official = {each.name for each in release.files}
    splits = {parse_name(each).split for each in official} - {"other"}
    splits |= {"text"} if "train" in splits else set()  # DOMAIN.txt is read as training text
    mixed = []
    for path in sorted(out.iterdir()) if out.is_dir() and splits else ():
        if path.is_dir():
            is_split = path.name == "train" or (path.name in DEV_FOLDERS and "dev" in splits)
            mixed += [f"{path.name}/"] if is_split else []
        elif path.name not in official and parse_name(path.name).split in splits:
            mixed.append(path.name)
    if mixed:
        verb = "is" if len(mixed) == 1 else "are"
        raise InputError(
            f"{out} holds {', '.join(mixed[:5])}, which {verb} not of {release.name}",
            why="A corpus of this folder would mix two texts.",
            mend="Choose another folder, or move what is in the way.",
        )


def _refuse_full_disk(out: Path, needed: int) -> None:
    free = shutil.disk_usage(out).free
    if needed > free:
        raise InputError(
            f"{out} has too little space: the release needs {format_bytes(needed)} more, "
            f"{format_bytes(free)} are free",
            mend="Free some space, or choose another folder; then the same command goes on.",
        )


def _print_facts(release: Release, out: Path, fetched: int) -> None:
    """Say how the files were checked, and with what they can be compared."""
    checked = sum(each.has_hash for each in release.files)
    total = len(release.files)
    were = f"{total} files, {fetched} new" if fetched else f"{total} files, all there before"
    is_recorded = bool(release_named(release.name).files)
    checksum = "official checksum" if is_recorded else "checksum that the hub lists"
    print_status(f"{release.name}: {were}; {checked} have the {checksum}")
    if release.unknown:
        print_status(f"unknown for this release: {release.unknown}", style="yellow")
    if release.repository and release.revision:
        print_status(f"from {release.repository} at revision {release.revision}")
    for file in release.files if checked < total else ():
        if not file.has_hash:
            print_status(f"  {file.name}: sha256 {hash_file(out / file.name)}, nothing to compare")
