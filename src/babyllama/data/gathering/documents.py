"""What a source is read as: documents, one after another, each with its domain."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from babyllama.data.sources import LeftOut, Split


class Document(NamedTuple):
    """A document, or a file that is not taken apart.

    Attributes:
        split: None if the source does not say.
        pieces: its text; must be read before the next document is.
        name: what its source calls it, if that decides its split; all parts of it have this name.
    """

    domain: str
    split: Split | None
    pieces: Iterable[str]
    name: str | None = None


@dataclass(frozen=True)
class Reading:
    """A source that was looked at, and can be read.

    Attributes:
        documents: reads it from its start.
        notes: what a user should know before it is read.
        skipped: counts of rows that were not used, by reason; filled while it is read.
    """

    documents: Callable[[], Iterator[Document]]
    has_dev: bool
    notes: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)
