"""What a study measured and decided, as rows for other programs.

`rows.csv` and `rows.parquet` have every value, `comparisons.csv` the declared comparisons.
"""

import csv
import importlib.util
import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from babyllama.runs.files import write_atomically
from babyllama.studies.cells import Cell
from babyllama.studies.comparing import Pair
from babyllama.studies.outcomes import Outcome
from babyllama.studies.report.findings import Findings

CSV, PARQUET = "rows.csv", "rows.parquet"
COMPARISONS = "comparisons.csv"
_HEAD = (
    "our_cell", "our_model", "their_cell", "their_model", "claim", "measure", "difference", "low",
    "high", "seeds", "p", "adjusted_p", "verdict",
)  # fmt: skip


def rows_of(outcomes: Sequence[Outcome], cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """A row for each model of each finished trial and each measure."""
    columns = _columns(cells)
    return [
        {
            "cell": each.cell,
            **columns[each.cell],
            "seed": each.seed,
            "model": each.model,
            "role": str(each.role),
            "measure": measure,
            "value": value,
            "flops": each.flops,
            "seconds": each.seconds,
            "made_with": each.made_with,
            "trial": f"trials/{each.trial.parent.name}/{each.trial.name}",
        }
        for each in outcomes
        for measure, value in each.values.items()
    ]


def rows_of_comparisons(findings: Findings) -> list[dict[str, Any]]:
    """A row for each declared comparison and measure, with its verdict."""
    decided, untested = findings.decisions
    rows: list[dict[str, Any]] = []
    for each in decided:
        low, high = each.difference.interval
        rows.append(
            {
                **_sides(each.pair),
                "measure": each.measure,
                "difference": each.difference.value,
                "low": low,
                "high": high,
                "seeds": each.difference.seeds,
                "p": each.verdict.p,
                "adjusted_p": each.verdict.adjusted_p,
                "verdict": each.verdict.word,
            }
        )
    for one in untested:
        rows.append({**_sides(one.pair), "measure": one.measure, "verdict": one.why})
    return rows


def _sides(pair: Pair) -> dict[str, str]:
    ours, theirs = pair.ours, pair.theirs
    return {
        "our_cell": ours.cell, "our_model": ours.model, "their_cell": theirs.cell,
        "their_model": theirs.model, "claim": pair.expect,
    }  # fmt: skip


def write_comparisons(rows: Sequence[Mapping[str, Any]], out: Path) -> str:
    """Write them as CSV; returns the file's name."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _HEAD, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(out / COMPARISONS, text.getvalue())
    return COMPARISONS


def write_rows(rows: Sequence[Mapping[str, Any]], out: Path) -> list[str]:
    """Write the rows; the Parquet file only where pyarrow is installed.

    Returns:
        The names of the files that were written.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else ["cell"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(out / CSV, text.getvalue())
    if not rows or importlib.util.find_spec("pyarrow") is None:
        (out / PARQUET).unlink(missing_ok=True)  # an older one would have other rows
        return [CSV]
    import pyarrow
    import pyarrow.parquet

    unfinished = out / f"{PARQUET}.partial"
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([dict(row) for row in rows]), unfinished)
    os.replace(unfinished, out / PARQUET)
    return [CSV, PARQUET]


def _columns(cells: Sequence[Cell]) -> dict[str, dict[str, Any]]:
    """By cell and field, its value there: numbers where a field has nothing else, else text."""
    fields = dict.fromkeys(path for cell in cells for path in cell.changes)
    values = {path: [cell.changes.get(path) for cell in cells] for path in fields}
    numeric = {path for path, own in values.items()
               if all(type(value) in (int, float) for value in own)}  # fmt: skip
    return {
        cell.name: {
            path: float(str(value)) if path in numeric else _text(value)
            for path, value in ((path, cell.changes.get(path)) for path in fields)
        }
        for cell in cells
    }


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
