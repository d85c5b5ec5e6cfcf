"""From log-likelihoods of texts to scores, with ties, averages and intervals."""

import json
import math

import numpy as np
import pytest

from babyllama.evaluation.likelihood.rules import rules_named
from babyllama.evaluation.suites.choices import score_choices
from babyllama.evaluation.suites.minimal_pairs import pair

OUTCOMES = {"u1": "11101", "u2": "0=", "u3": "1110000000"}  # right, wrong, tie
GROUPS = {"u1": "one", "u2": "one", "u3": "two"}


def scored(pairs, values, chosen):
    result, lines = score_choices(pairs, values.reshape(-1), chosen)
    return result.written(), lines


def decided():
    pairs, values = [], []
    for uid, outcomes in OUTCOMES.items():
        for number, outcome in enumerate(outcomes):
            term = "odd" if uid == "u2" else GROUPS[uid]
            pairs.append(pair(uid, str(number), GROUPS[uid], term, f"good {number}", "bad"))
            values.append((-5.0, {"1": -6.0, "0": -4.0, "=": -5.0}[outcome]))
    return pairs, np.array(values)


def percents(tie):
    p1, p2, p3 = 4 / 5, tie / 2, 3 / 10
    return {
        "uids": 100 * (p1 + p2 + p3) / 3,
        "groups": 100 * ((4 + tie) / 7 + p3) / 2,
        "terms": 100 * (p1 + p2 + p3) / 3,
        "pairs": 100 * (4 + tie + 3) / 17,
    }


@pytest.mark.parametrize(
    ("name", "tie", "headline"),
    [("honest", 0.5, "uids"), ("2023", 1, "groups"), ("2024", 1, "uids"), ("2025", 1, "uids")],
)
def test_ties_and_averages_are_the_rules(name, tie, headline):
    scores, predictions = scored(*decided(), rules_named(name))
    assert scores["aggregates"] == pytest.approx(percents(tie))
    assert scores["score"] == pytest.approx(percents(tie)[headline])
    assert [line["correct"] for line in predictions[:7]] == [1, 1, 1, 0, 1, 0, tie]
    pooled = 100 * (4 + tie) / 7
    of_uids = 100 * (4 / 5 + tie / 2) / 2
    expected = pooled if name == "2023" else of_uids
    assert scores["groups"]["one"]["score"] == pytest.approx(expected)


def test_the_result_has_every_key_and_no_other():
    scores, _ = scored(*decided(), rules_named("honest"))
    estimate = {"score", "stderr", "interval", "n"}
    about = {"unit", "higher_is_better", "chance", "interval_clustered", "items"}
    assert scores.keys() == estimate | about | {"subtasks", "groups", "aggregates"}
    assert (scores["n"], scores["chance"], scores["unit"]) == (17, 50.0, "percent")
    assert [*scores["subtasks"]] == ["u1", "u2", "u3"]
    of_uid = estimate | {"group", "decisions"}
    assert all(each.keys() == of_uid for each in scores["subtasks"].values())
    assert {uid: each["n"] for uid, each in scores["subtasks"].items()} == {
        "u1": 5, "u2": 2, "u3": 10,
    }  # fmt: skip
    assert {uid: each["group"] for uid, each in scores["subtasks"].items()} == GROUPS
    assert {uid: each["decisions"] for uid, each in scores["subtasks"].items()} == OUTCOMES
    assert all(each.keys() == estimate for each in scores["groups"].values())
    assert {group: each["n"] for group, each in scores["groups"].items()} == {"one": 7, "two": 10}
    json.dumps(scores, allow_nan=False)


def test_a_result_names_its_items_by_their_contents_and_order():
    pairs, values = decided()
    items = scored(pairs, values, rules_named("honest"))[0]["items"]
    assert scored(list(pairs), -values, rules_named("2025"))[0]["items"] == items
    assert scored(pairs[::-1], values, rules_named("honest"))[0]["items"] != items


def test_only_a_mean_over_uids_has_an_interval_over_uids():
    pairs, values = decided()
    assert "interval_clustered" not in scored(pairs, values, rules_named("2023"))[0]
    lone = scored(pairs[:5], values[:5], rules_named("honest"))[0]
    assert "interval_clustered" not in lone


def test_the_headlines_error_is_that_of_uids_drawn_apart():
    scores, _ = scored(*decided(), rules_named("honest"))
    variances = [0.8 * 0.2 / 4, 0.25**2 * 2 / 2, 0.3 * 0.7 / 9]  # unbiased: over n - 1
    stderr = 100 * math.sqrt(sum(variances)) / 3
    assert scores["stderr"] == pytest.approx(stderr)
    low, high = scores["interval"]
    assert (high - low) / 2 == pytest.approx(1.959964 * stderr, rel=0.1)  # few items: see shares


def test_a_prediction_repeats_its_pair_and_both_log_likelihoods():
    pairs = [
        pair("island", "7", "island_effects", "island_effects", "a b", "b a"),
        pair("island", "8", "island_effects", "island_effects", "c d", "d c", True),
    ]
    _, lines = scored(pairs, np.array([[-1.5, -2.0], [-3.0, -2.5]]), rules_named("honest"))
    assert lines == [
        {"UID": "island", "pairID": "7", "group": "island_effects", "sentence_good": "a b",
         "sentence_bad": "b a", "log_likelihood_good": -1.5, "log_likelihood_bad": -2.0,
         "correct": 1.0},
        {"UID": "island", "pairID": "8", "group": "island_effects", "sentence_good": "c d",
         "sentence_bad": "d c", "log_likelihood_good": -3.0, "log_likelihood_bad": -2.5,
         "correct": 0.0, "novel": True},
    ]  # fmt: skip
