"""What several commands ask of their arguments."""

import json
import os
from pathlib import Path
from typing import Any

from babyllama.errors import InputError


def refuse_twice(what: str, names: list[str]) -> None:
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InputError(
            f"{what} {twice[0]} is named twice",
            why="Results go by the name, so one would overwrite the other.",
            mend="Give them different names.",
        )


def refuse_absent(paths: list[Path]) -> None:
    for path in paths:
        if not path.exists():
            raise InputError(f"there is no {path}", mend="Name what is there.")


def refuse_unwritable_place(path: Path) -> None:
    parents = path.absolute().parents
    existing = next(parent for parent in parents if parent.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise InputError(
            f"{path} cannot be written: {existing} is no folder that is yours to write in",
            mend="Name another place.",
        )


def name_and_place(text: str, option: str, example: str) -> tuple[str, str]:
    name, equals, place = text.partition("=")
    if not equals or not name or not place:
        raise InputError(f"{option} {text}: is not NAME=PATH", mend=f"For example: {example}")
    return name, place


def benchmark_and_path(text: str) -> tuple[str, Path]:
    name, place = name_and_place(text, "--benchmark", "--benchmark blimp=data/blimp")
    return name, Path(place)


def write_results(results: list[dict[str, Any]], out: Path) -> None:
    """One model's results as they are, several by the models' names."""
    from babyllama.runs.artefact import write_atomically

    whole = results[0] if len(results) == 1 else {each["model"]: each for each in results}
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out, json.dumps(whole, indent=1, ensure_ascii=False) + "\n")
