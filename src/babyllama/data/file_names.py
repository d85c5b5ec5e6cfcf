"""What the name of a file says about the text in it: its domain and its split."""

from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from babyllama.runs import packed

SplitName = Literal["train", "dev", "test"]

# What files and folders call each split.
SPLITS: dict[str, SplitName] = {
    "train": "train",
    "dev": "dev",
    "valid": "dev",
    "validation": "dev",
    "val": "dev",
    "test": "test",
}
_TEXT_TABLES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv")
ARROW_TABLES = (".parquet", ".arrow", ".feather")


@dataclass(frozen=True)
class FileName:
    """A file's name, taken apart.

    Attributes:
        name: the full name.
        domain: the name without suffixes: `childes` of `childes.train.txt.gz`.
        split: what the name says: a split, `text` for plain .txt, or `other` for no text.
        marks_split: whether a suffix names the split, not the full name (`dev.txt`) or nothing.
        is_new: whether the first releases of this package read such a name otherwise.
        why_left_out: why the file is no text of the corpus, if it is none.
    """

    name: str
    domain: str
    split: Literal["train", "dev", "test", "text", "other"]
    marks_split: bool = False
    is_new: bool = False
    why_left_out: str = ""


def without_packing(name: str) -> str:
    """A file's name without the suffix that says how it is compressed."""
    path = PurePath(name)
    return path.stem if path.suffix.lower() in packed.SUFFIXES else name


def table_suffix(name: str) -> str:
    """What kind of table a file is by its name; "" if it is none."""
    suffix = PurePath(without_packing(name)).suffix.lower()
    return suffix if suffix in (*_TEXT_TABLES, *ARROW_TABLES) else ""


def parse_name(name: str, *, is_regular: bool = True) -> FileName:
    """Take a file's name apart.

    Args:
        is_regular: False for pipes and devices, which are never texts.
    """
    inner = without_packing(name)
    is_txt = inner.lower().endswith(".txt")
    base = inner[:-4] if is_txt else inner
    domain, dot, last = base.rpartition(".")
    other = FileName(name, base if is_txt else domain or base, "other")
    if not is_regular:
        return _other(other, "not a regular file")
    if name.startswith("."):
        return _other(other, "a hidden file")
    is_new = PurePath(name).suffix.lower() in (".bz2", ".xz")
    if split := SPLITS.get(last.lower()) if dot and domain else None:
        is_new = is_new or is_txt or last.lower() not in ("train", "dev", "test")
        why = "test text is not used" if split == "test" else ""
        return FileName(name, domain, split, True, is_new, why)
    if not is_txt:
        return _other(other, "not called *.txt, *.train or *.dev")
    if split := SPLITS.get(base.lower()):  # train.txt, valid.txt, test.txt
        why = "test text is not used" if split == "test" else ""
        return FileName(name, base, split, False, is_new or split != "train", why)
    return FileName(name, base, "text", False, is_new)


def _other(name: FileName, why: str) -> FileName:
    return FileName(name.name, name.domain, "other", why_left_out=why)
