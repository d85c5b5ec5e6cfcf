"""Tables of all formats give the same rows; what is wrong in them is named."""

import csv
import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from babyllama.data.gathering import table_files
from babyllama.data.gathering.table_files import read_tables
from babyllama.errors import InputError
from babyllama.recipe import TableSource

ROWS = [{"id": n, "text": f'A "text", number {n}\nof two lines', "n": n / 2} for n in range(5)]


def written(path: Path, delimiter: str = ",") -> Path:
    table = pa.Table.from_pylist(ROWS)
    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=2)
    elif path.suffix in (".arrow", ".feather"):
        kind = pa.ipc.new_stream if path.suffix == ".arrow" else pa.ipc.new_file
        with pa.OSFile(str(path), "wb") as file, kind(file, table.schema) as writer:
            writer.write_table(table)
    elif path.suffix in (".csv", ".tsv"):
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, ROWS[0], delimiter=delimiter)
            writer.writeheader()
            writer.writerows(ROWS)
    else:
        lines = "".join(json.dumps(row) + "\n" for row in ROWS)
        path.write_bytes(gzip.compress(lines.encode()) if path.suffix == ".gz" else lines.encode())
    return path


def read(path: Path, **fields) -> list[tuple[str, str | None, str]]:
    reading = read_tables(TableSource(kind="table", path=path, **fields))
    return [(each.domain, each.split, "".join(each.pieces)) for each in reading.documents()]


@pytest.mark.parametrize(
    ("name", "delimiter"),
    [
        ("a.jsonl", ""), ("a.jsonl.gz", ""), ("a.csv", ","), ("a.csv", ";"), ("a.tsv", "\t"),
        ("a.parquet", ""), ("a.arrow", ""), ("a.feather", ""),
    ],
)  # fmt: skip
def test_every_format_gives_the_same_documents_and_names_missing_and_wrong_columns(
    tmp_path, name, delimiter
):
    path = written(tmp_path / name, delimiter)
    assert read(path) == [("a", None, f"{row['text']}\n") for row in ROWS]
    with pytest.raises(InputError, match=r"has no column txt\n.*id.*text.*n\.\n.*mean text"):
        read(path, column="txt")
    if delimiter == "":
        with pytest.raises(InputError, match="column n holds"):
            read(path, column="n")


def test_names_of_tables_say_their_split_and_shards_are_one_domain(tmp_path):
    for name in ("train-00000-of-00002", "train-00001-of-00002", "validation-00000-of-00001"):
        written(tmp_path / f"{name}.parquet")
    (tmp_path / "dev").mkdir()
    written(tmp_path / "dev" / "wiki_01.jsonl")
    written(tmp_path / "wiki.test.jsonl")
    (tmp_path / "README.md").write_text("no")
    counted = [each[:2] for each in read(tmp_path)]
    pairs = {pair: counted.count(pair) for pair in counted}
    assert pairs == {("text", "train"): 10, ("text", "dev"): 5, ("wiki", "dev"): 5}
    assert read_tables(TableSource(kind="table", path=tmp_path)).notes == ("text: 3 tables",)
    (tmp_path / "dev" / "more.jsonl").symlink_to(tmp_path / "gone.jsonl")
    with pytest.raises(InputError, match=r"more\.jsonl is a broken link"):
        read(tmp_path)
    (tmp_path / "dev" / "more.jsonl").unlink()
    written(tmp_path / "train.jsonl")
    with pytest.raises(InputError, match="holds the domain text twice"):
        read(tmp_path)


@pytest.mark.parametrize("suffix", ["parquet", "feather", "csv"])
def test_a_column_that_is_there_twice_is_refused(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    table = pa.table([["one"], ["two"], ["three"]], names=["text", "n", "text"])
    if suffix == "parquet":
        pq.write_table(table, path)
    elif suffix == "feather":
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
    else:
        path.write_text("text,n,text\none,two,three\n")
    with pytest.raises(InputError, match=r"has 2 columns called text"):
        read(path)
    assert read(path, column="n") == [("a", None, "two\n")]


def test_only_a_number_after_a_separator_is_that_of_a_shard(tmp_path):
    for name in ("wiki2023", "wiki2024", "wiki_01", "wiki_02", "lz4", "part-00001", "0000"):
        written(tmp_path / f"{name}.jsonl")
    found = {domain for domain, *_ in read(tmp_path)}
    assert found == {"wiki2023", "wiki2024", "wiki", "lz4", "part", "text"}


def test_a_header_is_read_as_any_row_is(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('\n\n"the\ntext";n\none;1\ntwo;2;3\n')
    with pytest.raises(
        InputError, match=r"has no column text\n.*'the\\ntext', n\.\n.*'the\\ntext'"
    ):
        read(path)
    with pytest.raises(InputError, match=r"row 2 has 3 fields.*\n.*end at line 6"):
        read(path, column="the\ntext")
    path.write_text("id, text\n1,one\n")
    with pytest.raises(InputError, match="Did you mean ' text'"):
        read(path)
    path.write_text('id,"text\n' + "1,one\n" * 2000)
    with pytest.raises(InputError, match="has no column text"):
        read(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b'{"text": "a"}\n{"txt": "b"}\n', "row 2: column text is null"),
        ("a.json", b'[{"text": "a"}]', r"row 1 is no line of JSON(.|\n)*jq"),
        ("a.jsonl", b'{"text": "a"', "row 1 is no line of JSON"),
        ("a.jsonl", b'{"text": "a", "text": "b"}', "row 1: the key 'text' occurs twice"),
        ("a.csv", b'text,n\n"open,1\nx,2\n', "row 1 is no row of a table"),
        ("a.csv", b"text,n\na,b,1\n", "row 1 has 3 fields, the header 2"),
        ("a.csv", b"text\ncaf\xe9\n", r"is not UTF-8: byte 8(.|\n)*--encoding latin1"),
        ("a.csv", b"", "holds no text"),
        ("a.parquet", b"text", "cannot be read as a table"),
        ("a.arrow", b"text", "cannot be read as a table"),
        ("a.txt", b"text", r"holds no table\n.*found a\.txt"),
    ],
)
def test_what_is_no_table_is_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        read(tmp_path / name)


def test_windows_and_old_mac_line_ends_and_a_byte_order_mark_are_no_text(tmp_path):
    for end in ("\r\n", "\r"):
        text = "\ufeff" + end.join(["text;n", "one;1", "two;2", ""])
        (tmp_path / "a.csv").write_bytes(text.encode())
        assert [each[2] for each in read(tmp_path / "a.csv")] == ["one\n", "two\n"]


def test_a_row_longer_than_memory_should_hold_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(table_files, "LONGEST_ROW", 1000)
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n{"text": "' + "a" * 2000)
    with pytest.raises(InputError, match="line 2 has more than 1,000 characters"):
        read(tmp_path / "a.jsonl")
