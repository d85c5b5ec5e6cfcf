"""Axes of a chart in a terminal: round values, printed with as many digits as they have."""

import math
from collections.abc import Mapping

_LEAST_CELLS = 4  # between two values of the horizontal axis


def ticks(low: float, high: float, most: int, *, whole: bool = False) -> Mapping[float, str]:
    """Round values between two ends, at most `most` (at least 2) of them, and how they are printed.

    Args:
        whole: integers only.
    """
    for exponent in range(math.floor(math.log10(high - low)) - 1, 400):
        for factor in (1, 2, 5):
            step = factor * 10.0**exponent
            if whole and step < 1:
                continue
            first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
            if last - first < max(most, 2):
                digits = max(0, -exponent)
                return {n * step: f"{n * step:,.{digits}f}" for n in range(first, last + 1)}
    return {}


def cell(value: float, low: float, high: float, cells: int) -> int:
    """In which of the cells between two ends a value is drawn."""
    return min(cells - 1, max(0, int((value - low) / (high - low) * cells)))


def vertical(labels: Mapping[float, str], low: float, high: float, rows: int) -> list[str]:
    """The label of each row, from the top; "" where there is none."""
    column = [""] * rows
    for value, label in labels.items():
        column[rows - 1 - cell(value, low, high, rows)] = label
    return column


def horizontal(low: float, high: float, columns: int) -> str:
    """A line of whole numbers, each centred below its value where there is room."""
    widest = len(f"{high:,.0f}")
    line = ""
    for value, label in ticks(low, high, columns // (widest + _LEAST_CELLS), whole=True).items():
        start = max(0, cell(value, low, high, columns) - len(label) // 2)
        if (not line or start > len(line)) and start + len(label) <= columns:
            line = line.ljust(start) + label
    return line
