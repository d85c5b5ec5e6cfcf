"""Read a folder of folders, a zip, or source code: many files of each domain.

A file belongs to the split that its name or a folder names (`train`, `dev`, `valid`); test text is
not read. Its domain is its own name where that has a cleaner or names the split, as in BabyLM's
releases, else the outermost folder's. Code has the domain of its suffix, `code_py`.
"""

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple

from babyllama.data.cleaning.domains import CLEANERS
from babyllama.data.file_names import SPLITS, FileName, SplitName, parse_name, table_suffix
from babyllama.data.gathering.documents import Document, Reading
from babyllama.data.raw_text import decoded_blocks
from babyllama.data.sources import NAME_COLUMN, LeftOut, Split, broken_link
from babyllama.errors import InputError, listed, unreadable
from babyllama.recipe import FolderSource
from babyllama.runs.files import refuse_unprintable_name
from babyllama.runs.git_lfs import refuse_pointer
from babyllama.runs.zips import files_in, open_zip, opened_file


@dataclass(frozen=True)
class _Entry:
    """A file of a folder or a zip.

    Attributes:
        name: its path below the folder, or in the zip.
        shown: how messages name it.
        open: opens it for reading.
        is_regular: False for pipes and devices.
    """

    name: PurePosixPath
    shown: str
    size: int
    open: Callable[[], AbstractContextManager[Any]]
    is_regular: bool = True


@dataclass(frozen=True)
class _Text:
    entry: _Entry
    domain: str
    split: Split | None
    is_code: bool
    of_folder: bool  # whether a folder named the domain


def read_files(source: FolderSource) -> Reading:
    """Look at the files of a source. None is read yet, so what is wrong inside comes later.

    Raises:
        InputError: there is no text; two files would get one name; a name contradicts its folder; a
            link is broken; the zip is not safe.
    """
    path = source.path
    is_zip = path.is_file() and path.suffix.lower() == ".zip"
    entries = _in_zip(path) if is_zip else list(_in_folder(path))
    suffixes = {suffix.lower() for suffix in source.code}
    found = [_text_of(entry, suffixes) for entry in entries]
    texts = [each for each in found if isinstance(each, _Text)]
    left_out = tuple(each for each in found if isinstance(each, LeftOut))
    if not texts:
        raise _no_text(source, entries)
    _refuse_one_name_twice(path, texts)
    texts.sort(key=lambda each: (each.domain, each.entry.name.parts))
    return Reading(
        partial(_documents, texts, source.encoding, apart=source.dev_seed is not None),
        has_dev=any(each.split == "dev" for each in texts),
        notes=tuple(_in_words(texts)),
        left_out=left_out,
    )


def _in_folder(path: Path) -> Iterator[_Entry]:
    if path.is_file():
        name = PurePosixPath(path.name)
        yield _Entry(name, str(path), path.stat().st_size, partial(_opened, path))
        return
    for file in files_below(path):
        refuse_unprintable_name(file)
        is_regular = file.is_file()
        size = file.stat().st_size if is_regular else 0
        name = PurePosixPath(file.relative_to(path).as_posix())
        yield _Entry(name, str(file), size, partial(_opened, file), is_regular)


def files_below(folder: Path, above: tuple[Path, ...] = ()) -> Iterator[Path]:
    """All files of a folder that are in no hidden one, sorted, those of linked folders too.

    Args:
        above: the folders that it lies in; a link to one of them is not followed.

    Raises:
        InputError: a folder cannot be listed; a link is broken.
    """
    here = folder.resolve()
    if here in above:
        return
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise unreadable(folder, error) from None
    for path in paths:
        if path.is_dir():
            yield from () if path.name.startswith(".") else files_below(path, (*above, here))
        elif path.is_symlink() and not path.exists():
            raise broken_link(path)
        else:
            yield path


def _in_zip(path: Path) -> list[_Entry]:
    """The files of a zip; a folder that holds all of them is the archive's own and left out."""
    archive = open_zip(path)
    found = files_in(archive)
    names = [PurePosixPath(each.filename) for each in found]
    while names and all(len(name.parts) > 1 for name in names):
        first = {name.parts[0] for name in names}
        if len(first) > 1 or first & SPLITS.keys():
            break
        names = [PurePosixPath(*name.parts[1:]) for name in names]
    return [
        _Entry(name, f"{path}/{each.filename}", each.file_size, partial(opened_file, archive, each))
        for name, each in zip(names, found, strict=True)
    ]


