"""All values as CSV and Parquet."""

import csv
import importlib.util
from dataclasses import replace

import pyarrow.parquet

from babyllama.studies.report.rows import (
    rows_of,
    rows_of_comparisons,
    write_comparisons,
    write_rows,
)


def test_each_value_is_a_row_with_its_cells_changes(grid, tmp_path):
    rows = rows_of(grid.outcomes, grid.cells)
    assert len(rows) == 44 * 2
    assert write_rows(rows, tmp_path) == ["rows.csv", "rows.parquet"]
    with (tmp_path / "rows.csv").open(encoding="utf-8") as file:
        first = next(csv.DictReader(file))
    assert first["cell"] == "temperature=1,alpha=0"
    assert first["students.distilled.temperature"] == "1.0"
    assert first["measure"] == "dev_cross_entropy"
    assert float(first["value"]) == grid.outcomes[0].values["dev_cross_entropy"]
    table = pyarrow.parquet.read_table(tmp_path / "rows.parquet").to_pylist()
    assert [each["value"] for each in table] == [each["value"] for each in rows]
    assert table[0]["students.distilled.temperature"] == 1.0


def test_without_pyarrow_only_csv_is_written_and_an_old_parquet_file_goes(
    grid, tmp_path, monkeypatch
):
    (tmp_path / "rows.parquet").write_bytes(b"old")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert write_rows(rows_of(grid.outcomes, grid.cells), tmp_path) == ["rows.csv"]
    assert not (tmp_path / "rows.parquet").exists()


def test_a_study_without_outcomes_has_an_empty_file(tmp_path):
    assert write_rows([], tmp_path) == ["rows.csv"]


def test_each_comparison_is_a_row_with_its_verdict(claim, tmp_path):
    assert write_comparisons(rows_of_comparisons(claim), tmp_path) == "comparisons.csv"
    with (tmp_path / "comparisons.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4  # two pairs by two measures
    first, decided = rows[0], claim.decisions[0][0]
    assert (first["our_model"], first["their_model"], first["claim"]) == (
        "distilled", "twin", "better",
    )  # fmt: skip
    assert float(first["difference"]) == decided.difference.value
    assert (float(first["low"]), float(first["high"])) == decided.difference.interval
    assert first["verdict"] == decided.verdict.word


def test_a_comparison_that_could_not_be_tested_is_a_row_that_says_why(claim, tmp_path):
    few = replace(claim, outcomes=tuple(each for each in claim.outcomes if each.seed == 0))
    rows = rows_of_comparisons(few)
    assert {row["verdict"] for row in rows} == {
        "only seed 0 has both, and an interval needs two seeds"
    }
    write_comparisons(rows, tmp_path)
