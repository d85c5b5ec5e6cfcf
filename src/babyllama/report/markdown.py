"""What Markdown needs beyond its template: aligned tables and escaped names."""

import re
from dataclasses import replace

from babyllama.console import visible
from babyllama.report.table import Table

# An underscore within a word is not markup, and many names of benchmarks have one.
_SPECIAL = re.compile(r"([\\`*\[\]<>|#~$&]|(?<!\w)_|_(?!\w))")
_BREAK = " ⏎ "
# What begins a list, a rule or the underline of a heading: a backslash goes behind this match.
_MARKER = re.compile(r"^(\d{1,9}(?=[.)](?:\s|$))|(?=[-+](?:\s|$)|--|=+$))")


def escaped(text: str) -> str:
    """Escape text for Markdown: no markup, no HTML, no end of a cell, on one line.

    Control characters are shown as escapes such as `x1b` with a backslash before it.
    """
    line = _SPECIAL.sub(r"\\\1", visible(" ".join(text.split())))
    return _MARKER.sub(r"\1\\", line)


def code(text: str) -> str:
    """A span of code, whatever backticks the text holds."""
    line = visible(" ".join(text.split())) or " "
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    pad = " " * (line.startswith("`") or line.endswith("`"))
    return f"{fence}{pad}{line}{pad}{fence}"


def fenced(text: str, language: str) -> str:
    """A block of code, whatever backticks the text holds."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{visible(text).rstrip()}\n{fence}"


def aligned(table: Table) -> str:
    """A table as Markdown, its columns as wide in the source as on the page.

    A cell is one line: a mark stands for each line break.
    """
    rows = [[escaped(cell.replace("\n", _BREAK)) for cell in row]
            for row in (table.head, *table.rows)]  # fmt: skip
    widths = [max(3, *(len(row[i]) for row in rows)) for i in range(len(table.head))]
    rule = [
        "-" * width if column in table.words else "-" * (width - 1) + ":"
        for column, width in enumerate(widths)
    ]
    padded = [
        [
            cell.ljust(width) if column in table.words else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        for row in rows
    ]
    return "\n".join("| " + " | ".join(row) + " |" for row in [padded[0], rule, *padded[1:]])


def shortened(table: Table, *, most: int = 20) -> Table:
    """The first rows of a table that a page offers to search, and all of any other."""
    return replace(table, rows=table.rows[:most]) if table.is_searchable else table
