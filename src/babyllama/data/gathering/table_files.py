"""Read tables row by row: JSON lines, CSV and TSV, Parquet and Arrow.

The split of a table is what its name or its folder says (`train`, `dev`, `valid`, `validation`;
`test` is not read). Without a column of domains, its domain is the rest of its name without the
number of a shard after a separator (`wiki_01`), or `text`.
"""

import csv
import importlib.util
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from babyllama.data.file_names import ARROW_TABLES, SPLITS, SplitName, table_suffix, without_packing
from babyllama.data.gathering.documents import Document, Reading
from babyllama.data.gathering.files import files_below
from babyllama.data.gathering.rows import (
    Row,
    documents_of_rows,
    not_text,
    refuse_missing_columns,
    wanted_columns,
)
from babyllama.data.raw_text import read_blocks
from babyllama.data.sources import LeftOut, Split
from babyllama.errors import InputError, listed
from babyllama.recipe import TableSource
from babyllama.runs.files import refuse_unprintable_name
from babyllama.runs.git_lfs import refuse_pointer
from babyllama.runs.json_files import decode

LONGEST_ROW = 2**26  # characters of a line of JSON, or of a field
_DELIMITERS = {".csv": ",;\t|", ".tsv": "\t,;|"}
_AT_ONCE = 256  # rows of an Arrow table
_SPLIT = re.compile(rf"(?i)(?:^|(?<=[^a-z]))({'|'.join(SPLITS)})(?=[^a-z]|$)")
_SHARD = re.compile(r"(?:^|[-_.])\d{1,6}(?:-of-\d+)?$")
_LONGEST_HEADER = 1000  # lines; in longer ones a quote is open


@dataclass(frozen=True)
class _Table:
    path: Path
    suffix: str
    domain: str
    split: Split | None


def read_tables(source: TableSource) -> Reading:
    """Look at tables: their names, and the columns of each.

    Raises:
        InputError: there is no table; two would get one name; a column is not there or holds no
            text; a library is missing.
    """
    tables, left_out = _tables(source.path)
    if not tables:
        raise _no_table(source.path, left_out)
    if source.domain is None:
        _refuse_one_name_twice(source.path, tables)
    for table in tables:
        refuse_pointer(table.path)
        if table.suffix in ARROW_TABLES and importlib.util.find_spec("pyarrow") is None:
            raise InputError(
                f"{table.path} needs pyarrow, which is not installed",
                why="It is an optional dependency.",
                mend="Run: pip install 'babyllama[tables]'",
            )
        next(_rows(table, source), None)
    skipped: Counter[str] = Counter()

    def documents() -> Iterator[Document]:
        for table in tables:
            yield from documents_of_rows(
                _rows(table, source), source, domain=table.domain, split=table.split,
                skipped=skipped,
            )  # fmt: skip

    return Reading(
        documents,
        has_dev=any(table.split == "dev" for table in tables),
        notes=tuple(_shards_in_words(tables)) if source.domain is None else (),
        left_out=tuple(left_out),
        skipped=skipped,
    )


def _tables(path: Path) -> tuple[list[_Table], list[LeftOut]]:
    paths = files_below(path) if path.is_dir() else [path]
    tables, left_out = [], []
    for file in paths:
        refuse_unprintable_name(file)
        inside = file.relative_to(path) if path.is_dir() else Path(file.name)
        is_hidden, suffix = file.name.startswith("."), table_suffix(file.name)
        if is_hidden or not suffix or not file.is_file():
            left_out.append(LeftOut(str(inside), "a hidden file" if is_hidden else "no table"))
            continue
        split, domain = _named(inside)
        if split == "test":
            left_out.append(LeftOut(str(inside), "test text is not used"))
        else:
            tables.append(_Table(file, suffix, domain, split))
    return tables, left_out


def _named(inside: Path) -> tuple[SplitName | None, str]:
    """The split and the domain that a table's path below its folder says."""
    stem = Path(without_packing(inside.name)).stem
    by_name = _SPLIT.search(stem)
    names = [part.lower() for part in (*inside.parts[:-1], by_name[1] if by_name else "")]
    split = next((SPLITS[name] for name in names if name in SPLITS), None)
    domain = _SHARD.sub("", _SPLIT.sub("", stem)).strip("-_. ")
    return split, domain or "text"


