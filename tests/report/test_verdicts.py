"""The sentence of each verdict."""

import pytest

from babyllama.report.verdicts import Names, digits_for, sentence
from babyllama.scores.paired_seeds import SeedsDifference
from babyllama.scores.verdicts import Asked, verdicts

NAMES = Names("student", "twin", "blimp")


def said(value, stderr, *, items=0.0, names=NAMES, **keys):
    difference = SeedsDifference(value, stderr**2, items, (value,) * 9)
    return sentence(verdicts([Asked(difference, **keys)], "holm")[0], names)


def test_each_verdict_is_a_sentence():
    assert said(3.0, 1.0) == (
        "student is better than twin on blimp: 3.0 above (95% interval 0.7 to 5.3, 9 seeds)."
    )
    assert said(0.5, 0.1, smallest=1.0).endswith(
        "0.50 above (95% interval 0.27 to 0.73, 9 seeds). That is less than the 1 declared to "
        "count."
    )
    assert said(0.1, 0.2, smallest=1.0, question="equivalent") == (
        "student and twin are equivalent on blimp: they differ by -0.27 to 0.47 (90% interval, "
        "9 seeds), less than the 1 declared to count."
    )
    assert said(-0.5, 1.0, smallest=3.0, question="no worse") == (
        "student is no worse than twin on blimp: the difference is -0.5 (90% interval -2.4 to 1.4, "
        "9 seeds), and a loss counts from 3."
    )


def test_a_lower_loss_is_better_and_below():
    names = Names("student", "twin", "the dev loss", " nats")
    assert said(-0.09, 0.01, names=names, higher_is_better=False) == (
        "student is better than twin on the dev loss: 0.090 nats below "
        "(95% interval 0.067 to 0.113, 9 seeds)."
    )


@pytest.mark.parametrize(
    ("keys", "end"),
    [
        ({}, "; about 73 would do to show the 1.0 observed."),
        ({"smallest": 2.0}, "; about 20 would do to show the 2 declared to count."),
        ({"smallest": 0.1}, "; more than 1000 seeds would do to show the 0.1 declared to count."),
        ({"items": 4.0}, "more seeds alone would not do to show the 1.0 observed: at least 32 "
                         "times as many items are needed."),
        ({"smallest": 1.0, "question": "equivalent"}, "would do if they do not differ (margin 1)."),
    ],
)  # fmt: skip
def test_what_cannot_be_told_apart_says_what_would_do(keys, end):
    text = said(1.0, 1.0, **keys)
    assert text.endswith(end)
    assert "with 9 seeds (difference +1.0, 95% interval" in text


def test_digits_follow_the_intervals_width():
    assert [digits_for(reach) for reach in (12.0, 1.2, 0.4, 0.03, 1e-9, 0.0)] == [1, 1, 2, 3, 3, 1]


def test_an_interval_without_zero_that_does_not_survive_the_correction_is_explained():
    among = [SeedsDifference(v, 1.0, 0.0, (v,) * 9) for v in (2.9, *[0.0] * 9)]
    first = verdicts([Asked(each) for each in among], "holm")[0]
    assert "before the correction for the number of comparisons" in sentence(first, NAMES)
