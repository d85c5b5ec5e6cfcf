"""All values as CSV and Parquet."""

import csv
import importlib.util

import pyarrow.parquet

from babyllama.studies.report.rows import rows_of, write_rows


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