def _refuse_one_name_twice(path: Path, tables: Iterable[_Table]) -> None:
    """Check that only the shards of one table have one name."""
    first: dict[tuple[Split | None, str], _Table] = {}
    for table in tables:
        other = first.setdefault((table.split, table.domain.casefold()), table)
        is_shard = other.path.parent == table.path.parent and other.suffix == table.suffix
        numbered = table.path.name != other.path.name and re.search(r"\d", table.path.name)
        if other is not table and not (is_shard and numbered and other.domain == table.domain):
            raise InputError(
                f"{path} holds the domain {table.domain} twice: "
                f"{other.path.name} and {table.path.name}",
                why="A domain is one table, or its numbered shards, in each split.",
                mend="Rename one, or name a column of domains.",
            )


def _shards_in_words(tables: Iterable[_Table]) -> Iterator[str]:
    for domain, number in Counter(table.domain for table in tables).items():
        if number > 1:
            yield f"{domain}: {number:,} tables"


def _rows(table: _Table, source: TableSource) -> Iterator[Row]:
    wanted = wanted_columns(source)
    if table.suffix in ARROW_TABLES:
        return _arrow_rows(table.path, table.suffix, wanted, source.column)
    if table.suffix in _DELIMITERS:
        return _csv_rows(table.path, _DELIMITERS[table.suffix], wanted, source.encoding)
    return _json_rows(table.path, wanted, source.encoding)


def _json_rows(path: Path, wanted: Sequence[str], encoding: str) -> Iterator[Row]:
    found: set[str] = set()  # wanted columns that some row had
    for number, line in enumerate(_lines(path, encoding), 1):
        if not line.strip():
            continue
        where = f"{path}: row {number}"
        try:
            row = decode(where, line)
        except (ValueError, RecursionError) as error:
            raise _no_json_line(where, str(error)) from None
        if not isinstance(row, dict):
            raise _no_json_line(where, "It holds no object.")
        if len(found) < len(wanted):
            # A row may leave out what is null; a column that the first row has not is a slip.
            missing = [name for name in wanted if name not in row and name not in found]
            refuse_missing_columns(str(path), missing, list(row))
            found |= row.keys() & set(wanted)
        yield Row(where, row)


def _lines(path: Path, encoding: str) -> Iterator[str]:
    """The lines of a file, with their line ends.

    Raises:
        InputError: one is longer than memory should hold.
    """
    parts: list[str] = []
    length = number = 0
    for block in read_blocks(path, encoding):
        for line in block.splitlines(keepends=True) if "\n" in block else [block]:
            parts.append(line)
            length += len(line)
            if length > LONGEST_ROW:
                raise _long_row(f"{path}: line {number + 1}")
            if line.endswith("\n"):
                yield "".join(parts)
                parts.clear()
                number, length = number + 1, 0
    if parts:
        yield "".join(parts)


def _csv_rows(path: Path, delimiters: str, wanted: Sequence[str], encoding: str) -> Iterator[Row]:
    lines = _lines(path, encoding)
    before_rows, delimiter, head = _header(lines, delimiters, wanted)
    refuse_missing_columns(str(path), wanted, head)
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    for number in count(1):
        where = f"{path}: row {number}"
        before = csv.field_size_limit(LONGEST_ROW)  # of all readers: benchmarks keep their own
        try:
            row = next(rows, None)
        except csv.Error as error:
            raise InputError(
                f"{where} is no row of a table: {error}",
                why="A quote may be open: it goes on to the next one, over all lines between.",
                mend="Write the table again with every quote in a text doubled.",
            ) from None
        finally:
            csv.field_size_limit(before)
        if row is None:
            return
        if not row:
            continue
        if len(row) != len(head):
            raise InputError(
                f"{where} has {len(row)} fields, the header {len(head)}",
                why=f"Its lines end at line {rows.line_num + before_rows} of the file. A text with "
                f"the sign {delimiter!r} needs quotes around it.",
                mend="Correct the row, or write the table again.",
            )
        yield Row(where, dict(zip(head, row, strict=True)))


