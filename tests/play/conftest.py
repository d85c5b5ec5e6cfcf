"""A run of random models with predictions and checkpoints, and what the page shows of it."""

import json
import os

import pytest
from random_models import random_model, random_run, variant

# Of each model: which of the three pairs it gets right.
DECISIONS = {"llama": (1, 1, 0), "gpt2": (1, 0, 0), "ensemble": (1, 1, 0), "distilled": (1, 1, 0.5),
             "twin": (1, 0, 1)}  # fmt: skip
PAIRS = [
    ("The cat sees a dog.", "The cat see a dog.", "agreement"),
    ("The children have never seen any snow.", "The children have ever seen any snow.", "polarity"),
    ("Where is the ball?", "Where are the ball?", "agreement"),
]


@pytest.fixture(scope="session")
def play_run(tiny_recipe, tokens, tokenizer, tmp_path_factory):
    """The layout of such a run: checkpoints after 1, 2 and 11 of its student's 12 epochs."""
    from babyllama.runs.manifests import write_manifest

    layout = random_run(tmp_path_factory.mktemp("play") / "run", tiny_recipe, tokens, tokenizer)
    student = layout.student("distilled")
    for seed, words in enumerate((1_000, 2_000, 11_000)):
        random_model(
            "llama", variant(tokenizer), student / f"chck_{words // 1000}K", seed=20 + seed
        )
    key = {"stage": "distillation", "version": 1, "recipe": {}, "inputs": {}, "seed": 0}
    facts = {"words_seen": 12_000, "epochs": 12, "steps": 24, "best_epoch": 12}
    for folder in (student, layout.student("twin")):
        os.remove(folder / "manifest.json")
        write_manifest(folder, {**key, "facts": facts, "wall_seconds": 1.0}, leave_out=set())
    (layout.corpus / "dev").mkdir(parents=True)
    (layout.corpus / "dev" / "talk.txt").write_text(
        "Yes.\nThe children saw the cat and the dog.\n", encoding="utf-8"
    )
    for model, right in DECISIONS.items():
        file = layout.predictions(model) / "grammar.jsonl"
        file.parent.mkdir(parents=True)
        lines = [
            {"UID": uid, "pairID": str(n), "group": uid, "sentence_good": good,
             "sentence_bad": bad, "correct": right[n]}
            for n, (good, bad, uid) in enumerate(PAIRS)
        ]  # fmt: skip
        file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    (layout.predictions("llama") / "reading.jsonl").write_text('{"word": "a"}\n', encoding="utf-8")
    return layout


@pytest.fixture(scope="session")
def cast(play_run):
    """Its models, loaded."""
    from babyllama.play.finding import find_models
    from babyllama.play.opening import Opening, load

    return load(find_models({"run": play_run.folder}), Opening())


@pytest.fixture(scope="session")
def group(cast):
    """Its one group of models."""
    return cast.groups[0]
