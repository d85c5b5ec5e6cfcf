"""SyntaxGym's formulas against Python's own operators."""

import numpy as np
import pytest

from babyllama.evaluation.suites.region_formulas import parse_formula

A, B = {("a", 1): 1.0, ("a", 2): 2.0, ("a", 3): 4.0}, {("b", 1): 3.0, ("b", 2): 2.0004}
BITS = {region: np.array([bits, bits + 10]) for region, bits in {**A, **B}.items()}


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("(1;%a%) < (1;%b%)", True),
        ("(1;%a%) > (1;%b%)", False),
        ("(2;%a%) = (2;%b%)", True),
        ("(1;%a%) = (2;%a%)", False),
        ("((1;%a%) + (2;%a%)) = (1;%b%)", True),
        ("(1;%a%) + (2;%a%) = (1;%b%)", True),
        ("(3;%a%) - (2;%a%) - (1;%a%) = (1;%a%)", True),  # from left to right
        ("(3;%a%) - ((2;%a%) - (1;%a%)) = (1;%b%)", True),
        ("(*;%a%) = 7", True),
        ("(1;%a%) < 0.5", False),
        ("(1;%a%) < (1;%b%) & (1;%b%) < (1;%a%)", False),
        ("(1;%a%) < (1;%b%) | (1;%b%) < (1;%a%)", True),
        ("(1;%a%)<(1;%b%)|(1;%a%)<(1;%b%)&(1;%b%)<(1;%a%)", False),  # & and | are alike
        ("(1;%a%)<(1;%b%)|((1;%a%)<(1;%b%)&(1;%b%)<(1;%a%))", True),
        ("[(1;%a%) < (1;%b%)] & [(2;%a%) > (1;%a%)]", True),
        ("(( 1 ;%a%)) < (1; %b%)", True),
    ],
)
def test_a_formula_holds_as_its_operators_say(formula, expected):
    assert bool(parse_formula(formula, list(BITS))(BITS)[0]) is expected


def test_a_formula_is_computed_for_all_items_at_once():
    assert parse_formula("(1;%a%) + (2;%a%) < 20", list(BITS))(BITS).tolist() == [True, False]


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("(1;%a%) < (1;%c%)", "no region 1 in a condition c"),
        ("(9;%a%) < (1;%b%)", "no region 9 in a condition a"),
        ("(*;%c%) < 1", r"no region \* in a condition c"),
        ("(1;%a%) <", "ends too early"),
        ("((1;%a%) < (1;%b%)", "bracket is not closed"),
        ("(1;%a%) < (1;%b%))", r"unexpected '\)'"),
        ("(1;%a%) ! (1;%b%)", "unexpected '!'"),
        ("(1;%a%) (1;%b%) < 1", r"unexpected '\(1;%b%\)'"),
        ("(1;%a%) + (1;%b%)", "nothing is compared"),
    ],
)
def test_a_formula_that_cannot_be_read_says_why(formula, message):
    with pytest.raises(ValueError, match=message):
        parse_formula(formula, list(BITS))
