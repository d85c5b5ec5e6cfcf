"""What Markdown needs beyond its template: aligned tables and escaped names."""

import re

from babyllama.report.table import Table

# An underscore within a word is not markup, and many names of benchmarks have one.
_SPECIAL = re.compile(r"([\\`*\[\]<>|#~$]|(?<!\w)_|_(?!\w))")


def escaped(text: str) -> str:
    """Escape text for Markdown: no markup, no HTML, no end of a cell, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def aligned(table: Table) -> str:
    """A table as Markdown, its columns as wide in the source as on the page."""
    rows = [[escaped(cell) for cell in row] for row in (table.head, *table.rows)]
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
