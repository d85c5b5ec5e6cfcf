"""`babyllama ls` and `doctor`: tables and JSON."""

import json
from dataclasses import replace
from types import SimpleNamespace

from commands import babyllama, invoke

from babyllama.pipeline import examination
from babyllama.watch import listing


def test_runs_are_listed(tmp_path):
    assert "No run below" in babyllama("ls", tmp_path)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "recipe.yaml").write_text("name: [")

    printed = babyllama("ls", tmp_path)
    assert "cannot be read" in printed
    assert printed.startswith("Runs and studies run state ")  # and no column without a value
    (row,) = json.loads(babyllama("ls", tmp_path, "--json"))
    assert (row["path"], row["student"]) == (str(tmp_path / "broken"), None)


def test_scores_have_columns_where_a_run_has_some(monkeypatch, tmp_path):
    scored = listing.ListedRun(tmp_path / "a", "complete", student=2.5, twin=2.75)
    monkeypatch.setattr(listing, "list_runs", lambda _: [scored])
    printed = babyllama("ls", tmp_path)
    assert printed.startswith("Runs: student (twin) run state unseen text, nats per token ")
    assert "2.500 (2.750)" in printed


def test_doctor_says_what_is_here_and_how_long_recipes_take(monkeypatch):
    found = examination.Examination(
        processor="Z80", cores=2, memory=2**34, free_memory=2**33, free_disk=2**36, gpus=(),
        float32_flops=5e10, bfloat16_flops=None, has_compiler=False, versions={"torch": "2.13"},
    )  # fmt: skip
    monkeypatch.setattr(examination, "examine", lambda: found)
    monkeypatch.setattr(examination, "training_times", lambda: {"mini": 120.0})

    shown = babyllama("doctor")

    for text in ("Z80, 2 cores", "other work none", "did nothing else",
                 "16.0 GiB, 8.0 GiB free", "50.0 GFLOP/s", "not computed fast here",
                 "`compile: true` has no effect", "torch 2.13", "mini 2 min"):  # fmt: skip
        assert text in shown
    busy = replace(found, cores=1, busy_cores=1.5)
    monkeypatch.setattr(examination, "examine", lambda: busy)
    shown = babyllama("doctor")
    for text in ("Z80, 1 core for", "keeps 1.5 cores busy", "Other programs ran meanwhile"):
        assert text in shown
    asked = SimpleNamespace(**json.loads(invoke("doctor", "--json").stdout))
    assert asked.seconds == {"mini": 120.0}
    assert asked.machine["memory"] == 2**34
