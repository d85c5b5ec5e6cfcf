import pytest

from babyllama.data.cleaning.books import (
    remove_bars,
    remove_edition_notes,
    remove_note_marks,
    remove_page_numbers,
    remove_rows_of_stars,
    unmark_italics,
)


@pytest.mark.parametrize(
    ("rule", "text", "expected"),
    [
        (remove_rows_of_stars, "M*A*S*H, a *b * *c* d **e** *", "M*A*S*H, a *b * *c* d **e** *"),
        (remove_rows_of_stars, "**\n*x\na * b", "\n*x\na * b"),
        (remove_page_numbers, "[p. 3] a {Pg xii} 12 men\n12 men\n[12]", " a 12 men\n12 men\n"),
        (remove_note_marks, "a list[3](x) b[12]c [A] d e{1}", "a list[3](x) b[12]c [A] d e"),
        (unmark_italics, "a_b_ _ c _ _d_e _f_", "a_b_ _ c _ _d_e f"),
        (remove_bars, "|a|\n|A", "|a|\nA"),
        (
            remove_edition_notes,
            "*** START OF IT\nNote: Project Gutenberg also has it\nNote: go",
            "\n\nNote: go",
        ),
    ],
)
def test_rules_for_books_take_every_form_and_leave_what_looks_like_it(rule, text, expected):
    assert rule(text) == expected
