"""Answers of seeds: by item where items are known, else over seeds alone."""

import numpy as np
import pytest

from babyllama.scores.decisions import encode_decisions
from babyllama.scores.entrants import answers_of
from babyllama.scores.paired_answers import paired_answers
from babyllama.scores.paired_seeds import (
    paired_seeds_difference,
    paired_seeds_difference_of_scores,
)
from babyllama.scores.results import RESAMPLES, BenchmarkResult

TABLES = np.random.default_rng(0).integers(2, size=(2, 3, 2, 40)).astype(np.float64)


def answers(seed, *, items="9f2c", shown=True, **keys):
    """One seed's answers to two UIDs of 40 items."""
    uids = {
        uid: {"score": 100 * row.mean(), "decisions": encode_decisions(row) if shown else None}
        for uid, row in zip("ab", seed, strict=True)
    }
    result = {"score": 100 * seed.mean(), "interval": (0, 100), "items": items, "subtasks": uids}
    return answers_of(BenchmarkResult.model_validate({**result, **keys}), "mine")


def test_decisions_are_paired_by_item_in_percent():
    ours, theirs = ([answers(seed) for seed in side] for side in TABLES)
    found, why = paired_answers(ours, theirs)
    columns = [[side[:, uid] for uid in (0, 1)] for side in TABLES]
    expected = paired_seeds_difference(*columns, [0.5, 0.5]).times(100)
    assert why == ""
    assert found.interval == pytest.approx(expected.interval)


@pytest.mark.parametrize("changes", [{"items": None}, {"shown": False}])
def test_without_items_only_seeds_are_paired(changes):
    ours, theirs = ([answers(seed, **changes) for seed in side] for side in TABLES)
    found, why = paired_answers(ours, theirs)
    scores = [100 * side.mean(axis=(1, 2)) for side in TABLES]
    assert found == paired_seeds_difference_of_scores(*scores)
    assert why


def test_scores_that_are_no_means_are_paired_by_their_replicates():
    generator = np.random.default_rng(1)
    ours, theirs = (
        [
            answers(seed, shown=False, replicates=generator.normal(50, 2, RESAMPLES).tolist())
            for seed in side
        ]
        for side in TABLES
    )
    found, why = paired_answers(ours, theirs)
    assert why == ""
    assert found.value == pytest.approx(100 * (TABLES[0].mean() - TABLES[1].mean()))
