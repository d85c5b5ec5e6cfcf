"""Gather a source into a folder of raw text, and check one before any long work."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from babyllama.console import print_status
from babyllama.data.gathering.documents import Reading
from babyllama.data.gathering.files import read_files
from babyllama.data.gathering.hub import read_dataset
from babyllama.data.gathering.table_files import read_tables
from babyllama.data.gathering.writing import drawn, write_documents
from babyllama.data.sources import left_out_in_words, read_source
from babyllama.errors import InputError, listed, numbered
from babyllama.recipe import FolderSource, GatheredSource, HubSource, TableSource


def look_at_source(source: GatheredSource) -> Reading:
    """Check what can be checked without reading all of a source.

    Raises:
        InputError: what `read_files`, `read_tables` or `read_dataset` raise; the path is not there.
    """
    refuse_missing(source)
    if isinstance(source, TableSource):
        return read_tables(source)
    return read_dataset(source) if isinstance(source, HubSource) else read_files(source)


def gather(source: GatheredSource, out: Path) -> dict[str, Any]:
    """Write the text of a source to train/DOMAIN.txt and dev/DOMAIN.txt of a folder.

    A folder's text stays as it is, and without dev text there is no dev/: the ends of its files
    become it when they are cleaned, unless `dev_seed` draws documents.

    Returns:
        `documents` of each split by domain (a file that is not taken apart counts as one),
        `left_out`, `skipped`.

    Raises:
        InputError: what `look_at_source` or `write_documents` raise, or text that cannot be read.
    """
    reading = look_at_source(source)
    for line in (*reading.notes, *left_out_in_words(reading.left_out)):
        print_status(line)
    for line in unused_in_words(source, has_dev=reading.has_dev):
        print_status(line, style="yellow")
    draw = None
    if not reading.has_dev and source.dev_seed is not None:
        draw = drawn(source.dev_seed, source.dev_fraction)
    documents = write_documents(reading.documents(), out, draw=draw)
    _print_counts(source, documents, reading.skipped, is_drawn=draw is not None)
    return {
        "documents": documents,
        "left_out": {each.name: each.why for each in reading.left_out},
        "skipped": dict(reading.skipped),
    }


def unused_in_words(source: GatheredSource, *, has_dev: bool) -> Iterator[str]:
    """A line if a source has dev text of its own, and yet sets how to take dev text from train."""
    fields = type(source).model_fields
    names = [
        name
        for name in ("dev_fraction", "dev_seed")
        if getattr(source, name) != fields[name].default
    ]
    if has_dev and names:
        verb = "is" if len(names) == 1 else "are"
        yield f"{' and '.join(names)} {verb} not used: the source has dev text of its own"


def refuse_missing(source: GatheredSource) -> None:
    """Check that a source on this machine exists.

    Raises:
        InputError: names the path.
    """
    path = source.local
    if path is None or path.exists():
        return
    if isinstance(source, HubSource):
        raise InputError(
            f"{path} does not exist",
            why="Without a revision, the path of a dataset is a folder on this machine.",
            mend="For a dataset on the hub, give the commit that its page shows: "
            "corpus.source.revision or --revision.",
        )
    if isinstance(source, FolderSource):
        read_source(path)  # says what a folder should have
    raise InputError(
        f"{path} does not exist",
        mend="Check the path. Relative paths start at the current folder.",
    )


def _print_counts(
    source: GatheredSource,
    documents: Mapping[str, Mapping[str, int]],
    skipped: Mapping[str, int],
    *,
    is_drawn: bool,
) -> None:
    if not isinstance(source, FolderSource) or is_drawn:
        train, dev = (sum(documents[split].values()) for split in ("train", "dev"))
        how = f", drawn by the seed {source.dev_seed}" if is_drawn else ""
        print_status(f"{numbered(train, 'document')} for train, {dev:,} for dev{how}")
        without = sorted(documents["train"].keys() - documents["dev"].keys())
        if without:
            print_status(f"without dev text: {listed(without)}", style="yellow")
    for why, count in skipped.items():
        print_status(f"left out: {why}: {count:,}", style="yellow")
