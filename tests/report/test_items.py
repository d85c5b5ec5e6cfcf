"""Items that tell student and twin apart: those that only one of them decides."""

import numpy as np

from babyllama.report.items import MOST_ITEMS, items_section, telling
from babyllama.report.scored_run import scored_run
from babyllama.runs.run import read_run
from babyllama.scores.decisions import Predictions


def predictions(correct, margins, texts=None):
    keys = tuple(("uid", str(number)) for number in range(len(correct)))
    texts = texts or tuple(("good", "bad") for _ in keys)
    return Predictions(keys, np.array(correct, np.float64), None, texts, np.array(margins))


def test_gains_and_losses_take_turns_with_the_largest_differences_first():
    ours = predictions([1, 1, 0, 1, 0], [1.0, 5.0, -2.0, 1.0, -1.0])
    theirs = predictions([0, 0, 1, 1, 1], [-1.0, -1.0, 1.0, 1.0, 4.0])
    assert telling(ours, theirs) == [1, 4, 0, 2]


def test_no_more_are_shown_than_a_page_holds_and_none_without_a_text():
    many = MOST_ITEMS + 5
    ours, theirs = predictions([1] * many, [1.0] * many), predictions([0] * many, [-1.0] * many)
    assert len(telling(ours, theirs)) == MOST_ITEMS
    private = predictions([1], [1.0], (("", ""),))
    assert telling(private, predictions([0], [-1.0])) == []


def test_a_row_has_both_texts_and_what_everyone_decides(make_run):
    section = items_section(scored_run(read_run(make_run(items=30))))
    (table,) = section.tables
    assert table.is_searchable
    assert table.head == (
        "right text",
        "wrong text",
        "UID",
        "distilled",
        "twin",
        "ensemble",
        "llama",
        "gpt2",
    )
    assert table.rows[0][:2] == ("good", "bad")
    decided = {(row[3].split(",")[0], row[4].split(",")[0]) for row in table.rows}
    assert decided <= {("right", "wrong"), ("wrong", "right")}
    assert table.rows[0][3] == "right, +1.0"
    assert table.searched == (
        f"Searches {len(table.rows)} of all 120 items: those on which student and twin differ most."
    )
