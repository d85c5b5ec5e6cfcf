"""The user's files for a curriculum: numbers, one per line; words with ages; a model."""

import math
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from babyllama.errors import InputError
from babyllama.recipe import AgeOrder, FileOrder, LossOrder, OrderRecipe
from babyllama.runs.rows import packed_files, read_table, text_of

_WORD = ("word", "word_clean")  # columns that may hold the word; the second is BabyLM's


def check_order_file(order: OrderRecipe | None) -> None:
    """Read the file that an order names, if it names one, before any long work.

    Of a model it is checked only that its folder is there.

    Raises:
        InputError: it cannot be read, or is not there.
    """
    if isinstance(order, FileOrder):
        read_numbers(order.file)
    elif isinstance(order, AgeOrder):
        read_ages(order.words)
    elif isinstance(order, LossOrder) and not order.model.is_dir():
        raise InputError(
            f"training.order.model: {order.model} is not a folder",
            why="It should be a trained model, whose loss is the difficulty of a window.",
            mend="Check the path. Relative paths start at the current folder.",
        )


def read_numbers(path: Path) -> Float64[np.ndarray, " lines"]:
    """The numbers of a file, one per line.

    Raises:
        InputError: there is no such file, or a line is no number.
    """
    if not path.is_file():
        raise InputError(
            f"training.order.file: {path} is not a file",
            why="It should have one number per line: a difficulty for each window or document.",
            mend="Check the path. Relative paths start at the current folder.",
        )
    numbers = []
    for count, line in enumerate(text_of(str(path), path.read_bytes()).splitlines(), 1):
        try:
            number = float(line)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise InputError(
                f"{path}:{count}: is {line[:60]!r}, not a number",
                why="It should have one number per line: a difficulty for each window or document.",
                mend="Correct this line.",
            )
        numbers.append(number)
    return np.array(numbers, np.float64)


def read_ages(path: Path) -> dict[str, float]:
    """Words in small letters and the ages at which children learn them; words without are left out.

    Raises:
        InputError: there is no such table, or it lacks a column.
    """
    ages: dict[str, float] = {}
    for name, data in packed_files(path, (".csv",)).items():
        header = text_of(name, data).partition("\n")[0]
        column = next((each for each in _WORD if f",{each}," in f",{header.strip()},"), _WORD[0])
        for row in read_table(name, data, (column, "aoa")):
            age = row.real("aoa", allow_missing=True)
            if not math.isnan(age):
                ages.setdefault(row.text(column).strip().casefold(), age)
    if not ages:
        raise InputError(f"{path} has no word with an age", mend="Check the column `aoa`.")
    return ages
