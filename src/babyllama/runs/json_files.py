"""Read JSON: that a run wrote, where an error names the damaged file; and that others wrote."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babyllama.errors import InputError


def read_json(path: Path) -> Any:
    """The contents of a JSON file.

    Raises:
        InputError: the file is not JSON.
    """
    return _parsed(_text(path), path, line=None)


def read_json_lines(path: Path) -> Iterator[Any]:
    """The contents of a file of JSON lines, a line at a time.

    Raises:
        InputError: a line is not JSON.
    """
    for number, line in enumerate(_text(path).splitlines(), 1):
        yield _parsed(line, path, line=number)


def decode(where: str, text: str) -> Any:
    """The value of a JSON text that others wrote.

    Args:
        where: file, and line or row, for errors.

    Raises:
        InputError: an object has one key twice; `json.loads` would keep the last value in silence.
        ValueError: not JSON.
        RecursionError: brackets too deep.
    """

    def each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise InputError(
                f"{where}: the key {twice!r} occurs twice in one object",
                why="It cannot be known which of the two values counts.",
                mend="Remove or rename one of the two.",
            )
        return found

    return json.loads(text, object_pairs_hook=each_key_once)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{path} is not UTF-8", mend=_MEND) from None


def _parsed(text: str, path: Path, *, line: int | None) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(
            f"{path} is not JSON at line {line or error.lineno}: {error.msg}", mend=_MEND
        ) from None
    except (ValueError, RecursionError):  # thousands of digits, or of brackets
        raise InputError(f"{path} is not JSON that a run wrote", mend=_MEND) from None


_MEND = "See which files are damaged: babyllama verify RUN"
