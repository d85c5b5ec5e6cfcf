"""Where lines of text break, and how wide the columns of a table are. Prints nothing.

Words stay whole. A command stays on one line, so that it can be copied.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

cells = cell_len  # how many columns of a terminal a text takes: two for a Chinese letter
BETWEEN = 2  # spaces between columns
_LAST_KEPT = 2  # columns that are never left out
# A command as messages write it: at the start of a line or after a colon, up to the line's end or
# the end of the sentence. Quoted arguments may hold spaces.
_COMMAND = re.compile(
    r"(?:^|(?<=: ))(?:babyllama|pip)(?: (?:'[^']*'|[^\s'])+?)*?(?=[.;,]* (?![^\s])|[.;,](?: |$)|$)"
)
# Where a name may break: after _ and /, and after . = - between letters; never in a number.
_JOINTS = re.compile(r"(?<=[_/])(?=\w)|(?<=[A-Za-z0-9][.=-])(?=[A-Za-z])")
_NUMBER = re.compile(r"[<~(+\-\u2212\u2013]*\d")
_UNITS = re.compile(
    r"[(]?(to|of|about|s|min|h|day|days|nats|bytes|[KMG]iB|[KMGTPE]?FLOPs?(/s)?|%)[),]?"
)


def wrapped(text: str, width: int) -> str:
    """A text whose lines break between words; a line that goes on keeps its indent.

    A word or command that is longer than a line has a line of its own.
    """
    return "\n".join(_wrapped_line(line, width) for line in text.split("\n"))


def _wrapped_line(line: str, width: int) -> str:
    if cells(line) <= width:
        return line
    indent = line[: len(line) - len(line.lstrip(" "))]
    lines: list[str] = []
    for word in _words(line.lstrip(" ")):
        if lines and cells(lines[-1]) + 1 + cells(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(indent + word)
    return "\n".join(lines)


def _words(line: str) -> list[str]:
    """The words of a line, where a command counts as one."""
    words: list[str] = []
    end = 0
    for found in _COMMAND.finditer(line):
        words += line[end : found.start()].split()
        end = found.end()
        while end < len(line) and line[end] != " ":  # what ends the sentence
            end += 1
        words.append(line[found.start() : end])
    return words + line[end:].split()


# --- tables -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Grid:
    """A table of plain text.

    Attributes:
        words: columns that are left-aligned. Others are, too, unless they hold numbers.
        less: names of the columns that are left out first where there is no room for all.
        whole: the option or command that prints every column, beside a wider terminal.
        least: how wide columns of sentences should be, by their names; others make room for them.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: frozenset[int] = frozenset((0,))
    less: tuple[str, ...] = ()
    whole: str = "--json"
    least: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Drawn:
    """The lines of a table, and the names of the columns that had no room."""

    head: tuple[str, ...]
    rows: tuple[str, ...]
    left_out: tuple[str, ...]


def drawn(grid: Grid, width: int, *, complete: bool) -> Drawn:
    """Lay out a table for a terminal of this width; wider if it must be `complete`.

    Words stay whole while there is room. Where there is not, names break after _ and /, then
    columns are left out.
    """
    kept, widths = _fitted(grid, width, complete=complete)
    columns = [[grid.head[each], *(row[each] for row in grid.rows)] for each in kept]
    widths = [  # a column whose cells break early needs less
        max(cells(line) for cell in column for line in _folded(cell, size))
        for column, size in zip(columns, widths, strict=True)
    ]
    left_aligned = [_is_left_aligned(grid, column) for column in kept]

    def lines(row: Sequence[str]) -> list[str]:
        folded_cells = [
            _folded(row[column], size) for column, size in zip(kept, widths, strict=True)
        ]
        height = max(map(len, folded_cells), default=0)
        return [
            (" " * BETWEEN).join(
                _padded(cell[number] if number < len(cell) else "", size, is_left=is_left)
                for cell, size, is_left in zip(folded_cells, widths, left_aligned, strict=True)
            ).rstrip()
            for number in range(height)
        ]  # fmt: skip

    left_out = tuple(name for column, name in enumerate(grid.head) if column not in kept)
    rows = tuple(line for row in grid.rows for line in lines(row))
    return Drawn(tuple(lines(grid.head)), rows, left_out)


