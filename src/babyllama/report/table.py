"""A table of plain text, with the same number of decimals throughout a column."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from babyllama.report.wording import NONE


@dataclass(frozen=True)
class Table:
    """Rows of text under a head; the first cell of a row names it.

    Attributes:
        words: columns that hold words and start at the left; all others end at the right.
        is_searchable: whether it is long, so that a page offers a search box.
        searched: beside the search box, what the rows are if they are not everything there is.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    words: tuple[int, ...] = (0,)
    is_searchable: bool = False
    searched: str = ""


def table_of(
    title: str,
    first: str,
    named: Sequence[tuple[str, Any]],
    columns: Sequence[tuple[str, Callable[[Any], str]]],
) -> Table | None:
    """A table with one row per named value, without empty columns."""
    columns_of_cells = [(head, [make(each) for _, each in named]) for head, make in columns]
    filled = [(head, cells) for head, cells in columns_of_cells if set(cells) != {NONE}]
    rows = [(name, *(cells[row] for _, cells in filled)) for row, (name, _) in enumerate(named)]
    return Table(title, (first, *(head for head, _ in filled)), tuple(rows)) if rows else None


def cell(value: Any, form: str | Callable[[Any], str]) -> str:
    """A formatted value; a dash for None."""
    if value is None:
        return NONE
    return form.format(value) if isinstance(form, str) else form(value)