def _header(
    lines: Iterator[str], delimiters: str, wanted: Sequence[str]
) -> tuple[int, str, list[str]]:
    """The first row with text, which may have line ends in quotes.

    Returns:
        how many lines it ends after; the delimiter with which it has the wanted columns, or the
        most columns; the columns.
    """
    text: list[str] = []
    sign, head = delimiters[0], list[str]()
    for number, line in enumerate(lines, 1):
        if not text and not line.strip():
            continue
        text.append(line)
        heads = {each: next(csv.reader(text, delimiter=each), []) for each in delimiters}
        fits = (each for each, head in heads.items() if set(wanted) <= set(head))
        sign = next(fits, max(delimiters, key=lambda each: len(heads[each])))
        head = heads[sign]
        if len(text) == _LONGEST_HEADER or not _is_open(text, sign):
            return number, sign, head
    return len(text), sign, head


def _is_open(lines: Sequence[str], delimiter: str) -> bool:
    """Whether a quote is open at the end of a row of a table."""
    try:
        next(csv.reader(lines, delimiter=delimiter, strict=True), None)
    except csv.Error as error:
        return "unexpected end of data" in str(error)
    return False


def _arrow_rows(path: Path, suffix: str, wanted: Sequence[str], text: str) -> Iterator[Row]:
    number = 0
    with _naming_damage(path):
        for batch in _batches(path, suffix, partial(_check_schema, path, wanted, text), wanted):
            columns = {name: batch.column(name) for name in wanted}
            for place in range(batch.num_rows):
                number += 1
                values = {name: column[place].as_py() for name, column in columns.items()}
                yield Row(f"{path}: row {number}", values)


def _batches(
    path: Path, suffix: str, check: Callable[[Any], None], wanted: Sequence[str]
) -> Iterator[Any]:
    """Some rows at a time; memory holds a part of the file."""
    import pyarrow as pa

    if suffix == ".parquet":
        import pyarrow.parquet as pq

        with pq.ParquetFile(path, buffer_size=2**20, pre_buffer=False) as file:
            check(file.schema_arrow)
            yield from file.iter_batches(_AT_ONCE, columns=list(wanted), use_threads=False)
        return
    with path.open("rb") as start:
        is_file = start.read(6) == b"ARROW1"
    with pa.memory_map(str(path)) as source:
        reader = pa.ipc.open_file(source) if is_file else pa.ipc.open_stream(source)
        check(reader.schema)
        if is_file:
            yield from (reader.get_batch(index) for index in range(reader.num_record_batches))
        else:
            yield from reader


def _check_schema(path: Path, wanted: Sequence[str], text: str, schema: Any) -> None:
    import pyarrow as pa

    refuse_missing_columns(str(path), wanted, schema.names)
    kind = schema.field(text).type
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    if not (is_text or pa.types.is_string_view(kind) or pa.types.is_null(kind)):
        raise not_text(str(path), text, str(kind))


@contextmanager
def _naming_damage(path: Path) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} cannot be read as a table: {str(error)[:200]}",
            why="It is damaged or cut short, or its name has a wrong suffix.",
            mend="Download or make it again.",
        ) from None


def _no_json_line(where: str, why: str) -> InputError:
    return InputError(
        f"{where} is no line of JSON",
        why=why,
        mend="JSON lines have one object in each line: jq -c '.[]' list.json > rows.jsonl",
    )


def _long_row(where: str) -> InputError:
    return InputError(
        f"{where} has more than {LONGEST_ROW:,} characters",
        why="A row is held in memory.",
        mend="Cut the text into rows, or check that the file is a table.",
    )


def _no_table(path: Path, left_out: Sequence[LeftOut]) -> InputError:
    names = [each.name for each in left_out]
    return InputError(
        f"{path} holds no table",
        why=f"Expected .jsonl, .csv, .tsv, .parquet or .arrow; found {listed(names) or 'nothing'}.",
        mend="Name the table or its folder. Plain text needs no --column.",
    )
