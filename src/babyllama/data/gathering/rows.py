"""Turn the rows of a table or a dataset into documents.

A blank line separates documents in raw text, so blank lines inside a row are removed.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from babyllama.data.cleaning.characters import plain_characters
from babyllama.data.gathering.documents import Document
from babyllama.data.sources import Split
from babyllama.errors import InputError, listed
from babyllama.recipe import HubSource, TableSource
from babyllama.recipe.base import nearest, shown_name

NO_TEXT = "rows without text (null)"
EMPTY = "rows with an empty text"
_SURROGATE = re.compile("[\ud800-\udfff]")


class Row(NamedTuple):
    """The wanted columns of a row.

    Attributes:
        where: file and row, for messages.
        values: by column.
    """

    where: str
    values: Mapping[str, Any]


def wanted_columns(source: TableSource | HubSource) -> list[str]:
    """The columns that are read; that of the text is the first."""
    given = (source.column, source.document, source.domain)
    return list(dict.fromkeys(name for name in given if name is not None))


def refuse_missing_columns(where: str, wanted: Iterable[str], columns: Sequence[str]) -> None:
    """Check that a table has all columns that are read, each once.

    Raises:
        InputError: lists the columns of the table, or names one that the table has twice.
    """
    for name in wanted:
        if name not in columns:
            raise InputError(
                f"{where} has no column {shown_name(name)}",
                why=f"Its columns: {listed([*map(shown_name, columns)], 12) or 'none'}.",
                mend=nearest(name, columns) or "Name one of these columns.",
            )
        if columns.count(name) > 1:
            raise InputError(
                f"{where} has {columns.count(name)} columns called {shown_name(name)}",
                why="The name does not say which of them is meant.",
                mend="Give each column of the table a name of its own.",
            )


def not_text(where: str, name: str, kind: str) -> InputError:
    """The error for a column that holds no text."""
    return InputError(
        f"{where}: column {name} holds {kind}, not text",
        mend="Name the column of the text with --column, or corpus.source.column in a recipe.",
    )


def documents_of_rows(
    rows: Iterable[Row],
    source: TableSource | HubSource,
    *,
    domain: str,
    split: Split | None,
    skipped: Counter[str],
) -> Iterator[Document]:
    """The documents of rows, in their order.

    Args:
        domain: of all rows, if no column says so.
        skipped: counts the rows that are not used.

    Raises:
        InputError: a value that is null or no text; the message names its row.
    """

    def texts() -> Iterator[_Text]:
        number = 0
        for row in rows:
            text = _text(row, source, skipped)
            starts = source.rows == "documents" or not text
            number += starts
            if not text:
                continue
            own = None if source.document is None else _name(row, source.document)
            of = domain if source.domain is None else _name(row, source.domain)
            yield _Text(of, own, number if own is None else 0, text)

    for (of, own, _), group in groupby(texts(), lambda each: each[:3]):
        yield Document(of, split, (f"{each.text}\n" for each in group), own)


class _Text(NamedTuple):
    """A row's text. Neighbours with the same domain, name and number are one document."""

    domain: str
    name: str | None
    number: int
    text: str


def _text(row: Row, source: TableSource | HubSource, skipped: Counter[str]) -> str:
    """A row's text without blank lines; "" if it has none."""
    value = row.values.get(source.column)
    if value is None:
        if source.nulls == "refuse":
            raise InputError(
                f"{row.where}: column {source.column} is null",
                why="The row has no text.",
                mend="Remove such rows, or leave them out: --nulls skip, or corpus.source.nulls: "
                "skip in a recipe.",
            )
        skipped[NO_TEXT] += 1
        return ""
    if not isinstance(value, str):
        raise not_text(row.where, source.column, _kind_of(value))
    if not value.isascii() and _SURROGATE.search(value):
        raise InputError(
            f"{row.where}: column {source.column} holds half a character (a lone surrogate)",
            mend="Write the table again from its source.",
        )
    text = "\n".join(line for line in value.splitlines() if _has_text(line))
    if not text and source.rows == "documents":
        skipped[EMPTY] += 1
    return text


def _has_text(line: str) -> bool:
    """Whether a line still has text when cleaning has removed tags and invisible characters."""
    return line[:1].isalnum() or (not line.isspace() and bool(plain_characters(line)))


def _name(row: Row, column: str) -> str:
    """The name of a document or a domain; a whole number is one as well."""
    value = row.values.get(column)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value.strip():
        shown = "empty" if isinstance(value, str) else _kind_of(value)
        raise InputError(
            f"{row.where}: column {column} is {shown}",
            why="Each row needs a name in it.",
            mend="Fill in the column, or name another one.",
        )
    return value


def _kind_of(value: Any) -> str:
    """What a value is that is no text, in words, with the value itself if it is short."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return f"a boolean ({value})"
    if isinstance(value, int | float):
        return f"a number ({value})"
    kind = type(value).__name__
    return {"list": "a list", "dict": "an object"}.get(kind, kind)