def _text_of(entry: _Entry, code: set[str]) -> _Text | LeftOut:
    name = parse_name(entry.name.name, is_regular=entry.is_regular)
    folders = entry.name.parts[:-1]
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in folders)
    is_code = entry.name.suffix.lower() in code and not name.name.startswith(".")
    if hidden or (name.split == "other" and not is_code):
        why = "in a hidden folder" if hidden else name.why_left_out
        return LeftOut(str(entry.name), why)
    split = _split_of(entry, name, folders)
    if split == "test":
        return LeftOut(str(entry.name), "test text is not used")
    if is_code:
        domain, of_folder = f"code_{entry.name.suffix.lower()[1:]}", True
    else:
        domain, of_folder = _domain_of(name, folders)
    return _Text(entry, domain, split, is_code, of_folder)


def _split_of(entry: _Entry, name: FileName, folders: Sequence[str]) -> SplitName | None:
    """What the outermost folder of a split says, else the name; None if nothing does."""
    by_folder = next((SPLITS[part.lower()] for part in folders if part.lower() in SPLITS), None)
    by_name = SPLITS.get(name.split)
    if by_folder and name.marks_split and by_folder != by_name:
        raise InputError(
            f"{entry.shown} is {by_name} text by its name, but lies in a folder for {by_folder}",
            why="Text that is tested on must not be trained on.",
            mend=f"Move it, or call it {name.domain}.txt if it is {by_folder} text.",
        )
    return by_folder or by_name


def _domain_of(name: FileName, folders: Sequence[str]) -> tuple[str, bool]:
    """The domain of a text, and whether a folder named it."""
    outer = next((part for part in folders if part.lower() not in SPLITS), None)
    if outer is None or name.marks_split or name.domain in CLEANERS:
        return name.domain, False
    return outer, True


def _refuse_one_name_twice(path: Path, texts: Iterable[_Text]) -> None:
    """Check that a domain is one folder, or one file, in each split."""
    first: dict[tuple[str, str], _Text] = {}
    for text in texts:
        folded = unicodedata.normalize("NFC", text.domain.casefold())
        other = first.setdefault((text.split or "train", folded), text)
        if other is text or (text.of_folder and other.of_folder and other.domain == text.domain):
            continue
        raise InputError(
            f"{path} holds the domain {text.domain} twice: {other.entry.name} and "
            f"{text.entry.name}",
            why="A domain is one folder, or one file, in each split. Upper and lower case do not "
            "count.",
            mend="Rename or remove one of them.",
        )


def _documents(texts: Sequence[_Text], encoding: str, *, apart: bool) -> Iterator[Document]:
    """The files of all domains; if `apart`, each document of a file alone."""
    for text in texts:
        blocks = _blocks(text, encoding)
        if text.is_code:
            lines = (each.text for each in _lines(blocks) if not each.is_blank)
            yield Document(text.domain, text.split, lines)
        elif apart and text.split is None:
            for _, group in groupby(_lines(blocks), lambda each: each.document):
                yield Document(text.domain, None, (each.text for each in group))
        else:
            yield Document(text.domain, text.split, blocks)


def _blocks(text: _Text, encoding: str) -> Iterator[str]:
    entry = text.entry
    with entry.open() as file:
        # A package of Python has empty files.
        yield from decoded_blocks(
            entry.shown, file, entry.size, encoding, may_be_blank=text.is_code
        )


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    refuse_pointer(path)
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise unreadable(path, error) from None


class _Line(NamedTuple):
    """A line, or a piece of a long one, of the document with a number."""

    document: int
    text: str
    is_blank: bool = False


def _lines(blocks: Iterable[str]) -> Iterator[_Line]:
    """A text in lines; blank ones end a document and belong to it.

    A line may come in several pieces, so that memory holds a block and not the line.
    """
    number, inside, has_text = 0, False, False
    blank = ""  # the white space at a line's start
    for block in blocks:
        *lines, rest = block.split("\n")
        for line in lines:
            if inside or (blank + line).strip():
                number, has_text = number + (not has_text), True
                yield _Line(number, blank + line + "\n")
            else:
                has_text = False
                if number:
                    yield _Line(number, "\n", is_blank=True)
            blank, inside = "", False
        if inside or rest.strip():
            number, has_text = number + (not has_text), True
            yield _Line(number, blank + rest)
            blank, inside = "", True
        else:
            blank += rest


def _in_words(texts: Sequence[_Text]) -> Iterator[str]:
    for domain, group in groupby(texts, lambda each: each.domain):
        count = len(list(group))
        if count > 1:
            yield f"{domain}: {count:,} files"


def _no_text(source: FolderSource, entries: Sequence[_Entry]) -> InputError:
    names = [str(entry.name) for entry in entries]
    return InputError(
        f"{source.path} holds no text",
        why="Expected *.txt, *.train or *.dev, or .gz, .bz2, .xz or .zst of these"
        f"{''.join(f', or *{suffix}' for suffix in source.code)}; found "
        f"{listed(names) or 'nothing'}.",
        mend=NAME_COLUMN
        if any(map(table_suffix, names))
        else "Rename the texts, or name the suffixes of source code: corpus.source.code: [.py] in "
        "a recipe, --code .py for corpus clean.",
    )
