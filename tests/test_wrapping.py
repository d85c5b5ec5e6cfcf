"""Lines and tables on a narrow terminal: words stay whole, and so do commands."""

import re
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from babyllama.wrapping import Grid, drawn, wrapped

WIDE = Grid(
    "twin minus student",
    ("benchmark", "guessing", "twin", "student", "difference", "95% interval", "p", "smallest"),
    (("blimp_supplement", "50.0", "59.9", "59.5", "-0.4", "-1.8 to 1.1", "0.603", "2.1"),),
    less=("p", "guessing"),
)


def test_a_line_breaks_between_words_and_keeps_its_indent():
    assert wrapped("  one two three", 10) == "  one two\n  three"
    assert wrapped("short\n  and a longer one", 12) == "short\n  and a\n  longer one"


def test_a_command_or_a_path_is_never_broken():
    line = "  Train them: babyllama run runs/mini --set 'a b=c'. Or look at them."
    assert wrapped(line, 30).splitlines() == [
        "  Train them:",
        "  babyllama run runs/mini --set 'a b=c'.",
        "  Or look at them.",
    ]
    path = "runs/" + "x" * 40
    assert wrapped(f"Report: {path}", 20) == f"Report:\n{path}"


@settings(deadline=None)
@given(st.text(alphabet="ab _/.:", max_size=60), st.integers(1, 30))
def test_a_wrapped_line_has_the_same_words_in_the_same_order(text, width):
    lines = wrapped(text, width)
    assert lines.split() == text.split()
    assert all(cell_len(line) <= width or " " not in line.strip() for line in lines.splitlines())


def test_a_table_without_room_drops_the_columns_that_matter_least_and_says_so():
    found = drawn(WIDE, 64, complete=False)
    assert found.left_out == ("guessing", "p")
    assert all(cell_len(line) <= 64 for line in (*found.head, *found.rows))
    assert drawn(WIDE, 200, complete=False).left_out == ()


def test_into_a_file_a_table_has_every_column_and_whole_words():
    found = drawn(WIDE, 20, complete=True)
    assert found.left_out == ()
    assert re.search(r"blimp_supplement .* -1\.8 to 1\.1 .* 2\.1", found.rows[0])


def test_a_name_breaks_after_its_joints_and_no_number_breaks():
    grid = Grid("", ("name", "score"), (("determiner_noun_irregular", "-1.8 to 1.1"),))
    found = drawn(grid, 27, complete=False)
    assert [line.split("  ")[0].rstrip() for line in found.rows] == [
        "determiner_",
        "noun_irregular",
    ]
    assert "-1.8 to 1.1" in found.rows[0]


@settings(deadline=None)
@given(
    st.lists(st.lists(st.text("ab_/ 1.", max_size=12), min_size=3, max_size=3), max_size=4),
    st.integers(10, 60),
)
def test_a_table_fits_its_width_and_loses_no_letter_of_what_it_shows(rows, width):
    grid = Grid("", ("one", "two", "three"), tuple(map(tuple, rows)))
    found = drawn(grid, width, complete=False)
    assert all(cell_len(line) <= width for line in (*found.head, *found.rows))
    kept = [column for column, name in enumerate(grid.head) if name not in found.left_out]
    shown = sorted("".join("".join(found.rows).split()))
    assert shown == sorted("".join("".join(row[each] for row in rows for each in kept).split()))


def test_columns_of_words_start_at_the_left_and_numbers_end_at_the_right():
    grid = Grid(
        "", ("run", "asks", "size"), (("a", "does it help?", "2 MiB"), ("b", "no", "12 MiB"))
    )
    assert list(drawn(grid, 80, complete=False).rows) == [
        "a    does it help?   2 MiB",
        "b    no             12 MiB",
    ]


def test_a_column_is_no_wider_than_its_longest_line():
    grid = Grid("", ("a", "b"), (("x, at chance", "y, and so on"),))
    assert drawn(grid, 20, complete=False).rows == ("x, at   y, and so", "chance  on")


def test_columns_make_room_for_a_column_of_sentences():
    rows = (("demo", "16", "does a student of two teachers beat the same model alone?"),)
    grid = Grid("", ("study", "trainings", "question"), rows, less=("trainings",))
    assert drawn(grid, 48, complete=False).left_out == ()
    found = drawn(replace(grid, least=(("question", 40),)), 48, complete=False)
    assert found.left_out == ("trainings",)
    assert len(found.rows) == 2


def test_a_chinese_letter_takes_two_columns():
    assert wrapped("語語 語語", 8) == "語語\n語語"
    found = drawn(Grid("", ("model", "n"), (("語語", "1"), ("abc", "22"))), 20, complete=False)
    assert found.rows == ("語語    1", "abc    22")
