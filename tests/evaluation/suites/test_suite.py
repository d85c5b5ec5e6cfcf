"""A score that is not a share: its value on the data, and its error over resamples."""

import numpy as np
import pytest

from babyllama.evaluation.suites.suite import bootstrapped, bootstrapped_mean


def test_a_mean_is_bootstrapped_with_the_error_of_a_mean():
    values = np.random.default_rng(1).normal(5.0, 2.0, size=400)
    found = bootstrapped_mean(values)
    assert found.score.score == pytest.approx(values.mean())
    assert found.score.stderr == pytest.approx(values.std(ddof=1) / 20, rel=0.1)
    low, high = found.score.interval
    assert low < values.mean() < high
    assert (found.score.n, len(found.replicates)) == (400, 1000)


def test_a_headline_keeps_its_replicates_behind_its_score():
    found = bootstrapped(lambda rows: rows.max(axis=1).astype(np.float64), 9)
    assert [*found.headline()] == ["score", "stderr", "interval", "n", "replicates"]
    assert (found.headline()["score"], max(found.replicates)) == (8.0, 8.0)
