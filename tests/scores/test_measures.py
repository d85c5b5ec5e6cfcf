"""Values and intervals of measures: plain formulas, pairing, and files."""

import numpy as np
import pytest
from scipy.stats import t

from babyllama.errors import InputError
from babyllama.runs.json_files import read_json
from babyllama.scores.measures import (
    Sums,
    difference,
    measured,
    read_measures,
    read_sums,
    write_sums,
)


def drawn(name="entropy", *, units=40, rows=1, seed=0, effect=0.0):
    generator = np.random.default_rng(seed)
    counts = generator.integers(1, 30, units).astype(float)
    own = generator.normal(2.0 + effect, 0.3, (rows, units))
    return Sums(name, own * counts, counts)


def test_a_value_is_the_mean_over_tokens_with_the_interval_of_a_ratio():
    sums = drawn()
    found = measured(sums)
    expected = sums.totals[0].sum() / sums.counts.sum()
    assert found.value == pytest.approx(expected)
    # The jackknife over units agrees with the formula to first order.
    leave_out = [
        (sums.totals[0].sum() - total) / (sums.counts.sum() - count)
        for total, count in zip(sums.totals[0], sums.counts, strict=True)
    ]
    error = np.sqrt(39 / 40 * np.sum((np.array(leave_out) - np.mean(leave_out)) ** 2))
    low, high = found.interval
    assert (high - low) / 2 == pytest.approx(t.ppf(0.975, 39) * error, rel=0.05)
    assert (found.units, found.tokens) == (40, sums.counts.sum())


def test_units_without_such_tokens_do_not_count():
    sums = Sums("cross_entropy/domain/a", np.array([[3.0, 0.0, 5.0]]), np.array([1.0, 0.0, 1.0]))
    found = measured(sums)
    assert (found.value, found.units, found.tokens) == (4.0, 2, 2)
    alone = measured(Sums("entropy", np.array([[3.0]]), np.array([2.0])))
    assert (alone.value, alone.interval) == (1.5, None)


def test_the_calibration_error_adds_up_bins_without_their_signs_in_percent():
    totals = np.array([[1.0, -3.0, 0.5], [0.0, 2.0, 0.0]])
    found = measured(Sums("calibration_error", totals, np.array([4.0, 4.0, 2.0])))
    assert found.value == pytest.approx(100 * (1.5 + 2.0) / 10)
    assert found.unit == "percent"


def test_a_paired_difference_is_more_certain_than_the_two_apart():
    ours = drawn(effect=0.0)
    theirs = Sums(ours.name, ours.totals + 0.05 * ours.counts, ours.counts)
    value, interval = difference(ours, theirs)
    assert value == pytest.approx(-0.05)
    assert interval == pytest.approx((-0.05, -0.05))
    apart = measured(ours).interval
    assert apart[0] < measured(theirs).value < apart[1]


def test_bins_of_either_sign_are_paired():
    ours = drawn("calibration_error", rows=3)
    theirs = Sums(ours.name, ours.totals * np.array([[-1.5], [1.5], [1.5]]), ours.counts)
    value, (low, high) = difference(ours, theirs)
    assert value == pytest.approx(measured(ours).value - measured(theirs).value)
    assert low < value < high < 0


def test_the_calibration_error_lies_within_its_interval_however_noisy_the_bins():
    generator = np.random.default_rng(0)
    noise = generator.normal(0.0, 9.0, (15, 30))
    totals = noise - noise.mean(axis=1)[:, None] + 0.01
    found = measured(Sums("calibration_error", totals, np.full(30, 10.0)))
    assert found.interval[0] < found.value < found.interval[1]


def test_other_units_are_not_paired():
    assert difference(drawn(), drawn(seed=1)) is None
    assert difference(drawn(), drawn("accuracy")) is None


def test_sums_are_read_as_they_were_written(tmp_path):
    given = [drawn(), drawn("calibration_error", rows=3)]
    write_sums(given, tmp_path / "sums.jsonl")
    found = read_sums(tmp_path / "sums.jsonl")
    for each in given:
        np.testing.assert_allclose(found[each.name].totals, each.totals, atol=1e-6)
        assert found[each.name].counts.tolist() == each.counts.tolist()
    assert read_sums(tmp_path / "none.jsonl") == {}


def test_a_run_of_before_has_no_measures_and_other_files_are_refused(written, tmp_path):
    assert read_measures(tmp_path / "none.json") == {}
    row = {"value": 1.5, "interval": [1.0, 2.0], "unit": "nats", "units": 3, "tokens": 9}
    file = written("a.json", {"values": {"entropy": row}})
    assert read_measures(file)["entropy"].value == 1.5
    assert read_json(file)["values"]
    for bad in ({}, {"values": {"entropy": {}}}, {"values": [1]}, []):
        with pytest.raises(InputError, match=r"a\.json does not hold measures"):
            read_measures(written("a.json", bad))
