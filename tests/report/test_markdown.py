"""Markdown lines up in its source, and names are text."""

import pytest
from markdown_it import MarkdownIt
from odd_names import ODD_NAMES

from babyllama.console import visible
from babyllama.report.markdown import aligned, code, escaped, fenced
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


def shown(markdown):
    """The text that a reader sees, and the tags around it."""
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown)
    inline = [token for token in tokens if token.type == "inline"]
    kinds = {child.type for token in inline for child in token.children}
    return "".join(c.content for t in inline for c in t.children), kinds, tokens


@pytest.mark.parametrize("name", ODD_NAMES)
def test_an_odd_name_is_read_as_it_is_written(name):
    text, kinds, tokens = shown(escaped(name))
    seen = visible(" ".join(name.split()))
    assert text == seen
    assert kinds == {"text"} or kinds == {"text", "text_special"}
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_an_odd_name_stays_in_its_cell_and_in_its_code(name):
    table = aligned(Table("t", ("model", "score"), ((name, "1.0"),)))
    assert len([t for t in shown(table)[2] if t.type == "td_open"]) == 2
    _, kinds, _ = shown(code(name))
    assert kinds == {"code_inline"}


def test_numbers_are_not_escaped():
    assert escaped("-0.4 to 1.2") == "-0.4 to 1.2"
    assert escaped("+1.9") == "+1.9"
    assert escaped("2.5") == "2.5"
    assert escaped("- 2") == r"\- 2"


def test_a_fence_is_longer_than_any_in_the_text():
    assert fenced("a: 1\n", "yaml") == "```yaml\na: 1\n```"
    assert fenced("```x", "text") == "````text\n```x\n````"
