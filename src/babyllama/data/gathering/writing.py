"""Write documents into train/DOMAIN.txt and dev/DOMAIN.txt as they come.

If the source has no dev text, documents are drawn for it: one of every twenty for a share of 0.05,
so that a long domain has as good a part of dev as a short one. The draw depends on the seed, the
domain and the document's place, or its name where the source has names: all rows of a document are
of one split.
"""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from babyllama.data.file_names import parse_name
from babyllama.data.gathering.documents import Document
from babyllama.data.sources import Split
from babyllama.errors import InputError
from babyllama.recipe.names import LONGEST_NAME

MOST_DOMAINS = 200
_IN_NAMES = re.compile(r"[^\w.+-]+")

Draw = Callable[[Document, int], Split]


def write_documents(
    documents: Iterable[Document], out: Path, *, draw: Draw | None
) -> dict[str, dict[str, int]]:
    """Write all documents, those of a domain one after another.

    Args:
        draw: decides the split of a document that has none, given its number in its domain; None
            to take all for train.

    Returns:
        how many documents each split has of each domain.

    Raises:
        InputError: a domain that cannot be a file's name, two that would be one, or too many; no
            text at all; or a draw that leaves a split without text.
    """
    numbers: Counter[str] = Counter()
    counted: dict[str, Counter[str]] = {"train": Counter(), "dev": Counter()}
    with ExitStack() as stack:
        files = _Files(out, stack)
        for document in documents:
            numbers[document.domain] += 1
            split = document.split
            if split is None:
                split = draw(document, numbers[document.domain] - 1) if draw else "train"
            name, has_text = files.write(split, document)
            counted[split][name] += has_text
    _refuse_empty(counted, drawn=draw is not None)
    return {split: dict(sorted(counts.items())) for split, counts in counted.items()}


def drawn(seed: int, fraction: float) -> Draw:
    """A draw of a share of the documents for dev."""

    def draw(document: Document, number: int) -> Split:
        if document.name is not None:
            is_dev = _share(seed, document.domain, document.name) < fraction
        else:
            stratum = int(number * fraction)
            first, end = _start(stratum, fraction), _start(stratum + 1, fraction)
            place = _share(seed, document.domain, str(stratum)) * (end - first)
            is_dev = number == first + int(place)
        return "dev" if is_dev else "train"

    return draw


def _start(stratum: int, fraction: float) -> int:
    """The number of the first document of a stratum: the first with int(number * fraction)."""
    number = int(stratum / fraction)
    while int(number * fraction) < stratum:
        number += 1
    while number and int((number - 1) * fraction) >= stratum:
        number -= 1
    return number


def _share(seed: int, *names: str) -> float:
    """A number in [0, 1) that a seed and names determine."""
    text = "/".join([str(seed), *names]).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=6).digest()) / 2**48


class _Files:
    """The open files of all domains and splits."""

    def __init__(self, out: Path, stack: ExitStack) -> None:
        self._out = out
        self._stack = stack
        self._open: dict[tuple[Split, str], IO[str]] = {}
        self._ends: dict[tuple[Split, str], str] = {}  # the last two characters of each
        self._names: dict[str, str] = {}  # of files, by domain
        self._domains: dict[str, str] = {}  # by folded name of the file

    def write(self, split: Split, document: Document) -> tuple[str, bool]:
        """Append a document, after a blank line.

        Returns:
            the name of its file without suffix, and whether it has text.
        """
        name = self._names.get(document.domain) or self._new_name(document.domain)
        key = (split, name)
        file, end = self._open.get(key) or self._opened(key), self._ends.get(key, "")
        gap = "\n" * (2 - (len(end) - len(end.rstrip("\n")))) if end else ""
        has_text = False
        for piece in filter(None, document.pieces):
            file.write(gap + piece)
            gap, end, has_text = "", (end + piece[-2:])[-2:], True
        self._ends[key] = end
        return name, has_text

    def _opened(self, key: tuple[Split, str]) -> IO[str]:
        split, name = key
        (self._out / split).mkdir(parents=True, exist_ok=True)
        path = self._out / split / f"{name}.txt"
        file = self._stack.enter_context(path.open("w", encoding="utf-8", newline="\n"))
        self._open[key] = file
        return file

    def _new_name(self, domain: str) -> str:
        name = unicodedata.normalize("NFC", _IN_NAMES.sub("_", domain).strip("."))
        names_split = parse_name(f"{name}.txt").marks_split
        if not name.strip("_") or len(name.encode()) > LONGEST_NAME or names_split:
            raise InputError(
                f"the domain {domain[:60]!r} cannot be the name of a file",
                why=f"A file is named after each domain: at most {LONGEST_NAME} bytes of letters, "
                "digits and _ . + -, without .train or .dev at the end.",
                mend="Rename it, or choose another column of domains.",
            )
        other = self._domains.setdefault(name.casefold(), domain)
        if other != domain:
            raise InputError(
                f"the domains {other!r} and {domain!r} would get one file, {name}.txt",
                why="Upper and lower case do not count, and other signs become _.",
                mend="Rename one of them.",
            )
        if len(self._domains) > MOST_DOMAINS:
            raise InputError(
                f"the text has more than {MOST_DOMAINS} domains; the last is {domain[:60]!r}",
                why="Each becomes a file, a cleaner's choice and a row of the report.",
                mend="If the column names documents, give it as the column of documents.",
            )
        self._names[domain] = name
        return name


def _refuse_empty(counted: dict[str, Counter[str]], *, drawn: bool) -> None:
    total = counted["train"].total() + counted["dev"].total()
    if not total:
        raise InputError(
            "the source holds no text",
            why="All its rows are empty, or it has none.",
            mend="Choose another column or file.",
        )
    missing = [split for split in ("train", "dev") if not counted[split].total()]
    if missing and (drawn or missing == ["train"]):
        count = "one document" if total == 1 else f"{total:,} documents"
        share = f"{min(0.5, round(2 / total, 3)):g}"
        larger = (
            f"Draw a larger share: --dev-fraction {share}, or corpus.source.dev_fraction: {share} "
            "in a recipe. Or give"
        )
        raise InputError(
            f"the text has {count}, which leaves no {missing[0]} text",
            why="Whole documents are drawn for dev.",
            mend=f"{larger if total > 1 else 'Give'} dev texts of their own.",
        )
