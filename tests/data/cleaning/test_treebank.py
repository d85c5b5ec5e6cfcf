import pytest

from babyllama.data.cleaning.treebank import (
    join_brackets_and_stops,
    join_clitics,
    move_closing_quotes,
)


@pytest.mark.parametrize(
    ("rule", "text", "expected"),
    [
        (move_closing_quotes, "a\n\n' b", "a\n\n' b"),
        (join_clitics, ", 's it 'sum a 't is 't isn't is", ", 's it 'sum a 'tis 't isn't is"),
        (join_brackets_and_stops, "a 'b' ' \n' \n' go 'tis", "a 'b'' \n' \n'go 'tis"),
    ],
)
def test_rules_for_the_treebank_leave_quotes_that_only_look_like_parts_of_words(
    rule, text, expected
):
    assert rule(text) == expected
