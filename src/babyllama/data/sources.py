"""Find the files of a corpus folder and read them as text.

    SRC/train/DOMAIN.train   or .txt, or either with .gz
    SRC/dev/DOMAIN.dev       or .txt, or either with .gz

A folder without `train/` has its files directly in it, and a single file is a corpus of one
domain. This module changes nothing but line ends; `cleaning` cleans.
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
    """One file of one split. Its name without suffixes selects its cleaner."""

    name: str
    path: Path


def read_split(folder: Path, split: Split) -> list[Domain]:
    """List the domains of one split, sorted by name. No file is opened.

    Returns:
        For "dev" an empty list if the source has no dev texts: `split_dev` then takes them from
        train. For "train" never an empty list.

    Raises:
        InputError: the source does not exist, it has no text, or two files of the split have the
            same domain name.
    """
    if not folder.exists():
        raise InputError(
            f"{folder} does not exist",
            why="A corpus is a folder with train/ and dev/, a folder of .txt files, or one file.",
            mend="Check the path. Relative paths start at the current folder.",
        )
    if folder.is_file():
        return [Domain(_domain_name(folder), folder)] if split == "train" else []

    nested = (folder / "train").is_dir()
    if split == "dev" and nested and not (folder / split).is_dir():
        return []
    # Without train/ and dev/, a .txt file is train; only the suffix .dev marks a dev file.
    suffixes = SUFFIXES[split] if nested or split == "train" else (".dev",)
    folder = folder / split if nested else folder
    domains = _domains_in(folder, suffixes)
    if not domains and (nested or split == "train"):
        raise _nothing_found(folder, suffixes)
    return domains


def read_text(path: Path) -> str:
    """Read a file as strict UTF-8, without byte order mark and with "\\n" as the line end.

    Raises:
        InputError: the file is not UTF-8 (the message names byte and line), is damaged gzip, or
            has only white space.
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
            mend="Add text to the file or remove it from the corpus.",
        )
    # A lone "\r" too, as in Python's text mode, in which the paper's code read its files.
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def split_dev(text: str, *, fraction: float, name: str) -> tuple[str, str]:
    """Split a text into train and dev; dev is its end.

    The text is split between documents (at a blank line) if that gives between half and one and a
    half times the wanted share, else between lines, else (in a text of one line) between words.

    Args:
        fraction: the wanted share of characters for dev, greater than 0 and less than 1.
        name: the text's name in messages.

    Returns:
        train, dev. Joined, they are the text.

    Raises:
        InputError: the fraction is out of range, or the text cannot be split.
    """
    if not 0 < fraction < 1:
        raise InputError(
            f"dev_fraction is {fraction}",
            why="It is the share of the text that is not trained on. It is between 0 and 1.",
            mend="Try 0.05.",
        )
    target = round(len(text) * (1 - fraction))
    for boundary, tolerance in (("\n\n", 0.5), ("\n", None), (" ", None)):
        cut = _boundary_near(text, boundary, target)
        error = abs((len(text) - cut) / (len(text) * fraction) - 1) if cut else None
        if error is not None and (tolerance is None or error <= tolerance):
            return text[:cut], text[cut:]
    raise InputError(
        f"{name} is too short for a dev split of {fraction}",
        why="It has only one line with only one word.",
        mend="Put dev texts into a dev/ folder beside train/.",
    )


def _domains_in(folder: Path, suffixes: tuple[str, ...]) -> list[Domain]:
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        uncompressed = path.name.lower().removesuffix(".gz")
        is_hidden = path.name.startswith(".")
        if not path.is_file() or is_hidden or not uncompressed.endswith(suffixes):
            continue
        name = _domain_name(path)
        if name in found:
            raise InputError(
                f"{folder} holds the domain {name} twice: {found[name].name} and {path.name}",
                why="A domain is one file in each split.",
                mend="Rename or remove one of them.",
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
            f"{path} is not a complete gzip file",
            why=f"gzip reports: {error}.",
            mend="Download it again. `gzip -t FILE` checks it.",
        ) from None


def _boundary_near(text: str, boundary: str, target: int) -> int:
    """The index after the boundary nearest to `target` that has text on both sides, or 0."""
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
        why="Its first two bytes mark UTF-16."
        if utf16
        else "It may be in an older 8-bit encoding.",
        mend=f"If it is {guess}, run: iconv -f {guess} -t utf-8 {shlex.quote(str(path))} > new.txt",
    )


def _nothing_found(folder: Path, suffixes: tuple[str, ...]) -> InputError:
    names = sorted(path.name + "/" * path.is_dir() for path in folder.iterdir())
    listed = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    wanted = " or ".join(f"*{suffix}" for suffix in suffixes)
    return InputError(
        f"{folder} holds no text",
        why=f"Expected {wanted}, or .gz of these; found {listed or 'nothing'}.",
        mend="Name the texts train/DOMAIN.txt and dev/DOMAIN.txt. Rename folders such as train_10M "
        "to train.",
    )
