"""The average of a score is the one that its rules name."""

import pytest

from babyllama.scores.averages import averages, rules_weights

SIZES, GROUPS = {"a": 1, "b": 3, "c": 4}, {"a": "g", "b": "g", "c": "h"}
POOLED = {"a": 1 / 8, "b": 3 / 8, "c": 1 / 2}


@pytest.mark.parametrize(
    ("average", "weights"),
    [
        ("mean over groups, all pairs of a group pooled", POOLED),
        ("mean over UIDs", dict.fromkeys("abc", 1 / 3)),
        ("", dict.fromkeys("abc", 1 / 3)),
    ],
)
def test_the_rules_words_decide_the_weights(average, weights):
    assert rules_weights(average, SIZES, GROUPS) == pytest.approx(weights)
    assert next(averages(average, SIZES, GROUPS)) == pytest.approx(weights)


def test_every_average_weighs_one_in_all():
    found = [*averages("", SIZES, GROUPS)]
    assert all(sum(weights.values()) == pytest.approx(1) for weights in found)
    assert {"a": 1 / 4, "b": 1 / 4, "c": 1 / 2} in found  # UID by UID within groups
    assert {"a": 1 / 8, "b": 3 / 8, "c": 4 / 8} in found  # over items, too
