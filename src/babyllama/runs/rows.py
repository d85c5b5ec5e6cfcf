"""Files of benchmarks, tasks and predictions, read as rows of JSON lines and tables.

A file may be plain, gzipped, in a folder or in a zip, which is read without unpacking it on disk.
Every error names the file and the line.
"""

import csv
import hashlib
import io
import json
import math
import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from babyllama.errors import InputError, kind_of, unreadable
from babyllama.runs.files import refuse_unprintable_name
from babyllama.runs.git_lfs import refuse_pointer
from babyllama.runs.json_files import decode
from babyllama.runs.packed import unpack
from babyllama.runs.zips import blocks_of, files_in, open_zip

JSON_LINES = (".jsonl", ".jsonl.gz")
TABLES = (".csv", ".csv.gz")
_SURROGATE = re.compile("[\ud800-\udfff]")
CORRECT_ITEM = "Correct the value, or leave this item out."


@dataclass(frozen=True)
class Row:
    """A line of JSON, or of a table.

    Attributes:
        where: file and line, for errors.
        stem: the file's name without folders and suffixes.
        number: the line's index from 0; a table's header is not counted.
        values: by key, or by column.
        wanted: the keys that every line of the file must have, for errors.
    """

    where: str
    stem: str
    number: int
    values: Mapping[str, Any]
    wanted: Sequence[str]

    @property
    def file(self) -> str:
        """The file's name, in its zip or folder."""
        return self.where.rpartition(":")[0]

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def text(self, key: str, *, may_be_empty: bool = False) -> str:
        """A text that a model can read."""
        text = self._get(key)
        if not isinstance(text, str):
            raise self._wrong_type(key, text, str)
        if not may_be_empty and not text.strip():
            raise InputError(
                f"{self.where}: {key} is empty",
                why="Only a text that is not empty can be scored.",
                mend="Write the text, or leave this item out.",
            )
        if not text.isascii() and _SURROGATE.search(text):
            raise InputError(
                f"{self.where}: {key} contains half a character (a lone surrogate)",
                why="A program has cut the text in the middle of a character.",
                mend="Write the whole character, or remove the half.",
            )
        return text

    def texts_of(self, keys: Sequence[str]) -> list[str]:
        """The same as `text` of several keys, but fast."""
        found = [self.values.get(key) for key in keys]
        if all(
            isinstance(text, str) and text and not text.isspace() and text.isascii()
            for text in found
        ):
            return found  # type: ignore[return-value]
        return [self.text(key) for key in keys]

    def texts(self, key: str, *, at_least: int) -> list[str]:
        """A list of texts."""
        found = self._get(key)
        if not isinstance(found, list) or len(found) < at_least:
            raise InputError(
                f"{self.where}: {key} is {found!r}, not a list of {at_least} texts or more",
                mend='Write it so: ["one text", "another text"]',
            )
        parts = {f"{key}[{number}]": text for number, text in enumerate(found)}
        inside = Row(self.where, self.stem, self.number, parts, self.wanted)
        return [inside.text(part) for part in parts]

    def count(self, key: str) -> int:
        """A whole number, 0 or more."""
        number = self.real(key)
        if number != int(number) or number < 0:
            raise InputError(
                f"{self.where}: {key} is {number:g}, not a whole number, 0 or more",
                mend=CORRECT_ITEM,
            )
        return int(number)

    def real(self, key: str, *, allow_missing: bool = False) -> float:
        """A number, which may be written as text.

        Args:
            allow_missing: return NaN for an empty field, NA or null.
        """
        found = self._get(key)
        if allow_missing and found in ("", "NA", "NaN", None):
            return math.nan
        try:
            number = math.nan if isinstance(found, bool) else float(found)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            raise InputError(f"{self.where}: {key} is {found!r}, not a number", mend=CORRECT_ITEM)
        return number

    def optional(self, key: str, kind: type, default: Any) -> Any:
        """A value of a given type, str or bool; the default without the key. null is an error."""
        value = self.values.get(key, default)
        if key in self and not isinstance(value, kind):
            raise self._wrong_type(key, value, kind)
        return value

    def _wrong_type(self, key: str, value: object, wanted: type) -> InputError:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        in_quotes = wanted is str and is_number
        return InputError(
            f"{self.where}: {key} is {value!r}, not {kind_of(wanted())}",
            mend=f'Write it in quotation marks: "{value}".' if in_quotes else CORRECT_ITEM,
        )

    def _get(self, key: str) -> Any:
        if key not in self.values:
            found = ", ".join(self.values) or "nothing"
            raise InputError(
                f"{self.where}: has no {key}",
                why=f"Expected: {', '.join(self.wanted)}. Found: {found}.",
                mend="Check that this is the right file.",
            )
        return self.values[key]


