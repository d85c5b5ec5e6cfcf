import pytest

from babyllama.data.cleaning.wiki import (
    drop_formulas,
    join_commas,
    remove_bullets,
    remove_cells,
    remove_empty_parentheses,
    remove_lost_labels,
    remove_references,
)


@pytest.mark.parametrize(
    ("rule", "text", "expected"),
    [
        (remove_empty_parentheses, "f() ( a ) (a,; ) a , b", "f() (a) (a) a , b"),
        (remove_lost_labels, ":, a:,b a:, c", ":, a:,b a: c"),
        (remove_references, "a.[note 3] b.[1](c) d.[2]e", "a. b.[1](c) d.[2]e"),
        (remove_cells, "a b||c d\n!a!!b\n!a||b\n!a=b\n!a\n|a\nb!", "a d\n\n\n\n!a\n\nb!"),
        (drop_formulas, "formula_1 a\nformula_1, formula_2.\ncodice_3", "formula_1 a\n\n"),
        (remove_bullets, "#1 hit\n# a\n*\n**a\n:;b", "#1 hit\na\n*\na\nb"),
        (join_commas, " , a ,b c , d ( , e )", " , a ,b c, d ( , e )"),
    ],
)
def test_rules_for_wikipedia_take_every_form_and_leave_what_looks_like_it(rule, text, expected):
    assert rule(text) == expected
