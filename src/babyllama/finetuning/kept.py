"""Finished fine-tunings, kept beside the result, so that a killed command goes on after them.

A part is one task with one seed: what it depends on, and the class of every validation row. Scores
follow from these at once, so nothing else is kept.
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from babyllama.artefact import write_atomically
from babyllama.finetuning.data import digest_of
from babyllama.finetuning.reading import TaskData

# Raised when the same model, rows and settings would give predictions that mean something else.
VERSION = 1


def parts_folder(out: Path) -> Path:
    """Where the parts of a result lie."""
    return out.with_name(f"{out.name}.parts")


def key_of(model: str, data: TaskData, *, max_length: int, seed: int) -> dict[str, Any]:
    """All that decides a part's predictions, on one kind of machine.

    Args:
        model: the digest of its folder.
        max_length: at which its rows were cut.
    """
    settings = data.settings.model_dump(mode="json", exclude={"seed", "score"})
    choosing = json.dumps(data.split.choosing).encode()
    return {
        "version": VERSION,
        "model": model,
        "task": data.task.name,
        "train": digest_of(data.train),
        "validation": digest_of(data.validation),
        "choosing": sha256(choosing).hexdigest(),
        "settings": {**settings, "max_length": max_length},
        "seed": seed,
    }


def read_part(path: Path, key: Mapping[str, Any]) -> dict[str, Any] | None:
    """A finished part if it is of this key, else None."""
    try:
        part = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return part if isinstance(part, dict) and part.get("key") == key else None


def write_part(path: Path, key: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """Keep a part, whole or not at all; returns it as it will be read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"key": key, **found}, ensure_ascii=False)
    write_atomically(path, text + "\n")
    part: dict[str, Any] = json.loads(text)
    return part
