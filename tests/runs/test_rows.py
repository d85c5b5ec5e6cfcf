"""Rows of JSON lines and tables: plain, gzipped, in folders and zips; errors name file and line."""

import gzip
import math
import os
import zipfile

import pytest

from babyllama.errors import InputError
from babyllama.runs.rows import (
    JSON_LINES,
    Row,
    digest_of,
    packed_files,
    read_json_lines,
    read_rows,
    read_table,
)

LINES = b'{"a": 1}\n\n{"a": 2}\n'


def rows(data, wanted=("a",)):
    return list(read_json_lines("deep/x.jsonl", data, wanted))


def row(**values):
    return Row("x.jsonl:3", "x", 2, values, ("text",))


def test_plain_packed_and_zipped_files_have_the_same_rows(tmp_path):
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "x.jsonl").write_bytes(LINES)
    (tmp_path / "packed").mkdir()
    (tmp_path / "packed" / "x.jsonl.gz").write_bytes(gzip.compress(LINES))
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("inside/x.jsonl", LINES)
        archive.writestr("__MACOSX/x.jsonl", b"not JSON")
    places = [
        tmp_path / "plain",
        tmp_path / "plain/x.jsonl",
        tmp_path / "packed",
        tmp_path / "x.zip",
    ]
    for place in places:
        found = read_rows(place, ("a",))
        assert [(each.stem, each.number, each.values) for each in found] == [
            ("x", 0, {"a": 1}), ("x", 2, {"a": 2}),
        ]  # fmt: skip
    assert read_rows(tmp_path / "x.zip", ("a",))[1].where == f"{tmp_path}/x.zip/inside/x.jsonl:3"


def test_a_path_without_such_files_is_refused(tmp_path):
    with pytest.raises(InputError, match="nothing does not exist"):
        packed_files(tmp_path / "nothing", JSON_LINES)
    with pytest.raises(InputError, match=r"contains no \.jsonl or \.jsonl\.gz file"):
        packed_files(tmp_path, JSON_LINES)
    for name in ("x.jsonl", "x.jsonl.gz"):
        (tmp_path / name).write_bytes(gzip.compress(LINES) if name.endswith("gz") else LINES)
    with pytest.raises(InputError, match="are the same file, packed and unpacked"):
        packed_files(tmp_path, JSON_LINES)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "x.jsonl is empty"),
        (b'{"a": 1}\n{"a"', "x.jsonl:2: is not JSON"),
        (b'{"a": 1}\n[1]', "x.jsonl:2: is a list, not an object with a"),
        (b'{"a": "\xe4"}', "x.jsonl:1: is not UTF-8"),
        (b'{"a": 1}\n{"a": 1, "b": {"c": 2, "c": 3}}', "x.jsonl:2: the key 'c' occurs twice"),
    ],
)
def test_a_wrong_line_is_named(data, message):
    with pytest.raises(InputError, match=message):
        rows(data)


def test_a_line_ends_at_a_line_feed_alone():
    assert rows('{"a": "one\u2028two"}'.encode())[0].values == {"a": "one\u2028two"}


def test_a_table_is_read_by_its_header():
    found = list(read_table("x.csv", b"\xef\xbb\xbfa,b\n1,2\n3,4\n", ("a",)))
    assert [(each.number, each.values) for each in found] == [
        (0, {"a": "1", "b": "2"}), (1, {"a": "3", "b": "4"}),
    ]  # fmt: skip
    for data, message in (
        (b"b\n1\n", "x.csv:1: has no column a"),
        (b"a,b,a\n1,2,3\n", "x.csv:1: has 2 columns called a"),
        (b"a,b\n1\n", r"x.csv:2: does not have the 2 fields of the header\n.*contains ','"),
        (b"a,b\n", "x.csv has no line after its header"),
    ):
        with pytest.raises(InputError, match=message):
            list(read_table("x.csv", data, ("a",)))


def test_texts_must_be_readable():
    assert row(text="a cat").text("text") == "a cat"
    assert row(text="").text("text", may_be_empty=True) == ""
    assert row(a="x", b="Bär").texts_of(("a", "b")) == ["x", "Bär"]
    assert row(options=["a", "b"]).texts("options", at_least=2) == ["a", "b"]
    for values, message in (
        ({}, "x.jsonl:3: has no text"),
        ({"text": 3}, r'text is 3, not a text\n.*in quotation marks: "3"'),
        ({"text": None}, r"text is None, not a text\n.*Correct the value"),
        ({"text": "  "}, "text is empty"),
        ({"text": "\ud800"}, "half a character"),
    ):
        with pytest.raises(InputError, match=message):
            row(**values).text("text")
    with pytest.raises(InputError, match=r"not a list of 3 texts or more\n.*Write it"):
        row(options=["a", "b"]).texts("options", at_least=3)


def test_numbers_may_be_written_as_text():
    assert row(n="3").count("n") == 3
    assert row(x="-1.5").real("x") == -1.5
    assert math.isnan(row(x="NA").real("x", allow_missing=True))
    for value in ("1.5", "-1"):
        with pytest.raises(InputError, match="not a whole number, 0 or more"):
            row(n=value).count("n")
    for value in (True, "NA", "inf", None):
        with pytest.raises(InputError, match="not a number"):
            row(x=value).real("x")


def test_optional_values_have_a_type():
    assert row().optional("uid", str, "all") == "all"
    assert row(uid="one").optional("uid", str, "all") == "one"
    with pytest.raises(InputError, match="uid is None, not a text"):
        row(uid=None).optional("uid", str, "all")


def test_a_digest_depends_on_contents_and_order():
    assert digest_of([("a", 1)]) == digest_of([["a", 1]])
    assert len({digest_of(each) for each in ([("a",), ("b",)], [("b",), ("a",)], [("a",)])}) == 3


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"


@pytest.mark.parametrize("name", ["x.jsonl", "x.jsonl.gz", "x.zip"])
def test_a_git_lfs_pointer_is_named_with_the_command_that_downloads_the_file(tmp_path, name):
    (tmp_path / name).write_bytes(POINTER)

    with pytest.raises(InputError, match=rf"{name} is a git-lfs pointer(.|\n)*git lfs pull"):
        packed_files(tmp_path / name, JSON_LINES)


def test_a_broken_link_is_named_not_left_out(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(LINES)
    (tmp_path / "b.jsonl").symlink_to("nowhere")

    with pytest.raises(InputError, match=r"b\.jsonl cannot be read: No such file"):
        packed_files(tmp_path, JSON_LINES)


def test_a_file_whose_name_is_not_utf8_is_refused(tmp_path):
    (tmp_path / os.fsdecode(b"a\xff.jsonl")).write_bytes(LINES)

    with pytest.raises(InputError, match=r"cannot be printed: b'a\\xff\.jsonl'"):
        packed_files(tmp_path, JSON_LINES)


def test_a_number_of_thousands_of_digits_is_named_with_its_line():
    with pytest.raises(InputError, match=r"x\.jsonl:2: is not JSON: Exceeds the limit"):
        rows(b'{"a": 1}\n{"a": ' + b"9" * 5000 + b"}\n")
    with pytest.raises(InputError, match=r"x\.jsonl:3: text is 9+.*, not a number"):
        row(text=int("9" * 400)).real("text")


def test_a_field_of_a_table_that_is_too_long_is_named_with_its_line():
    data = b'text\nfine\n"' + b"long " * 30_000 + b'"\n'

    with pytest.raises(InputError, match=r"x\.csv:3: is not a line of a table: field larger"):
        list(read_table("x.csv", data, ("text",)))
