"""What several commands ask of their arguments."""

import os
from pathlib import Path

from babyllama.errors import InputError


def refuse_twice(what: str, names: list[str]) -> None:
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InputError(
            f"{what} {twice[0]} is named twice",
            why="Results go by the name, so one would overwrite the other.",
            mend="Give them different names.",
        )


def refuse_unwritable_place(path: Path) -> None:
    parents = path.absolute().parents
    existing = next(parent for parent in parents if parent.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise InputError(
            f"{path} cannot be written: {existing} is no folder that is yours to write in",
            mend="Name another place.",
        )


def name_and_path(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not equals or not name or not path:
        raise InputError(
            f"--benchmark {text}: is not NAME=PATH",
            mend="For example: --benchmark blimp=data/blimp",
        )
    return name, Path(path)
