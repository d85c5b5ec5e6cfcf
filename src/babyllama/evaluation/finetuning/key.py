"""What decides a finished fine-tuning: the key under which it is kept.

A part is one task with one seed: what it depends on, and the class of every validation row. Scores
follow from these at once, so nothing else is kept.
"""

import json
from hashlib import sha256
from typing import Any

from babyllama.evaluation.finetuning.data import TaskData, examples_digest

# Raised when the same model, rows and settings would give predictions that mean something else.
VERSION = 1


def key_of(model: str, data: TaskData, *, max_length: int, seed: int) -> dict[str, Any]:
    """All that decides a part's predictions, on one kind of machine.

    Args:
        model: the digest of its folder.
        max_length: at which its rows were cut.
    """
    settings = data.settings.model_dump(mode="json", exclude={"seed", "score"})
    choosing = json.dumps(data.selected.choosing).encode()
    return {
        "version": VERSION,
        "model": model,
        "task": data.task.name,
        "train": examples_digest(data.train),
        "validation": examples_digest(data.validation),
        "choosing": sha256(choosing).hexdigest(),
        "settings": {**settings, "max_length": max_length},
        "seed": seed,
    }
