"""Figures show every number as text, and the same bytes each time."""

import re

import pytest

from babyllama.studies.report.decided import decide_all
from babyllama.studies.report.figures import forest_plot, heat_map, mean_and_reach, scaling_curve
from babyllama.studies.report.grids import Axis

TEMPERATURE = Axis("students.distilled.temperature", "temperature", (1, 2, 4))
ALPHA = Axis("students.distilled.alpha", "alpha", (0.0, 1.0))


def test_a_mean_has_students_interval():
    assert mean_and_reach([1.0, 2.0, 3.0]) == (2.0, pytest.approx(2.484, abs=1e-3))
    assert mean_and_reach([2.0, 2.0]) == (2.0, 0.0)
    assert mean_and_reach([2.0]) == (2.0, None)


def test_a_heat_map_writes_each_cell_with_its_interval_and_marks_what_is_missing():
    values = {(0, 0): [70.0, 71.0, 72.0], (2, 1): [60.0, 60.5]}
    svg = heat_map([TEMPERATURE, ALPHA], values, label="blimp, percent")
    for text in ("71.0", "±2.5", "60.2", "±3.2", "blimp, percent", "alpha"):
        assert text in svg
    assert svg.count("missing") == 4
    assert svg == heat_map([TEMPERATURE, ALPHA], values, label="blimp, percent")


def test_a_scaling_curve_names_its_models_and_levels():
    points = [(1.0, [3.0, 3.1]), (4.0, [2.0, 2.1]), (2.0, [2.5])]
    svg = scaling_curve(TEMPERATURE, {"distilled": points, "twin": points}, label="loss, nats")
    for text in ("distilled", "twin", ">temperature<", "loss, nats"):
        assert text in svg


def test_a_forest_plot_has_a_row_for_each_comparison(claim):
    decided, _ = decide_all(claim.study, claim.pairs, claim.outcomes)
    svg = forest_plot(decided[:2], cells=1, label="difference")
    assert svg.count("minus ") == 2
    numbers = re.findall(r">[−0-9.]+<", svg)
    assert 2 < len(numbers) <= 6  # more would meet
