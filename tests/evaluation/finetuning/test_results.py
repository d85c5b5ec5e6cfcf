"""From finished parts to headlines and the lines of a submission."""

import json
import math

import pytest

from babyllama.evaluation.finetuning.results import TaskResult, averages, write_predictions


def task(score, stderr):
    return TaskResult(
        score=score, stderr=stderr, metric="accuracy", majority={"label": 1, "score": 50.0},
        metrics={}, seeds={}, selection={}, settings={}, notes=[], rows={}, files={},
    )  # fmt: skip


def test_an_average_is_over_the_tasks_of_a_suite_with_their_errors_combined():
    found = averages({"rte": task(60.0, 3.0), "cola": task(20.0, 4.0)})
    assert [*found] == ["glue"]
    glue = found["glue"]
    assert (glue.score, glue.stderr) == (40.0, pytest.approx(math.hypot(3, 4) / 2))
    assert glue.interval == pytest.approx((40 - 1.959964 * 2.5, 40 + 1.959964 * 2.5))
    assert sorted(glue.tasks) == ["cola", "rte"]


def test_an_average_stays_within_the_metrics_range_and_needs_two_tasks():
    found = averages({"rte": task(99.0, 9.0), "cola": task(99.0, 9.0)})
    assert found["glue"].interval[1] == 100.0
    assert averages({"rte": task(60.0, 3.0)}) == {}


def test_predictions_are_numbered_rows_in_a_folder_a_seed_where_there_are_several(tmp_path):
    parts = {12: {"predictions": [1, 0]}, 13: {"predictions": [0, 0]}}
    write_predictions(tmp_path / "one", "rte", {12: parts[12]})
    write_predictions(tmp_path / "two", "rte", parts)
    lines = (tmp_path / "one" / "rte.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"id": "rte_0", "pred": 1}, {"id": "rte_1", "pred": 0},
    ]  # fmt: skip
    assert (tmp_path / "two/seed-12/rte.jsonl").read_text().splitlines() == lines
    assert json.loads((tmp_path / "two/seed-13/rte.jsonl").read_text().splitlines()[0])["pred"] == 0
