"""What a corpus folder is, and its files read as text.

    SRC/train/DOMAIN.train   or .txt, or either with .gz
    SRC/dev/DOMAIN.dev       or .txt, or either with .gz

A folder without `train/` keeps its texts side by side, and a single file is a corpus of one
domain. This module finds and decodes; it changes nothing but line ends (`cleaning` does).
"""

import gzip
import shlex
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from babyllama.errors import InputError

Split = Literal["train", "dev"]

SUFFIXES: dict[Split, tuple[str, ...]] = {"train": (".train", ".txt"), "dev": (".dev", ".txt")}


@dataclass(frozen=True)
class Domain:
    """One file of one split; its name, without suffixes, says which cleaner it gets."""

    name: str
    path: Path


def read_split(folder: Path, split: Split) -> list[Domain]:
    """List the domains of one split, sorted by name, without opening a file.

    Returns:
        For "dev" an empty list where the source has no dev texts of its own: `split_dev` then cuts
        them from train. For "train" never an empty list.

    Raises:
        InputError: the source is missing, it holds no text, or two files of the split have the
            same domain name.
    """
    if not folder.exists():
        raise InputError(
            f"{folder} does not exist",
            why="A corpus is a folder with train/ and dev/, a folder of .txt files, or one file.",
            mend="Check the path; relative paths start at the current folder.",
        )
    if folder.is_file():
        return [Domain(_domain_name(folder), folder)] if split == "train" else []

    place = folder / split
    nested = (folder / "train").is_dir()
    if split == "dev" and nested and not place.is_dir():
        return []
    # Side by side, a .txt file is train: only the suffix .dev can mark the other split.
    suffixes = SUFFIXES[split] if nested or split == "train" else (".dev",)
    place = place if nested else folder
    domains = _domains_in(place, suffixes)
    if not domains and (nested or split == "train"):
        raise _nothing_found(place, suffixes)
    return domains


def read_text(path: Path) -> str:
    """Read a file as strict UTF-8, without its byte order mark and with "\\n" as the line end.

    Raises:
        InputError: the file is not UTF-8 (says which byte of which line), is damaged gzip, or
            holds only white space.
    """
    data = _read_bytes(path)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _not_utf8(path, data, error.start) from None
    if not text.removeprefix("\ufeff").strip():
        raise InputError(
            f"{path} holds no text",
            why=f"Its {len(data)} bytes are only white space.",
            mend="Fill the file or take it out of the corpus.",
        )
    # A lone "\r" too, as Python's text mode does: the paper's code read its files that way.
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def split_dev(text: str, *, fraction: float, name: str) -> tuple[str, str]:
    """Cut the end of a text off as its dev split.

    The cut lies between documents (at a blank line) where that gives half to one and a half times
    the share asked for, else between lines, else, in a text of one line, between words.

    Args:
        fraction: the share of characters wanted for dev, between 0 and 1 exclusively.
        name: what to call the text in a message.

    Returns:
        train, dev; joined they are the text again.

    Raises:
        InputError: the fraction is out of range, or the text has no place to cut.
    """
    if not 0 < fraction < 1:
        raise InputError(
            f"dev_fraction is {fraction}",
            why="It is the share of the text kept out of training and lies between 0 and 1.",
            mend="Try 0.05.",
        )
    target = round(len(text) * (1 - fraction))
    for boundary, tolerance in (("\n\n", 0.5), ("\n", None), (" ", None)):
        cut = _boundary_near(text, boundary, target)
        off = abs((len(text) - cut) / (len(text) * fraction) - 1) if cut else None
        if off is not None and (tolerance is None or off <= tolerance):
            return text[:cut], text[cut:]
    raise InputError(
        f"{name} is too short to give a dev split of {fraction}",
        why="It has neither a line nor a word that could be cut off at its end.",
        mend="Put dev texts of your own into a dev/ folder beside train/.",
    )


def _domains_in(place: Path, suffixes: tuple[str, ...]) -> list[Domain]:
    found: dict[str, Path] = {}
    for path in sorted(place.iterdir()):
        plain = path.name.lower().removesuffix(".gz")
        if not path.is_file() or path.name.startswith(".") or not plain.endswith(suffixes):
            continue
        name = _domain_name(path)
        if name in found:
            raise InputError(
                f"{place} holds the domain {name} twice: {found[name].name} and {path.name}",
                why="A domain is one file in each split.",
                mend="Rename one of them, or take it away.",
            )
        found[name] = path
    return [Domain(name, found[name]) for name in sorted(found)]


def _domain_name(path: Path) -> str:
    without_gz = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    return without_gz.stem


def _read_bytes(path: Path) -> bytes:
    data = path.read_bytes()
    if path.suffix.lower() != ".gz":
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"{path} is not a whole gzip file",
            why=f"gzip says: {error}.",
            mend="Download it again; `gzip -t FILE` checks it.",
        ) from None


def _boundary_near(text: str, boundary: str, target: int) -> int:
    """The place just after the boundary nearest to `target` with text on both sides, or 0."""
    first, end = len(text) - len(text.lstrip()), len(text.rstrip())
    target = min(max(target, first), end)
    before = text.rfind(boundary, first, target)
    after = text.find(boundary, max(target - len(boundary), first), end)
    cuts = [at + len(boundary) for at in (before, after) if at >= 0]
    return min(cuts, key=lambda cut: abs(cut - target), default=0)


def _not_utf8(path: Path, data: bytes, offset: int) -> InputError:
    utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    guess = "utf-16" if utf16 else "latin1"
    line = data.count(b"\n", 0, offset) + 1
    return InputError(
        f"{path} is not UTF-8: byte {offset} (line {line}) is 0x{data[offset]:02x}",
        why="Its first two bytes say UTF-16." if utf16 else "Perhaps an older 8-bit encoding.",
        mend=f"If it is {guess}, run: iconv -f {guess} -t utf-8 {shlex.quote(str(path))} > new.txt",
    )


def _nothing_found(place: Path, suffixes: tuple[str, ...]) -> InputError:
    there = sorted(path.name + "/" * path.is_dir() for path in place.iterdir())
    listed = ", ".join(there[:8]) + (f" and {len(there) - 8} more" if len(there) > 8 else "")
    wanted = " or ".join(f"*{suffix}" for suffix in suffixes)
    return InputError(
        f"{place} holds no text",
        why=f"Looked for {wanted} (or .gz of these); there is {listed or 'nothing'}.",
        mend="Name the texts train/DOMAIN.txt and dev/DOMAIN.txt; folders called otherwise, "
        "train_10M say, must be renamed to train.",
    )