def packed_files(
    path: Path, suffixes: Sequence[str], *, beside: str = "", password: bytes | None = None
) -> dict[str, bytes]:
    """The unpacked bytes of a file, or of the files of a folder or zip, by name in sorted order.

    Args:
        suffixes: of the files to read; other files of a folder or zip are skipped.
        beside: the name of one more file to read there.
        password: of an encrypted zip.

    Raises:
        InputError: a missing path, no file to read, a file both packed and unpacked, and what
            `zips.open_zip` raises.
    """
    contents = dict(_contents(path, suffixes, beside, password))
    names = [name for name in contents if PurePosixPath(name).name != beside]
    if not names:
        raise InputError(
            f"{path} contains no {' or '.join(suffixes)} file",
            why="Subfolders of a folder are not searched.",
            mend="Name the folder or the zip that contains the files.",
        )
    _refuse_duplicates(contents)
    return contents


def read_rows(
    path: Path,
    wanted: Sequence[str],
    *,
    password: bytes | None = None,
    keys: Callable[[Row], Iterable[Hashable]] = lambda row: [repr(row.values)],
) -> list[Row]:
    """The rows of all JSON lines at a path.

    Args:
        keys: as of `refuse_repeats`.

    Raises:
        InputError: what `packed_files`, `read_json_lines` and `refuse_repeats` raise.
    """
    files = packed_files(path, JSON_LINES, password=password)
    rows = (row for name, data in files.items() for row in read_json_lines(name, data, wanted))
    return refuse_repeats(rows, keys)


def refuse_repeats(
    rows: Iterable[Row],
    keys: Callable[[Row], Iterable[Hashable]] = lambda row: [repr(row.values)],
) -> list[Row]:
    """The rows, if no two files have one in common; a file may repeat its own.

    Args:
        keys: what a row has in common with the same row elsewhere; by default all its values.

    Raises:
        InputError: a row that is in two files; names both.
    """
    found, seen = [], dict[Hashable, Row]()
    for row in rows:
        for key in keys(row):
            other = seen.setdefault(key, row)
            if other.file != row.file:
                raise InputError(
                    f"{other.where} and {row.where} are the same item",
                    why="It would count twice, and the interval would be too narrow.",
                    mend="Remove one of the two files, or the item from one of them.",
                )
        found.append(row)
    return found


def read_json_lines(name: str, data: bytes, wanted: Sequence[str]) -> Iterator[Row]:
    """One row for each line that is not blank.

    Raises:
        InputError: not UTF-8, no lines, a line that is not a JSON object.
    """
    # Not splitlines(): sentences may hold U+2028 and the like, which do not end a line of JSON.
    lines = text_of(name, data).split("\n")
    if not any(line.strip() for line in lines):
        raise InputError(f"{name} is empty", mend="Download it again, or remove it.")
    stem = stem_of(name)
    for number, line in enumerate(lines):
        if line.strip():
            where = f"{name}:{number + 1}"
            values = json_value(where, line, why=f"Each line is a JSON object{_with(wanted)}.")
            if not isinstance(values, dict):
                raise InputError(
                    f"{where}: is {kind_of(values)}, not an object{_with(wanted)}",
                    mend="Check that this is the right file.",
                )
            yield Row(where, stem, number, values, wanted)


def json_value(where: str, text: str, *, why: str = "") -> Any:
    """The value of a JSON text.

    Args:
        where: file, and line if it is known, for errors.
        why: said besides, if the text is not JSON.

    Raises:
        InputError: not JSON, one key twice, brackets too deep, or a number of thousands of digits.
    """
    try:
        return decode(where, text)
    except (ValueError, RecursionError) as error:
        fault = str(error).partition(";")[0]  # without advice for programmers
        raise InputError(
            f"{where}: is not JSON: {fault}",
            why=why,
            mend="Correct it, or download the file again.",
        ) from None


