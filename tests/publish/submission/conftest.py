"""The files that `submissions` describes, on disk."""

import json

import pytest
from submissions import CONTEXTS, ENTITIES, EWOK, OURS, STEPS, part, result, write_lines


@pytest.fixture
def given(run, tmp_path):
    """All that a submission needs besides the run."""
    predictions = tmp_path / "predictions"
    for name, lines in OURS.items():
        place = run / "evaluation" / "predictions" if name == "blimp_filtered" else predictions
        write_lines(place / "distilled" / f"{name}.jsonl", lines)
    for step in STEPS:
        write_lines(predictions / step / "aoa_2025.jsonl", CONTEXTS)
    checkpoints = {
        step: result(
            step,
            blimp_fast={
                "score": 50.0, "subtasks": {"one": part("1110"), "two": part("0100")}
            },
            ewok={"score": 50.0, "subtasks": {"social": part("10")}},
            ewok_2026={"score": 100.0, "subtasks": {"social": part("11")}},
            global_piqa_parallel={
                "score": 50.0, "n": 2, "subtasks": {"eng_latn": part("10")}
            },
            wug_adj={"score": 12.0, "unit": "spearman x 100", "n": 2},
            reading={"score": 2.0, "n": 2, "aggregates": {"eye_tracking": 2.0, "self_paced": 1.0}},
        )
        for step in STEPS
    }  # fmt: skip
    (tmp_path / "checkpoints.json").write_text(json.dumps(checkpoints), encoding="utf-8")
    glue = result("distilled", boolq={"score": 61.0})
    (tmp_path / "glue.json").write_text(json.dumps(glue), encoding="utf-8")
    write_lines(tmp_path / "ewok" / "social.jsonl", [EWOK])
    write_lines(tmp_path / "entities" / "regular.jsonl", ENTITIES)
    return {
        "predictions": [predictions],
        "results": [tmp_path / "checkpoints.json", tmp_path / "glue.json"],
        "data": {
            "ewok": tmp_path / "ewok",
            "ewok_2026": tmp_path / "ewok",
            "entity_tracking": tmp_path / "entities",
        },
    }
