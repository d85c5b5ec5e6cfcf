"""Finished parts of long work, kept beside its result: a killed command goes on after them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from babyllama.runs.artefact import write_atomically


def parts_folder(out: Path) -> Path:
    """Where the parts of a result lie."""
    return out.with_name(f"{out.name}.parts")


def read_part(path: Path, key: Mapping[str, Any]) -> dict[str, Any] | None:
    """A finished part if it is of this key, else None.

    Args:
        key: all that decides what the part holds.
    """
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