def read_table(
    name: str, data: bytes, wanted: Sequence[str], *, delimiter: str = ","
) -> Iterator[Row]:
    """One row for each line after the header.

    Raises:
        InputError: not UTF-8, a column that is missing or there twice, a line with more or fewer
            fields than the header.
    """
    lines = csv.DictReader(io.StringIO(text_of(name, data)), delimiter=delimiter)
    number = 0
    try:
        columns = lines.fieldnames or []
        _refuse_wrong_columns(name, columns, wanted)
        for number, values in enumerate(lines, start=1):
            where = f"{name}:{lines.line_num}"
            if None in values or None in values.values():
                raise InputError(
                    f"{where}: does not have the {len(columns)} fields of the header",
                    mend=f"Put a field that contains {delimiter!r} in quotation marks.",
                )
            yield Row(where, stem_of(name), number - 1, values, wanted)
    except csv.Error as error:  # above all a field of more than 131,072 characters
        raise InputError(
            f"{name}:{lines.line_num + 1}: is not a line of a table: {error}",
            why="A quotation mark that is not closed takes in all lines below it.",
            mend="Check the quotation marks of that line.",
        ) from None
    if not number:
        raise InputError(f"{name} has no line after its header", mend="Download it again.")


def _refuse_wrong_columns(name: str, columns: Sequence[str], wanted: Sequence[str]) -> None:
    missing = [column for column in wanted if column not in columns]
    if missing:
        raise InputError(
            f"{name}:1: has no column {missing[0]}",
            why=f"Expected: {', '.join(wanted)}. Found: {', '.join(columns) or 'nothing'}.",
            mend="Check that this is the right file.",
        )
    twice = [column for column in wanted if columns.count(column) > 1]
    if twice:
        raise InputError(
            f"{name}:1: has {columns.count(twice[0])} columns called {twice[0]}",
            why="The name does not say which of them is meant.",
            mend="Remove or rename all but one.",
        )


def text_of(name: str, data: bytes) -> str:
    """Decode UTF-8, without a byte order mark.

    Raises:
        InputError: not UTF-8; names the line.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{name}:{line}: is not UTF-8", mend="Save it as UTF-8, or download it again."
        ) from None


def digest_of(items: Iterable[Sequence[Any]]) -> str:
    """sha256 of the items' contents; their order counts."""
    sha = hashlib.sha256()
    for item in items:
        sha.update(json.dumps(item).encode() + b"\n")
    return sha.hexdigest()


def _with(wanted: Sequence[str]) -> str:
    return f" with {', '.join(wanted)}" if wanted else ""


def stem_of(name: str) -> str:
    """A file's name without folders and suffixes."""
    return PurePosixPath(name).name.removesuffix(".gz").rpartition(".")[0]


def _contents(
    path: Path, suffixes: Sequence[str], beside: str, password: bytes | None
) -> Iterator[tuple[str, bytes]]:
    def matters(name: str) -> bool:
        file = PurePosixPath(name)
        is_ours = file.name == beside or file.name.endswith(tuple(suffixes))
        return is_ours and not file.name.startswith(".")

    mend = f"Name a {suffixes[0]} file, a folder of them or a zip."
    if path.is_dir():
        files = sorted(
            file
            for file in path.iterdir()
            if matters(file.name) and (file.is_file() or not file.exists())  # a broken link
        )
        yield from ((str(file), _read(file)) for file in files)
    elif not path.is_file():
        raise InputError(
            f"{path} does not exist",
            why="Relative paths start at the current folder.",
            mend=f"Check the path. {mend}",
        )
    elif path.suffix == ".zip":
        yield from _zipped(path, matters, password)
    elif path.name.endswith(tuple(suffixes)):
        yield str(path), _read(path)
    else:
        raise InputError(f"{path} is not a folder, {', '.join(suffixes)} or .zip", mend=mend)


def _read(path: Path) -> bytes:
    """A file's bytes, unpacked."""
    refuse_pointer(path)
    refuse_unprintable_name(path)
    try:
        return unpack(str(path), path.read_bytes())
    except OSError as error:
        raise unreadable(path, error) from None


def _zipped(
    path: Path, matters: Callable[[str], bool], password: bytes | None
) -> Iterator[tuple[str, bytes]]:
    with open_zip(path, password=password) as archive:
        for member in files_in(archive):
            if matters(member.filename):
                name = f"{path}/{member.filename}"
                yield name, unpack(name, b"".join(blocks_of(archive, member)))


def _refuse_duplicates(contents: Mapping[str, bytes]) -> None:
    seen: dict[str, str] = {}
    for name in contents:
        other = seen.setdefault(name.removesuffix(".gz"), name)
        if other != name:
            raise InputError(
                f"{other} and {name} are the same file, packed and unpacked",
                why="Its items would count twice.",
                mend="Remove one of them.",
            )
