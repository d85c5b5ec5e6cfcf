"""Labels of an axis are the values that they stand beside."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from babyllama.watch.axis import cell, horizontal, ticks, vertical


@settings(deadline=None)
@given(st.floats(-1e6, 1e6), st.floats(1e-5, 1e6), st.integers(2, 20))
def test_labels_are_their_values_in_order_and_not_too_many(low, size, most):
    found = ticks(low, low + size, most)
    step = max(found) - min(found) if len(found) > 1 else size
    assert 1 <= len(found) <= most
    assert list(found) == sorted(found)
    for value, label in found.items():
        assert float(label.replace(",", "")) == pytest.approx(value, rel=1e-12, abs=1e-6 * step)
        assert low - 1e-6 * size <= value <= low + size * (1 + 1e-6)


def test_halves_are_not_rounded_to_whole_numbers():
    assert list(ticks(0.1, 1.7, 3).values()) == ["0.5", "1.0", "1.5"]
    assert vertical(ticks(0.1, 1.7, 3), 0.1, 1.7, 4) == ["1.5", "1.0", "0.5", ""]


def test_steps_are_whole_numbers_below_their_columns():
    line = horizontal(0, 10, 60)
    assert line.split() == ["0", "2", "4", "6", "8", "10"]
    for label in line.split()[:-1]:
        assert line.index(label) == cell(float(label), 0, 10, 60)
    assert horizontal(0, 1, 5).split() == ["0", "1"]
    assert horizontal(0, 200_000, 60).split() == ["0", "50,000", "100,000", "150,000"]
