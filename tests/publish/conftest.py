"""A run with a finished student, whose models transformers loads."""

import json
import shutil

import pytest
from random_models import random_model, variant
from submissions import STEPS, WORDS_SEEN, result

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
