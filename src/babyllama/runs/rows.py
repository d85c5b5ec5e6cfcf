"""Files of benchmarks, tasks and predictions as rows: JSON lines and tables.

Loose, gzipped, in a folder or in a zip, which stays packed. Every mistake in a file is named by
file and line.
"""

import csv
import gzip
import hashlib
import io
import json
import math
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from babyllama.errors import InputError

JSON_LINES = (".jsonl", ".jsonl.gz")
TABLES = (".csv", ".csv.gz")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Row:
    """A line of such a file.

    Attributes:
        where: file and line, for errors.
        stem: the file's name without folders and suffixes.
        number: of the line, from 0; lines of a table are counted without its header.
        wanted: the keys that each line of such a file has, for errors.
    """

    where: str
    stem: str
    number: int
    values: Mapping[str, Any]
    wanted: Sequence[str]

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def text(self, key: str, *, may_be_empty: bool = False) -> str:
        """A text that a model can read."""
        text = self._get(key)
        if not isinstance(text, str):
            raise InputError(f"{self.where}: {key} is {text!r}, not of type str")
        if not may_be_empty and not text.strip():
            raise InputError(f"{self.where}: {key} is empty", why="No text has no likelihood.")
        if not text.isascii() and _SURROGATE.search(text):
            raise InputError(f"{self.where}: {key} holds half a character (a lone surrogate)")
        return text

    def texts_of(self, keys: Sequence[str]) -> list[str]:
        """`text` of several keys, quickly."""
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
            raise InputError(f"{self.where}: {key} is {found!r}, not {at_least} texts or more")
        parts = {f"{key}[{number}]": text for number, text in enumerate(found)}
        inside = Row(self.where, self.stem, self.number, parts, self.wanted)
        return [inside.text(part) for part in parts]

    def whole(self, key: str) -> int:
        """A whole number, not negative."""
        number = self.real(key)
        if number != int(number) or number < 0:
            raise InputError(f"{self.where}: {key} is {number:g}, not a whole number from 0")
        return int(number)

    def real(self, key: str, *, may_lack: bool = False) -> float:
        """A number, which may be written as text; NaN where the place is empty and may be so."""
        found = self._get(key)
        if may_lack and found in ("", "NA", "NaN", None):
            return math.nan
        try:
            number = math.nan if isinstance(found, bool) else float(found)
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number):
            raise InputError(f"{self.where}: {key} is {found!r}, not a number")
        return number

    def optional(self, key: str, kind: type, default: Any) -> Any:
        """A value that lines may lack; null is a mistake."""
        value = self.values.get(key, default)
        if key in self and not isinstance(value, kind):
            raise InputError(f"{self.where}: {key} is {value!r}, not of type {kind.__name__}")
        return value

    def _get(self, key: str) -> Any:
        if key not in self.values:
            found = ", ".join(self.values) or "nothing"
            raise InputError(
                f"{self.where}: has no {key}",
                why=f"Wanted: {', '.join(self.wanted)}. Found: {found}.",
                mend="Is the file what its name says?",
            )
        return self.values[key]


def packed_files(
    path: Path, suffixes: Sequence[str], *, beside: str = "", password: bytes | None = None
) -> dict[str, bytes]:
    """Name and unpacked bytes of a file, or of those in a folder or zip, in order of their names.

    Args:
        suffixes: of the names that matter; other files in a folder or zip are left out.
        beside: one more name that matters there.
        password: of a locked zip.

    Raises:
        InputError: nothing there, no file that matters, a broken archive, a file twice.
    """
    contents = dict(_contents(path, suffixes, beside, password))
    names = [name for name in contents if PurePosixPath(name).name != beside]
    if not names:
        raise InputError(
            f"{path} holds no {' or '.join(suffixes)} file",
            why="They are looked for in a zip, or directly in a folder.",
            mend="Name the folder or the zip that holds them.",
        )
    _refuse_doubles(contents)
    return contents


def read_rows(path: Path, wanted: Sequence[str], *, password: bytes | None = None) -> list[Row]:
    """The rows of all JSON lines there. Raises what `packed_files` and `read_json_lines` raise."""
    files = packed_files(path, JSON_LINES, password=password)
    return [row for name, data in files.items() for row in read_json_lines(name, data, wanted)]


