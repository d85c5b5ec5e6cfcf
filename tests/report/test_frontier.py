"""The frontier draws whatever kinds and temperatures a run has measured."""

import json

from babyllama.report.frontier import signal_frontier
from babyllama.runs.run import read_run


def test_a_signal_of_one_temperature_is_drawn_in_one_column(make_run):
    run = make_run(items=20)
    path = run / "signal" / "frontier.json"
    rows = json.loads(path.read_text("utf-8"))
    assert ">T = 2</text>" in signal_frontier(read_run(run))
    for row in rows:
        row["temperatures"].pop("2")
    path.write_text(json.dumps(rows), "utf-8")
    drawn = signal_frontier(read_run(run))
    assert ">T = 1</text>" in drawn
    assert ">T = 2</text>" not in drawn


def test_a_new_kind_of_signal_is_drawn_without_a_change_here(make_run):
    run = make_run(items=20)
    path = run / "signal" / "frontier.json"
    rows = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps([{**row, "kind": "logits"} for row in rows]), "utf-8")
    assert ">logits</text>" in signal_frontier(read_run(run))
