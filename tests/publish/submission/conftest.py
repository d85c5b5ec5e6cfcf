"""The run and the files that `submissions` describes, on disk."""

import json
import shutil

import pytest
from random_models import random_model, variant
from submissions import CONTEXTS, ENTITIES, EWOK, OURS, STEPS, WORDS_SEEN, part, result, write_lines

from babyllama.recipe import to_yaml
from babyllama.runs.files import hash_file


@pytest.fixture
def run(tiny_recipe, tokenizer, tmp_path):
    """A run whose student is finished, with two checkpoints."""
    folder = tmp_path / "run"
    home = random_model("llama", variant(tokenizer), folder / "students" / "distilled")
    for step in STEPS:
        shutil.copytree(home, home.parent / step)
    for step in STEPS:
        shutil.move(home.parent / step, home / step)
    (folder / "recipe.yaml").write_text(to_yaml(tiny_recipe), encoding="utf-8")
    files = {
        path.relative_to(home).as_posix(): {
            "sha256": hash_file(path), "size": path.stat().st_size
        }
        for path in home.rglob("*") if path.is_file()
    }  # fmt: skip
    manifest = {
        "stage": "distillation", "version": 1, "recipe": {}, "inputs": {}, "seed": 0,
        "files": files,
        "facts": {"words_seen": WORDS_SEEN, "parameters": 12345, "epochs": 2.0,
                  "dev_cross_entropy": 3.25, "flops": 1e12},
    }  # fmt: skip
    (home / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    evaluation = result("distilled", blimp={"score": 66.7})
    (folder / "evaluation").mkdir()
    (folder / "evaluation" / "distilled.json").write_text(json.dumps(evaluation), encoding="utf-8")
    return folder


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
