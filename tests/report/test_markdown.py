"""Markdown lines up in its source, and names are text."""

from babyllama.report.markdown import aligned, escaped
from babyllama.report.table import Table


def test_tables_line_up_in_their_source():
    table = Table("t", ("model", "score"), (("a_b|c", "1.0"), ("d", "61.25")))
    assert aligned(table).splitlines() == [
        "| model  | score |",
        "| ------ | ----: |",
        "| a_b\\|c |   1.0 |",
        "| d      | 61.25 |",
    ]


def test_names_are_never_markup():
    assert escaped("_x_ <i>\n# y") == r"\_x\_ \<i\> \# y"
    assert escaped("blimp_fast_2") == "blimp_fast_2"
