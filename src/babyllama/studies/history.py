"""The versions of a study's settings, and how many trials were finished when each began.

    OUT/rules.json      an entry for each version

It shows whether a rule or a number of seeds was changed after results were there.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from babyllama.runs import files
from babyllama.runs.json_files import read_json
from babyllama.runs.layout import TRIALS
from babyllama.studies.cells import Trial, cells_of
from babyllama.studies.store import ADDRESSES
from babyllama.studies.study import StudyRecipe

HISTORY = "rules.json"
_FINISHED = "finished_trials"
_OTHERS = ("recipe", "set", "unlike")


@dataclass(frozen=True)
class Entry:
    """One version of a study's settings.

    Attributes:
        finished: how many trials of the folder were finished when this version began.
        rule: what decides: `compare`, `decide`, `measure` and `student`.
        seeds: None, like `cells` and `others`, if the entry is of a release that did not keep them.
        cells: by name, what each changes in the base recipe.
        others: `recipe`, `set` and `unlike`.
    """

    finished: int
    rule: Mapping[str, Any]
    seeds: tuple[int, ...] | None = None
    cells: Mapping[str, Any] | None = None
    others: Mapping[str, Any] | None = None


def record(study: StudyRecipe, out: Path) -> None:
    """Add an entry to the history of a study's folder, if anything has changed."""
    now = {
        "rule": study.model_dump(mode="json", include={"compare", "decide", "measure", "student"}),
        "seeds": list(study.seed_list),
        "cells": {cell.name: cell.changes for cell in cells_of(study)},
        **study.model_dump(mode="json", include={"set", "unlike"}),
        "recipe": _without_folders(study.recipe),
    }
    history = _read(out)
    before = history[-1] if history else {}
    if {name: value for name, value in before.items() if name != _FINISHED} != now:
        finished = len(list(out.glob(f"{TRIALS}/*/*/{ADDRESSES}")))
        files.write_json(out / HISTORY, [*history, {**now, _FINISHED: finished}])


def read_history(out: Path) -> tuple[Entry, ...]:
    """Every entry, the oldest first.

    Raises:
        InputError: the file is damaged.
    """
    return tuple(
        Entry(
            finished=int(each[_FINISHED]),
            rule=each["rule"],
            seeds=tuple(each["seeds"]) if "seeds" in each else None,
            cells=each.get("cells"),
            others={name: each[name] for name in _OTHERS} if "set" in each else None,
        )
        for each in _read(out)
    )


def unnamed_trials(trials: Iterable[Trial], out: Path) -> tuple[str, ...]:
    """The finished trials of a study's folder that are none of these, as `CELL seed N`."""
    named = {trial.folder.absolute() for trial in trials}
    folders = [path.parent for path in sorted(out.glob(f"{TRIALS}/*/*/{ADDRESSES}"))]
    return tuple(
        f"{each.parent.name} {each.name.replace('-', ' ')}"
        for each in folders
        if each.absolute() not in named
    )


def _read(out: Path) -> list[dict[str, Any]]:
    path = out / HISTORY
    history: list[dict[str, Any]] = read_json(path) if path.is_file() else []
    return history


def _without_folders(recipe: Any) -> Any:
    """A recipe's file without its folder, so that moving it is not a change."""
    if isinstance(recipe, dict) and "extends" in recipe:
        return {**recipe, "extends": _without_folders(recipe["extends"])}
    return Path(recipe).name if isinstance(recipe, str) else recipe
