"""A full check of all finished folders: every file is hashed again."""

import os
from collections.abc import Iterator
from pathlib import Path

from babyllama.errors import InputError
from babyllama.runs.artefact import is_being_made
from babyllama.runs.layout import Layout
from babyllama.runs.manifests import MANIFEST, added, damaged, read_manifest, touch_damaged

_ATTEMPTS = 3  # at a folder that a run replaces meanwhile


def verify(folder: Path) -> dict[Path, list[str]]:
    """Hash all files of all finished artefacts in a folder again, those of linked folders too.

    Returns:
        for each artefact, one line for each damaged, missing or added file; no line if it is
        undamaged. Of a run, also its recipe and its stages' folders that have no manifest.
    """
    found = {}
    for place in _artefacts_in(folder):
        lines = _checked(place)
        if lines is not None:
            found[place] = lines
            touch_damaged(place, lines)
    return found | _lost(folder, found)


def _checked(folder: Path) -> list[str] | None:
    """The damage of one artefact; None if the folder has no manifest, or was removed meanwhile."""
    lines: list[str] = []
    for _ in range(_ATTEMPTS):
        manifest = read_manifest(folder)
        if manifest is None:
            return None
        try:
            lines = list(damaged(folder, manifest))
            lines += [f"{path} is not in its manifest" for path in added(folder, manifest)]
        except FileNotFoundError:  # replaced meanwhile
            continue
        if not lines or read_manifest(folder) == manifest:
            break
    return lines


def _lost(folder: Path, found: dict[Path, list[str]]) -> dict[Path, list[str]]:
    """A run's recipe if it cannot be read, and stages' folders that have lost their manifest."""
    layout = Layout(folder)
    if not layout.is_run:
        return {}
    try:
        stages = layout.stages(layout.load_recipe("babyllama verify runs/mini"))
    except InputError as error:
        return {folder: [f"{layout.recipe} cannot be read: {error.what}"]}
    return {
        out: [f"{out} has no {MANIFEST}"]
        for out in stages.values()
        if out not in found and out.is_dir() and any(out.iterdir())
    }


def _artefacts_in(folder: Path) -> Iterator[Path]:
    """Folders with a manifest, in order, without those that a run is making or replacing."""
    seen = set()
    for name, folders, files in os.walk(folder, followlinks=True):
        place = Path(name)
        here = place.resolve()
        if here in seen or (place != folder and is_being_made(place)):
            folders.clear()
            continue
        seen.add(here)
        folders.sort()
        if MANIFEST in files:
            yield place