def _fitted(grid: Grid, width: int, *, complete: bool) -> tuple[list[int], list[int]]:
    """The columns that are shown, and how wide each is."""
    every = list(range(len(grid.head)))
    columns = [[grid.head[each], *(row[each] for row in grid.rows)] for each in every]
    natural = [max(map(cells, column)) for column in columns]
    # From the best to the worst: what may break in a cell.
    wanted = dict(grid.least)
    comfortable = [
        min(wanted.get(name, 0), size) for name, size in zip(grid.head, natural, strict=True)
    ]
    bounds = [
        [
            max(size, *(_least(cell, names=names, numbers=numbers) for cell in column))
            for size, column in zip(comfortable, columns, strict=True)
        ]
        for names, numbers in ((False, False), (True, False), (True, True))
    ]
    if complete:
        width = max(width, _total(bounds[0]))
    dropped: list[int] = []
    by_importance = [grid.head.index(name) for name in grid.less if name in grid.head]
    by_importance += [each for each in reversed(every) if each not in by_importance]
    while True:
        kept = [each for each in every if each not in dropped]
        is_last = len(dropped) >= len(every) - _LAST_KEPT
        for level, least in enumerate(bounds):
            # Numbers break only when the columns that matter less are gone.
            if level == len(bounds) - 1 and len(dropped) < min(len(grid.less), len(every) - 2):
                continue
            own = [least[each] for each in kept]
            if _total(own) <= width:
                return kept, _shared([natural[each] for each in kept], own, width)
        if is_last:
            own = [1] * len(kept)
            return kept, _shared([natural[each] for each in kept], own, max(width, _total(own)))
        dropped.append(next(each for each in by_importance if each not in dropped))


def _least(cell: str, *, names: bool, numbers: bool) -> int:
    """The narrowest column that a cell fits into.

    Args:
        names: whether names may break after _ and /.
        numbers: whether a number and its unit, or an interval, may stand in two lines.
    """
    if not numbers and _is_number(cell):
        return cells(cell)
    words = cell.split()
    parts = [part for word in words for part in _JOINTS.split(word)] if names else words
    return max(map(cells, parts), default=0)


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + BETWEEN * (len(widths) - 1)


def _shared(natural: Sequence[int], least: Sequence[int], width: int) -> list[int]:
    """Widths that together take `width` at most: wide columns are cut to one common width."""
    cap = max(natural, default=0)
    while True:
        widths = [max(low, min(wish, cap)) for wish, low in zip(natural, least, strict=True)]
        if _total(widths) <= width:
            break
        cap -= 1
    for each, wish in enumerate(natural):  # what rounding left
        widths[each] += max(0, min(wish - widths[each], width - _total(widths)))
    return widths


def _is_left_aligned(grid: Grid, column: int) -> bool:
    held = [row[column] for row in grid.rows if row[column] not in ("", "–")]
    return column in grid.words or 2 * sum(map(_is_number, held)) < len(held)


def _is_number(cell: str) -> bool:
    """Whether a cell is a number with its unit, or an interval: `1.2 GiB`, `0.3 to 2.4`."""
    parts = cell.split()
    is_known = all(_NUMBER.match(part) or _UNITS.fullmatch(part) for part in parts)
    return is_known and any(_NUMBER.match(part) for part in parts)


def _folded(cell: str, width: int) -> list[str]:
    """The lines of a cell."""
    if cells(cell) <= width:
        return [cell]
    lines: list[str] = []
    for word in cell.split():
        if lines and cells(lines[-1]) + 1 + cells(word) <= width:
            lines[-1] += f" {word}"
        elif cells(word) <= width:
            lines.append(word)
        else:
            lines += _broken(word, width)
    return lines


def _broken(word: str, width: int) -> list[str]:
    """A word in several lines: broken at its joints, and anywhere if a part is too long."""
    lines: list[str] = []
    for part in _JOINTS.split(word):
        if lines and cells(lines[-1]) + cells(part) <= width:
            lines[-1] += part
            continue
        line = ""
        for letter in part:
            if line and cells(line + letter) > width:
                lines.append(line)
                line = ""
            line += letter
        lines.append(line)
    return lines


def _padded(text: str, width: int, *, is_left: bool) -> str:
    space = " " * max(0, width - cells(text))
    return text + space if is_left else space + text