def read_json_lines(name: str, data: bytes, wanted: Sequence[str]) -> Iterator[Row]:
    """A row for each line that is not blank.

    Raises:
        InputError: not UTF-8, no lines, a line that is no JSON object.
    """
    # Not splitlines(): sentences may hold U+2028 and the like, which do not end a line of JSON.
    lines = text_of(name, data).split("\n")
    if not any(line.strip() for line in lines):
        raise InputError(f"{name} is empty", mend="Fetch it again, or remove it.")
    stem = _stem(name)
    for number, line in enumerate(lines):
        if line.strip():
            where = f"{name}:{number + 1}"
            try:
                values = json.loads(line)
            except (json.JSONDecodeError, RecursionError) as error:
                raise InputError(
                    f"{where}: is not JSON: {error}",
                    why=f"Each line is a JSON object{_with(wanted)}.",
                ) from None
            if not isinstance(values, dict):
                raise InputError(
                    f"{where}: is {type(values).__name__}, not an object{_with(wanted)}"
                )
            yield Row(where, stem, number, values, wanted)


def read_table(
    name: str, data: bytes, wanted: Sequence[str], *, delimiter: str = ","
) -> Iterator[Row]:
    """A row for each line behind the header.

    Raises:
        InputError: not UTF-8, a column missing, a line with more or fewer places than the header.
    """
    lines = csv.DictReader(io.StringIO(text_of(name, data)), delimiter=delimiter)
    columns = lines.fieldnames or []
    missing = [column for column in wanted if column not in columns]
    if missing:
        raise InputError(
            f"{name}:1: has no column {missing[0]}",
            why=f"Wanted: {', '.join(wanted)}. Found: {', '.join(columns) or 'nothing'}.",
            mend="Is the file what its name says?",
        )
    stem, number = _stem(name), 0
    for number, values in enumerate(lines, start=1):
        where = f"{name}:{lines.line_num}"
        if None in values or None in values.values():
            raise InputError(f"{where}: has not the {len(columns)} places of the header")
        yield Row(where, stem, number - 1, values, wanted)
    if not number:
        raise InputError(f"{name} has no line behind its header", mend="Fetch it again.")


def text_of(name: str, data: bytes) -> str:
    """Bytes as text, without a byte order mark.

    Raises:
        InputError: not UTF-8, naming the line.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{name}:{line}: is not UTF-8", mend="Fetch it again.") from None


def digest_of(items: Iterable[Sequence[Any]]) -> str:
    """SHA-256 of items' contents, in order."""
    sha = hashlib.sha256()
    for item in items:
        sha.update(json.dumps(item).encode() + b"\n")
    return sha.hexdigest()


def _with(wanted: Sequence[str]) -> str:
    return f" with {', '.join(wanted)}" if wanted else ""


def _stem(name: str) -> str:
    return PurePosixPath(name).name.removesuffix(".gz").rpartition(".")[0]


def _contents(
    path: Path, suffixes: Sequence[str], beside: str, password: bytes | None
) -> Iterator[tuple[str, bytes]]:
    def matters(name: str) -> bool:
        file = PurePosixPath(name)
        is_ours = file.name == beside or file.name.endswith(tuple(suffixes))
        return is_ours and not file.name.startswith(".") and "__MACOSX" not in file.parts

    mend = f"Name a {suffixes[0]} file, a folder of them or a zip."
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.is_file() and matters(file.name))
        yield from ((str(file), _unpacked(file.name, file.read_bytes())) for file in files)
    elif not path.is_file():
        raise InputError(f"there is no {path}", mend=mend)
    elif path.suffix == ".zip":
        yield from _zipped(path, matters, password)
    elif path.name.endswith(tuple(suffixes)):
        yield str(path), _unpacked(str(path), path.read_bytes())
    else:
        raise InputError(f"{path} is neither a folder nor {', '.join(suffixes)} or .zip", mend=mend)


def _zipped(
    path: Path, matters: Callable[[str], bool], password: bytes | None
) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(path) as archive:
            for name in sorted(filter(matters, archive.namelist())):
                data = archive.read(name, pwd=password)
                yield f"{path}/{name}", _unpacked(f"{path}/{name}", data)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError) as error:
        raise InputError(  # RuntimeError: a password; NotImplementedError: a rare compression
            f"{path} cannot be unpacked: {error}", mend="Fetch it again, or unpack it to a folder."
        ) from None


def _unpacked(name: str, data: bytes) -> bytes:
    if not name.endswith(".gz"):
        return data
    try:
        return gzip.decompress(data)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{name} cannot be unpacked: {error}", mend="Fetch it again.") from None


def _refuse_doubles(contents: Mapping[str, bytes]) -> None:
    seen: dict[str, str] = {}
    for name in contents:
        other = seen.setdefault(name.removesuffix(".gz"), name)
        if other != name:
            raise InputError(
                f"{other} and {name} are one file, packed and unpacked",
                why="Its items would count twice.",
                mend="Remove one of them.",
            )
