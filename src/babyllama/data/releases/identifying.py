"""Say which official release some files are, byte for byte, or how they differ from it.

Official files are known by their size and hash alone. So a file is the official one; or it is, once
a change of line ends or a byte order mark is undone; or it differs, and only sizes can be compared.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from babyllama.console import ProgressBar
from babyllama.data.file_names import parse_name
from babyllama.data.releases.entries import Entry, entries_of
from babyllama.data.releases.known import Release, ReleaseFile, known_releases
from babyllama.data.releases.readings import Reading, pointed_at, read, undone
from babyllama.errors import InputError

_POINTER = "a git-lfs pointer: its text was not downloaded (git lfs pull)"
_OF_OTHER = "; it stands for other bytes than the official file has"


@dataclass(frozen=True)
class Found:
    """A file of the user beside an official one.

    Attributes:
        path: below the folder; of a member of a zip, `ZIP/MEMBER`.
        official: the name of the official file.
        state: `same` bytes; `changed`, if the text is the same; `pointer`, if it only stands for
            the file; `differs`.
        how: how it differs, in words; "" if it does not.
    """

    path: str
    official: str
    state: str
    how: str = ""


@dataclass(frozen=True)
class Match:
    """A release of which some files are there.

    Attributes:
        missing: official files that are not there, not even with other bytes.
        also: other releases that these files may be, as far as is known.
    """

    release: str
    title: str
    found: tuple[Found, ...]
    missing: tuple[str, ...]
    also: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """How many files the release has."""
        return len({each.official for each in self.found}) + len(self.missing)

    @property
    def same(self) -> int:
        """How many of them are there, byte for byte."""
        return len({each.official for each in self.found if each.state == "same"})

    @property
    def is_complete(self) -> bool:
        """Whether every official file is there, byte for byte."""
        return self.same == self.total


@dataclass(frozen=True)
class Identified:
    """What a folder holds: releases, and files of none of them.

    Attributes:
        files: how many there are.
        unreadable: files that could not be read, or stand for one that is not there, and why.
    """

    files: int
    matches: tuple[Match, ...]
    others: tuple[str, ...]
    unreadable: dict[str, str]


@dataclass
class _Candidates:
    """What a file may be: by its bytes, or by its name alone."""

    entry: Entry
    reading: Reading
    by_bytes: dict[str, Found] = field(default_factory=dict)
    by_name: dict[str, Found] = field(default_factory=dict)


def identify(path: Path) -> Identified:
    """Compare a folder, a file or a zip with all releases; subfolders and packed files too.

    Raises:
        InputError: there is nothing to read.
    """
    if not path.exists():
        raise InputError(f"{path} does not exist", mend="Check the path.")
    entries = list(entries_of(path))
    if not entries:
        raise InputError(
            f"{path} holds no files",
            mend="Give the folder that holds the files, or one file or zip.",
        )
    total = sum(each.stored for each in entries)
    candidates: list[_Candidates] = []
    unreadable = {}
    with ProgressBar("identify", total, "B") as progress:
        for entry in entries:
            progress.advance(0, note=entry.name)
            try:
                candidates.append(_candidates(entry))
            except InputError as error:  # one damaged file does not hide what the others are
                unreadable[entry.name] = error.what
            progress.advance(entry.stored)
    pointers = {
        each.entry.name
        for each in candidates
        if pointed_at(each.reading) and not each.by_bytes and not each.by_name
    }
    unreadable |= dict.fromkeys(sorted(pointers), _POINTER)
    matches, others = _sorted_out([x for x in candidates if x.entry.name not in pointers])
    return Identified(len(entries), matches, others, unreadable)


def _candidates(entry: Entry) -> _Candidates:
    reading = read(entry)
    found, oid = _Candidates(entry, reading), pointed_at(reading)
    for release, file in _official_files():
        if reading.is_of(file):
            found.by_bytes[release.name] = Found(entry.name, file.name, "same")
        elif oid and oid == file.sha256:
            found.by_bytes[release.name] = Found(entry.name, file.name, "pointer", _POINTER)
        elif _is_named_like(entry.name, file.name):
            found.by_name[release.name] = (
                Found(
                    entry.name, file.name, "pointer", _POINTER + (_OF_OTHER if file.sha256 else "")
                )
                if oid
                else Found(entry.name, file.name, "differs", _difference(reading, file))
            )
    if not found.by_bytes:
        for change, original in undone(entry, reading):
            for release, file in _official_files():
                if original.is_of(file):
                    how = f"the same text, but {change}"
                    found.by_bytes[release.name] = Found(entry.name, file.name, "changed", how)
    return found


def _official_files() -> Iterator[tuple[Release, ReleaseFile]]:
    for release in known_releases().values():
        for file in release.files:
            yield release, file


def _is_named_like(name: str, official: str) -> bool:
    """Whether a file is named like an official one, by domain and split; .txt and .gz do not count.

    A plain `childes.txt` is of the split that its folder names.
    """
    parts = name.split("/")
    mine, theirs = parse_name(parts[-1]), parse_name(official)
    split = mine.split
    if split in ("text", "other"):
        folder = parts[-2].lower() if len(parts) > 1 else ""
        split = next((each for each in ("train", "dev", "test") if each in folder), split)
    if split == "text":
        split = "train"
    return (mine.domain.lower(), split) == (theirs.domain, theirs.split)


def _difference(reading: Reading, file: ReleaseFile) -> str:
    """How a file differs from the official one of its name, in words."""
    size, official = reading.size, file.bytes
    if not size:
        return "empty"
    if official is None:
        return (
            f"{size:,} other bytes; how many the official file has is not known"
            if file.has_hash
            else f"{size:,} bytes; size and hash of the official file are not known"
        )
    share = f"{size:,} of {official:,} bytes ({_percent(size / official)})"
    if size == official:
        return f"other bytes, though as many: {official:,}"
    if size > official:
        return f"longer: {size:,} bytes, the official file has {official:,}"
    ends = "" if reading.ends_line else ", and its last line has no end"
    return f"cut short or other text: {share}{ends}"


def _percent(share: float) -> str:
    """A share that is below one stays below: 99.99% is not 100%."""
    return f"{min(share, 0.9999):.2%}" if share > 0.99 else f"{share:.1%}"


def _sorted_out(
    candidates: Sequence[_Candidates],
) -> tuple[tuple[Match, ...], tuple[str, ...]]:
    """Give every file to the release that explains most of the folder."""
    left, matches = list(candidates), []
    while left and (best := _best_release(left)):
        release, taken = known_releases()[best], []
        for each in list(left):
            found = each.by_bytes.get(best) or each.by_name.get(best)
            of_another = best not in each.by_bytes and each.by_bytes
            if found and not of_another:
                taken.append((each, found))
                left.remove(each)
        matches.append(_match(release, taken))
    order = list(known_releases())
    matches.sort(key=lambda each: order.index(each.release))
    return tuple(matches), tuple(each.entry.name for each in left)


def _best_release(left: Sequence[_Candidates]) -> str:
    """The release with most files by their bytes, then by their very names, then alike; "" if none.

    Of equals, one whose hashes are known, then the first.
    """
    scores = {}
    for name, release in known_releases().items():
        states = [each.by_bytes[name].state for each in left if name in each.by_bytes]
        alike = [each.by_name[name] for each in left if name in each.by_name and not each.by_bytes]
        of_name = sum(each.path.endswith(each.official) for each in alike)
        if states or alike:
            scores[name] = (
                states.count("same"),
                len(states),
                of_name,
                len(alike),
                all(file.has_hash for file in release.files),
                -_distance(release, left),
            )
    return max(scores, key=lambda name: scores[name], default="")


def _distance(release: Release, left: Sequence[_Candidates]) -> int:
    """How many bytes the files differ in size from those of a release, where both are known."""
    sizes = {file.name: file.bytes for file in release.files}
    alike = [(each.reading.size, each.by_name[release.name].official)
             for each in left if release.name in each.by_name]  # fmt: skip
    return sum(abs(size - (sizes[official] or size)) for size, official in alike)


def _match(release: Release, taken: Sequence[tuple[_Candidates, Found]]) -> Match:
    names = {found.official for _, found in taken}
    missing = tuple(file.name for file in release.files if file.name not in names)
    also = [
        name
        for name in known_releases()
        if name != release.name
        and all(name in (each.by_bytes or each.by_name) for each, _ in taken)
    ]
    return Match(
        release.name, release.title, tuple(found for _, found in taken), missing, tuple(also)
    )
