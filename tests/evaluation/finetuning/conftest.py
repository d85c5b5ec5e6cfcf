"""A task that can be learned in a second, and tiny models of three kinds."""

import json
import random

import pytest
from random_models import random_model, variant

NAMES = ["Anna", "Ben", "the cat", "a dog", "the old house", "the children"]
VERBS = ["sees", "gives", "knows", "likes"]


def rows(count, seed, **more):
    """Sentences that are labelled by whether they hold the word `red`."""
    drawn = random.Random(seed)
    found = []
    for number in range(count):
        label = number % 2 if drawn.random() < 0.9 else 1
        words = [drawn.choice(NAMES), drawn.choice(VERBS), drawn.choice(NAMES)]
        found.append({"sentence": f"{' '.join(words)}{' red' * label}.", "label": label, **more})
    return found


def write(path, lines):
    """Write rows as JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def glue(tmp_path_factory):
    """A folder laid out as BabyLM 2025's, with the tasks cola and rte."""
    folder = tmp_path_factory.mktemp("glue")
    for part, count, seed in (("train", 64, 1), ("valid", 31, 2)):
        write(folder / f"cola.{part}.jsonl", rows(count, seed))
        pairs = [
            {"sentence1": row["sentence"], "sentence2": "Ben sees red.", "label": row["label"]}
            for row in rows(count, seed + 2)
        ]
        write(folder / f"rte.{part}.jsonl", pairs)
    return folder


@pytest.fixture(scope="session")
def models(tokenizer, tmp_path_factory):
    """A LLaMA, a GPT-2 and a RoBERTa with random weights."""
    folder = tmp_path_factory.mktemp("models")
    for kind in ("llama", "gpt2", "roberta"):
        random_model(kind, variant(tokenizer, masks=kind == "roberta"), folder / kind)
    return {kind: folder / kind for kind in ("llama", "gpt2", "roberta")}
