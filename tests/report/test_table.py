"""A table leaves out what no row has."""

from babyllama.report.table import cell, table_of


def test_a_column_without_values_is_left_out_and_a_missing_value_is_a_dash():
    columns = [
        ("size", lambda row: cell(row.get("size"), "{:,}")),
        ("never", lambda row: cell(row.get("never"), "{}")),
        ("share", lambda row: cell(row.get("share"), lambda value: f"{value:.0%}")),
    ]
    found = table_of("t", "name", [("a", {"size": 1200}), ("b", {"share": 0.5})], columns)
    assert found.head == ("name", "size", "share")
    assert found.rows == (("a", "1,200", "–"), ("b", "–", "50%"))


def test_no_rows_are_no_table():
    assert table_of("t", "name", [], [("x", str)]) is None
