"""Rows become documents, or lines of documents."""

from collections import Counter

import pytest

from babyllama.data.gathering.rows import EMPTY, NO_TEXT, Row, documents_of_rows
from babyllama.errors import InputError
from babyllama.recipe import TableSource


def documents(given: list[dict], **fields) -> tuple[list[tuple[str, str | None, str]], Counter]:
    source = TableSource(kind="table", path="a.jsonl", **fields)
    skipped: Counter[str] = Counter()
    rows = (Row(f"a.jsonl: row {n}", row) for n, row in enumerate(given, 1))
    found = documents_of_rows(rows, source, domain="a", split=None, skipped=skipped)
    return [(each.domain, each.name, "".join(each.pieces)) for each in found], skipped


def texts(*values) -> list[dict]:
    return [{"text": value} for value in values]


def test_a_row_is_a_document_and_its_own_blank_lines_do_not_divide_it():
    found, skipped = documents(texts("one\r\n\r\ntwo\u2028\u2028x", " \n", "three\n<br>\nfour"))
    assert [each[2] for each in found] == ["one\ntwo\nx\n", "three\nfour\n"]
    assert skipped == {EMPTY: 1}


def test_rows_as_lines_are_divided_by_empty_rows():
    found, skipped = documents(texts("one", "two", "", "", "three"), rows="lines")
    assert [each[2] for each in found] == ["one\ntwo\n", "three\n"]
    assert not skipped


def test_neighbours_with_one_document_and_domain_are_one_document():
    rows = [
        {"text": text, "of": of, "in": domain}
        for text, of, domain in (("a", 1, "x"), ("b", 1, "x"), ("c", 1, "y"), ("d", "2", "y"))
    ]
    found, _ = documents(rows, document="of", domain="in")
    assert found == [("x", "1", "a\nb\n"), ("y", "1", "c\n"), ("y", "2", "d\n")]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "row 2: column text is null"),
        (1.5, r"row 2: column text holds a number \(1\.5\), not text"),
        (True, r"holds a boolean \(True\)"),
        (["a"], "holds a list"),
        ({"a": 1}, "holds an object"),
        ("\ud800", "holds half a character"),
    ],
)
def test_a_value_that_is_no_text_is_named_with_its_row(value, message):
    with pytest.raises(InputError, match=message):
        documents(texts("fine", value))


def test_rows_without_text_are_left_out_and_counted_if_asked():
    found, skipped = documents(texts("one", None, "two"), nulls="skip")
    assert [each[2] for each in found] == ["one\n", "two\n"]
    assert skipped == {NO_TEXT: 1}


@pytest.mark.parametrize("name", [None, " ", 1.5])
def test_a_row_without_a_domain_is_refused(name):
    with pytest.raises(InputError, match="row 1: column in is"):
        documents([{"text": "a", "in": name}], domain="in")
