"""Decisions as text and by UID, and what a file of predictions says of them."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from babyllama.errors import InputError
from babyllama.scores.decisions import (
    by_uid,
    decisions_of,
    decode_decisions,
    encode_decisions,
    read_predictions,
)
from babyllama.scores.results import BenchmarkResult


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0])))
def test_decisions_come_back_from_text(credits_):
    text = encode_decisions(np.array(credits_, dtype=np.float64))
    assert len(text) == len(credits_)
    assert decode_decisions(text).tolist() == credits_


def test_decisions_are_legible():
    assert encode_decisions(np.array([1.0, 1.0, 0.0, 0.5])) == "110="


def test_what_is_no_decision_is_refused():
    with pytest.raises(ValueError, match=r"not 0\.3"):
        encode_decisions(np.array([1.0, 0.3]))
    with pytest.raises(ValueError, match="not 'x'"):
        decode_decisions("10x")


# --- of a result ------------------------------------------------------------------------------


def plain(parts):
    """Decisions of each seed by UID, as lists."""
    return parts and [{uid: part.tolist() for uid, part in seed.items()} for seed in parts]


def test_a_results_decisions_are_those_of_its_uids_or_of_the_seeds_of_its_task():
    of_uids = {"a": {"score": 50.0, "decisions": "10"}, "b": {"score": 50.0, "decisions": "="}}
    found = decisions_of(BenchmarkResult(score=50.0, subtasks=of_uids), "blimp")
    assert plain(found) == [{"a": [1, 0], "b": [0.5]}]
    seeds = {"1": {"score": 50.0, "decisions": "10"}, "2": {"score": 100.0, "decisions": "11"}}
    task = BenchmarkResult(score=75.0, seeds=seeds, metric="accuracy")
    assert plain(decisions_of(task, "rte")) == [{"rte": [1, 0]}, {"rte": [1, 1]}]


def test_a_score_that_is_not_a_mean_of_decisions_has_none():
    seeds = {"1": {"score": 50.0, "decisions": "10"}}
    assert decisions_of(BenchmarkResult(score=50.0, seeds=seeds, metric="f1"), "mrpc") is None
    assert decisions_of(BenchmarkResult(score=50.0), "blimp") is None
    half = {"a": {"score": 50.0, "decisions": "10"}, "b": {"score": 50.0}}
    assert decisions_of(BenchmarkResult(score=50.0, subtasks=half), "blimp") is None


# --- of predictions ---------------------------------------------------------------------------


def test_predictions_are_read_where_they_are_right_or_wrong(tmp_path):
    path = tmp_path / "pairs.jsonl"
    assert read_predictions(path) is None
    lines = [{"UID": "agreement", "pairID": n, "correct": n / 2, "novel": n > 0} for n in range(3)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = read_predictions(path)
    assert found.keys == (("agreement", "0"), ("agreement", "1"), ("agreement", "2"))
    np.testing.assert_array_equal(found.correct, [0, 0.5, 1])
    np.testing.assert_array_equal(found.novel, [False, True, True])
    path.write_text(json.dumps({**lines[0], "novel": None}) + "\n")
    assert read_predictions(path).novel is None
    assert read_predictions(path).digest != found.digest
    path.write_text(json.dumps({"word": "cats", "surprisal": 3.0}) + "\n")
    assert read_predictions(path) is None
    path.write_text("{")
    with pytest.raises(InputError, match=r"pairs\.jsonl is not JSON at line 1"):
        read_predictions(path)


def test_decisions_are_parted_by_uid_in_the_order_of_the_benchmark():
    found = by_uid(("b", "a", "b"), np.array([1.0, 0.0, 0.5]))
    assert {uid: part.tolist() for uid, part in found.items()} == {"b": [1.0, 0.5], "a": [0.0]}
    assert [*found] == ["b", "a"]
