"""A difference is claimed only when its interval leaves out zero."""

import pytest

from babyllama.recipe import load_recipe
from babyllama.report.wording import (
    bounds,
    bounds_signed,
    describe,
    judged,
    order_in_words,
    signed,
    signed_difference,
    times,
    with_interval,
)
from babyllama.scores.differences import Difference
from babyllama.scores.results import Score


def difference(value, low, high):
    return Difference(value, 0.2, (low, high), 0.01, "test")


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (difference(1.9, 1.4, 2.4), "1.9 above (1.4 to 2.4)"),
        (difference(-0.6, -1.0, -0.2), "0.6 below (0.2 to 1.0)"),
        (difference(0.05, -0.3, 0.4), "no detectable difference (-0.3 to 0.4)"),
        (difference(0.2, -0.01, 0.4), "no detectable difference (0.0 to 0.4)"),
        (difference(0.2, 0.01, 0.4), "0.20 above (0.01 to 0.40)"),
    ],
)
def test_a_difference_is_claimed_only_when_its_interval_leaves_out_zero(found, words):
    assert describe(found) == words


def test_where_lower_is_better_a_claim_says_so_and_none_needs_to():
    assert describe(difference(-0.6, -1.0, -0.2), higher_is_better=False) == (
        "0.6 below (0.2 to 1.0; lower is better)"
    )
    assert describe(difference(0.1, -1.0, 1.2), higher_is_better=False) == (
        "no detectable difference (-1.0 to 1.2)"
    )


@pytest.mark.parametrize(
    ("found", "higher_is_better", "words"),
    [
        (difference(1.9, 1.4, 2.4), True, "better, 1.9 (1.4 to 2.4)"),
        (difference(1.9, 1.4, 2.4), False, "worse, 1.9 (1.4 to 2.4)"),
        (difference(-0.6, -1.0, -0.2), False, "better, -0.6 (-1.0 to -0.2)"),
        (difference(0.1, -1.0, 1.2), True, "not detectably different, 0.1 (-1.0 to 1.2)"),
    ],
)
def test_a_difference_in_a_cell_is_judged_and_signed(found, higher_is_better, words):
    assert judged(found, higher_is_better=higher_is_better) == words


def test_an_interval_without_zero_never_begins_at_it():
    assert bounds((0.02, 5.13)) == "0.02 to 5.13"
    assert bounds((-5.13, -0.02)) == "-5.13 to -0.02"
    assert bounds((-0.02, 5.13)) == "0.0 to 5.1"
    assert bounds_signed((-0.4, 1.2)) == "-0.4 to +1.2"
    assert bounds_signed((-0.02, 6.9)) == "0.0 to +6.9"
    assert bounds_signed((0.02, 6.9)) == "+0.02 to +6.90"
    assert signed_difference(difference(-0.35, -1.8, 1.1)) == "-0.3, 95% -1.8 to 1.1"
    assert signed_difference(difference(1.35, 0.02, 2.7)) == "1.35, 95% 0.02 to 2.70"
    assert [signed(value) for value in (-0.02, 0.02, 1.94)] == ["0.0", "0.0", "+1.9"]


def test_a_score_is_shown_with_its_interval_if_it_has_one():
    assert with_interval(Score(score=73.21, interval=(72.06, 74.3))) == "73.2 (72.1 to 74.3)"
    assert with_interval(Score(score=73.21)) == "73.2"


def test_a_curriculum_is_said_with_how_often_windows_were_read():
    plain, ordered = (
        load_recipe("mini", settings).pretraining("llama").training
        for settings in ((), ("teachers.llama.training.order={by: length}",))
    )
    facts = {"times_read": {"min": 5, "median": 10.5, "max": 31}}
    assert order_in_words(plain, facts) == ""
    assert order_in_words(ordered, {}) == str(ordered.order)
    assert order_in_words(ordered, facts) == (
        f"{ordered.order}; a window was read 5 to 31 times, the median 10.5"
    )


@pytest.mark.parametrize(
    ("value", "words"),
    [(1.02, "1.1"), (2.9, "2.9"), (9.96, "10.0"), (30.2, "31"), (1382.4, "1,383")],
)
def test_what_it_takes_is_rounded_up(value, words):
    assert times(value) == words
