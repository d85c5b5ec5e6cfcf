"""Scores against scikit-learn, and what nobody's model would get."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

from babyllama.evaluation.finetuning.scores import metrics_of, score_of, scores_of


@settings(deadline=None)
@given(st.integers(2, 3), st.integers(3, 40), st.integers(0, 10**6))
def test_metrics_are_scikit_learns(classes, n, seed):
    drawn = np.random.default_rng(seed)
    labels, guesses = drawn.integers(classes, size=(2, n))
    labels[:classes], guesses[:classes] = range(classes), range(classes)  # all are there
    found = metrics_of(labels, guesses, classes)
    average = "binary" if classes == 2 else "macro"
    assert found["accuracy"] == pytest.approx(accuracy_score(labels, guesses))
    assert found["f1"] == pytest.approx(f1_score(labels, guesses, average=average))
    assert found["mcc"] == pytest.approx(matthews_corrcoef(labels, guesses), abs=1e-12)


def test_one_class_alone_has_no_correlation_and_no_f1():
    ones, zeros = np.ones(5, dtype=np.int64), np.zeros(5, dtype=np.int64)
    assert metrics_of(zeros, zeros, 2) == {"accuracy": 1.0, "f1": 0.0, "mcc": 0.0}
    assert metrics_of(zeros, ones, 2) == {"accuracy": 0.0, "f1": 0.0, "mcc": 0.0}


def made(metric, guesses, labels=(0, 1, 1, 0, 1, 1), majority=1):
    return scores_of(labels, guesses, metric=metric, classes=2, majority=majority)


def test_one_seeds_accuracy_has_decisions_and_wilsons_interval():
    found = made("accuracy", {12: [0, 1, 0, 0, 1, 1]})
    assert found["score"] == pytest.approx(500 / 6)
    assert found["seeds"]["12"]["decisions"] == "110111"
    assert found["interval"] == pytest.approx([43.65, 96.99], abs=0.01)
    assert found["chance"] == 50
    assert found["majority"] == {"label": 1, "score": pytest.approx(400 / 6)}
    assert found["majority"]["score"] < found["metrics"]["f1"]
    assert len(found["replicates"]) == 1000
    assert "seeds_sd" not in found


def test_several_seeds_have_a_mean_and_a_spread():
    guesses = {1: [0, 1, 0, 0, 1, 1], 2: [0, 1, 1, 0, 1, 0], 3: [0, 1, 1, 0, 1, 1]}
    found = made("mcc", guesses)
    each = [found["seeds"][seed]["score"] for seed in "123"]
    assert found["score"] == pytest.approx(np.mean(each))
    assert found["seeds_sd"] == pytest.approx(np.std(each, ddof=1))
    low, high = found["seeds_interval"]
    assert -100 <= low <= found["score"] <= high <= 100
    assert made("accuracy", dict.fromkeys((1, 2), [0] * 6))["seeds_interval"] == (
        pytest.approx(100 / 3),
        pytest.approx(100 / 3),
    )


def test_replicates_are_the_score_on_resamples_and_pair():
    labels = np.random.default_rng(1).integers(2, size=50)
    guesses = np.random.default_rng(2).integers(2, size=(2, 50))
    found = [
        made("f1", {0: guess.tolist()}, labels=labels.tolist())["replicates"] for guess in guesses
    ]
    rows = np.random.default_rng(0).integers(50, size=(1000, 50))
    for guess, replicates in zip(guesses, found, strict=True):
        plain = [100 * f1_score(labels[row], guess[row]) for row in rows[:20]]
        assert replicates[:20] == pytest.approx(plain)


def test_chance_is_what_guessing_gets():
    labels = [0] * 30 + [1] * 70
    drawn = np.random.default_rng(0).integers(2, size=(500, 100))
    for metric in ("accuracy", "f1", "mcc"):
        found = made(metric, {0: [1] * 100}, labels=labels)["chance"]
        guessed = [100 * metrics_of(np.array(labels), guess, 2)[metric] for guess in drawn]
        assert found == pytest.approx(np.mean(guessed), abs=1.0)


def test_a_table_of_its_own_or_many():
    tables = np.array([[[3.0, 1.0], [0.0, 2.0]], [[1.0, 1.0], [1.0, 1.0]]])
    for metric in ("accuracy", "f1", "mcc"):
        assert score_of(tables, metric).tolist() == [float(score_of(t, metric)) for t in tables]
