"""The source that `babyllama corpus clean` reads: which kind it is, and where its raw text lies."""

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from babyllama.console import print_status, shown_as
from babyllama.errors import InputError
from babyllama.recipe import FolderSource, GatheredSource, HubSource, TableSource, parse

_OF_FOLDERS = {"nested", "code"}
_OF_ROWS = {"column", "document", "domain", "rows", "nulls"}
_OF_DATASETS = {"revision", "config"}
_OPTIONS = {"document": "document-column", "domain": "domain-column"}
_WRONG = {
    "hub": ("a dataset", _OF_FOLDERS | {"encoding"}),
    "table": ("a table", _OF_FOLDERS),
    "folder": ("a folder", _OF_ROWS | _OF_DATASETS),
}


def source_of(src: str, given: Mapping[str, Any]) -> GatheredSource:
    """The source that an argument and options mean.

    Args:
        given: the fields of the source that options gave.

    Raises:
        InputError: options of two kinds; a table without --column; a value out of range.
    """
    is_dataset = bool(_OF_DATASETS & given.keys()) or _is_saved(Path(src))
    kind = "hub" if is_dataset else "table" if _OF_ROWS & given.keys() else "folder"
    _refuse_mixture(kind, given)
    revision = given.get("revision")
    if revision is not None and not re.fullmatch("[0-9a-f]{40}", revision):
        raise InputError(
            f"--revision is {revision}, not a commit of 40 hexadecimal digits",
            why="A branch or a tag may change.",
            mend="Copy the commit from the history on the dataset's page.",
        )
    if kind == "hub":
        return parse(HubSource, {"kind": kind, "path": src, **given}, "corpus clean")
    if kind == "table":
        return parse(TableSource, {"kind": kind, "path": src, **given}, "corpus clean")
    _refuse_table_without_column(Path(src))
    return parse(FolderSource, {"kind": kind, "path": src, **given}, "corpus clean")


@contextmanager
def raw_text_of(source: GatheredSource, out: Path, domain: str | None) -> Iterator[Path]:
    """The folder or file of a source's raw text; a gathered one exists only inside the block.

    Raises:
        InputError: the source cannot be read.
    """
    from babyllama.data.gathering.gather import gather, unused_in_words
    from babyllama.data.sources import read_source

    if isinstance(source, FolderSource) and not source.is_gathered:
        with _readable_twice(source.path, domain) as path:
            # A source that is gone is an error here, though `run` goes on.
            for line in unused_in_words(source, has_dev=bool(read_source(path).dev)):
                print_status(line, style="yellow")
            yield path
        return
    beside = out.absolute().parent  # /tmp may be too small
    beside.mkdir(parents=True, exist_ok=True)
    with (
        TemporaryDirectory(prefix=f"{out.name}.source.", dir=beside) as folder,
        _as(Path(folder), Path(source.path)),
    ):
        gather(source, Path(folder))
        yield Path(folder)


@contextmanager
def _readable_twice(source: Path, domain: str | None) -> Iterator[Path]:
    """The source, or a copy of what comes out of a pipe, which can be read only once."""
    if not source.is_fifo():
        yield source
        return
    with TemporaryDirectory() as folder:
        copy = Path(folder) / f"{domain or 'text'}.txt"
        with source.open("rb") as pipe, copy.open("wb") as file:
            shutil.copyfileobj(pipe, file)
        with _as(copy, source):
            yield copy


@contextmanager
def _as(copy: Path, source: Path) -> Iterator[None]:
    """Name the source in messages, not the copy of its text."""
    try:
        with shown_as(str(copy), str(source)):
            yield
    except InputError as error:
        texts = (error.what, error.why, error.mend)
        what, why, mend = (text.replace(str(copy), str(source)) for text in texts)
        raise InputError(what, why=why, mend=mend) from None


def _is_saved(path: Path) -> bool:
    """Whether `save_to_disk` of datasets wrote a folder."""
    return any((path / name).is_file() for name in ("dataset_dict.json", "state.json"))


def _refuse_mixture(kind: str, given: Mapping[str, Any]) -> None:
    named, wrong = _WRONG[kind]
    for name in sorted(wrong & given.keys()):
        raise InputError(
            f"--{_OPTIONS.get(name, name)} does not go with {named}",
            why=f"The other options say that SRC is {named}.",
            mend="Leave one of them out.",
        )


def _refuse_table_without_column(path: Path) -> None:
    from babyllama.data.file_names import table_suffix

    if path.is_file() and table_suffix(path.name):
        raise InputError(
            f"{path} is a table",
            why="Its columns and separators are not text to learn from.",
            mend="Name the column of its text: --column NAME",
        )
