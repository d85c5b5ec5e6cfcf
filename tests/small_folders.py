"""Finished folders of a run without any model: a file for the weights, and a manifest."""

import json

from babyllama.recipe import to_yaml
from babyllama.runs.layout import STATISTICS, Layout
from babyllama.runs.manifests import digest, write_manifest
from babyllama.scores.results import model_result


def finished(folder, stage, *, weights="weights", facts=None, inputs=None, **files):
    """Make a folder finished, or finished again."""
    folder.mkdir(parents=True, exist_ok=True)
    if weights:
        files["model.safetensors"] = weights
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    key = {"stage": stage, "version": 1, "recipe": {"model": {"model_type": "llama"}},
           "inputs": inputs or {}, "seed": 3, "facts": facts or {},
           "wall_seconds": 5.0}  # fmt: skip
    write_manifest(folder, key, leave_out={"README.md", ".eval_results"})
    return folder


def small_run(folder, recipe, files=None):
    """A run that looks finished, with one score of each model but the ensemble.

    `files`: more files of every model, such as those of its checkpoints.
    """
    layout = Layout(folder)
    folder.mkdir(parents=True)
    layout.recipe.write_text(to_yaml(recipe), encoding="utf-8")
    counts = {"train": {"total": {"words": 2000}, "domains": {}}, "dev": {"total": {"words": 500}}}
    finished(layout.corpus, "corpus", **{STATISTICS: json.dumps(counts)})
    facts = {"parameters": 12345, "words_seen": 4000, "epochs": 2, "best_epoch": 2, "flops": 1e9}
    for path in layout.models(recipe).values():
        stage = "distillation" if path.name in recipe.distilled else "pretraining"
        finished(path, stage, facts=facts, **files or {})
    scores = {
        f"{name}.json": json.dumps(
            {"model": name, "rules": {"name": "honest"},
             "benchmarks": {"grammar": {"score": 70.0, "interval": [68.0, 72.0], "n": 100,
                                        "chance": 50.0}}}
        )
        for name in layout.models(recipe)
    }  # fmt: skip
    scored = {name: digest(path) for name, path in layout.models(recipe).items()}
    finished(layout.evaluation, "evaluation", inputs=scored, **scores)
    return layout


def results(**scores):
    """A student's results, by benchmark."""
    shape = {"stderr": 1.0, "interval": [48.0, 52.0], "n": 3000, "chance": 50.0, "unit": "percent"}
    found = {"benchmarks": {name: shape | each for name, each in scores.items()}}
    return model_result(found, "here", name="distilled").benchmarks
