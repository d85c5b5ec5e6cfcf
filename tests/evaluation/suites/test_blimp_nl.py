"""BLiMP-NL: the mean over pairs."""

import pytest

from babyllama.evaluation.suites import suite_for


def test_blimp_nl_counts_all_pairs_alike(write, score):
    rows = [{"sentence_good": "a b", "sentence_bad": "b a", "category": c} for c in "ppq"]
    suite = suite_for("blimp_nl")
    items = suite.read(write({"blimp-nl.jsonl": rows}))
    facts, _ = score(suite, items, [-1, -2, -1, -2, -2, -1])
    assert facts["score"] == pytest.approx(200 / 3)
    assert facts["aggregates"]["uids"] == 50
