"""The cells of a study, and its trials: a cell with a seed, which is a complete recipe."""

import itertools
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import yaml
from pydantic import JsonValue

from babyllama.console import print_status
from babyllama.errors import InputError
from babyllama.recipe import (
    AutoSignal,
    Recipe,
    SyntheticSource,
    built_in_recipes,
    load_recipe,
    mixing_of,
)
from babyllama.recipe.extending import layers_of, read_layers
from babyllama.recipe.reading import recipe_of_layers
from babyllama.runs.layout import STUDY, TRIALS, Layout
from babyllama.studies.study import Changes, StudyRecipe

BASE = "base"  # the only cell of a study that varies nothing


@dataclass(frozen=True)
class Cell:
    """One condition of a study.

    Attributes:
        name: shown, and a folder.
        changes: of the base recipe: field and value.
    """

    name: str
    changes: Changes


@dataclass(frozen=True)
class Trial:
    """A cell with a seed.

    Attributes:
        recipe: fully resolved; the seed decides weights, data order and dropout, and not the text.
        folder: an ordinary run.
    """

    cell: str
    seed: int
    recipe: Recipe
    folder: Path

    @property
    def name(self) -> str:
        """`CELL seed N`, for people."""
        return f"{self.cell} seed {self.seed}"


def cells_of(study: StudyRecipe) -> list[Cell]:
    """The conditions: each combination of the grid's values, or the named cells."""
    if isinstance(study.vary, list):
        return [Cell(cell.name, cell.set) for cell in study.vary]
    if not study.vary:
        return [Cell(BASE, {})]
    labels = dict(zip(study.vary, _short_names(list(study.vary)), strict=True))
    found = []
    for values in itertools.product(*study.vary.values()):
        changes = dict(zip(study.vary, values, strict=True))
        parts = [f"{labels[path]}={_label(value)}" for path, value in changes.items()]
        found.append(Cell(",".join(parts), changes))
    names = [cell.name for cell in found]
    if doubled := [name for name in names if names.count(name) > 1]:
        raise InputError(
            f"{study.where}: vary: two cells of the grid would be named {doubled[0]}",
            mend="Write them as named cells: vary: [{name: ..., set: {...}}, ...]",
        )
    return found


def trials_of(study: StudyRecipe, out: Path) -> list[Trial]:
    """Every trial, cell by cell, with its recipe.

    Args:
        out: the study's folder.

    Raises:
        InputError: a base recipe or a change that is wrong: names the cell.
    """
    with _naming(study):
        read = _reader(study)
        base = read((*_settings(study.set), f"seed={study.seed_list[0]}"))
    keep_text = _text_settings(base)
    trials = []
    for cell in cells_of(study):
        for seed in study.seed_list:
            given = (*_settings(study.set), *keep_text, *_settings(cell.changes), f"seed={seed}")
            with _naming(study, cell):
                recipe = _with_epochs(_trial_recipe(read, given))
            folder = out / TRIALS / cell.name / f"seed-{seed}"
            trials.append(Trial(cell.name, seed, recipe, folder))
    return trials


def recorded_trials(study: StudyRecipe, out: Path) -> list[Trial]:
    """Every trial of a study's folder, to read its results.

    A folder that was moved away from the file of its base recipe still has the recipes of its
    trials, and these are used.

    Raises:
        InputError: as `trials_of`; the base recipe's file is gone, and a trial has no recipe.
    """
    base = study.recipe if isinstance(study.recipe, str) else study.recipe.get("extends")
    if not isinstance(base, str) or base in built_in_recipes() or Path(base).is_file():
        return trials_of(study, out)
    folders = {
        (cell.name, seed): out / TRIALS / cell.name / f"seed-{seed}"
        for cell in cells_of(study)
        for seed in study.seed_list
    }
    files = {place: Layout(folder).recipe for place, folder in folders.items()}
    absent = [path for path in files.values() if not path.is_file()]
    if absent:
        raise InputError(
            f"{base}, the base recipe of {out / STUDY}, is not there",
            why=f"Without it, the recipe of each trial is needed, and {absent[0]} is missing.",
            mend=f"Write the path of the recipe as `recipe:` in {out / STUDY}.",
        )
    print_status(f"  {base} is not there: the recipes in {out / TRIALS} are used", style="yellow")
    return [
        Trial(cell, seed, load_recipe(str(path)), folders[cell, seed])
        for (cell, seed), path in files.items()
    ]


def _reader(study: StudyRecipe) -> Callable[[tuple[str, ...]], Recipe]:
    """The base recipe as a function of settings, as `--set` has them; its files are read once."""
    if isinstance(study.recipe, str):
        try:
            return partial(recipe_of_layers, read_layers(study.recipe))
        except InputError as error:
            what = f"{study.where}: {error.what}"
            raise InputError(what, why=error.why, mend=error.mend) from None
    # The folders of runs are named after the cells: a recipe written in a study needs no name.
    tree = {"name": "study", **study.recipe}
    text = yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)
    return partial(recipe_of_layers, layers_of(text, f"{study.where}: recipe"))


def _settings(changes: Mapping[str, JsonValue]) -> tuple[str, ...]:
    return tuple(_setting(path, value) for path, value in changes.items())


def _setting(path: str, value: JsonValue) -> str:
    """A change as `--set` has it, in YAML that is read as the same value: JSON's 1e-06 is text."""
    text = yaml.safe_dump([value], default_flow_style=True, allow_unicode=True, width=math.inf)
    return f"{path}={text.strip()[1:-1]}"


def _text_settings(base: Recipe) -> tuple[str, ...]:
    """Keep one text for all seeds, so that trials differ in training alone."""
    source = base.corpus.source
    if isinstance(source, SyntheticSource) and source.seed is None:
        return (f"corpus.source.seed={base.seed}",)
    return ()


def _trial_recipe(read: Callable[[tuple[str, ...]], Recipe], settings: tuple[str, ...]) -> Recipe:
    """The recipe, with a stored signal in the place of `auto`: many students read it.

    Teachers run online where no stored signal serves the windows.
    """
    recipe = read(settings)
    if not isinstance(recipe.signal, AutoSignal):
        return recipe
    mixing = mixing_of(recipe.signal).model_dump(mode="json")
    hidden, online = (
        (*settings, _setting("signal", {"kind": kind, **mixing})) for kind in ("hidden", "online")
    )
    try:
        return read(hidden)
    except InputError:
        return read(online)


def _with_epochs(recipe: Recipe) -> Recipe:
    """The recipe, with the epochs of twins that have the compute of their student."""
    if not recipe.matched_twins:
        return recipe
    from babyllama.pipeline.matching import with_matched_epochs

    return with_matched_epochs(recipe)[0]


@contextmanager
def _naming(study: StudyRecipe, cell: Cell | None = None) -> Iterator[None]:
    """Name the study's file and the cell in an error, not a `--set` that nobody has typed."""
    try:
        yield
    except InputError as error:
        origins = {_setting(*each): study.origin_of(each[0]) for each in study.set.items()}
        if cell:
            vary = f"{study.where}: vary, cell {cell.name}"
            origins |= {_setting(*each): vary for each in cell.changes.items()}
        places = {
            f"--set {setting}: ": f"{origin}: "
            for setting, origin in origins.items()
            if not origin.startswith("--set")
        }
        what, why = _replaced(error.what, places), _replaced(error.why, places)
        if cell and not what.startswith(study.where):
            what = f"{study.where}: cell {cell.name}: {what}"
        raise InputError(what, why=why, mend=error.mend) from None


def _replaced(text: str, others: Mapping[str, str]) -> str:
    for old, new in others.items():
        text = text.replace(old, new)
    return text


def _short_names(paths: Sequence[str]) -> list[str]:
    """The last parts of fields' paths, as many as tell them apart."""
    parts = [path.split(".") for path in paths]
    for length in range(1, 1 + max(map(len, parts))):
        found = ["_".join(each[-length:]) for each in parts]
        if len(set(found)) == len(found):
            return found
    return list(paths)


def _label(value: JsonValue) -> str:
    """A value of a grid in a cell's name."""
    if isinstance(value, dict):
        return "-".join(map(_label, value.values()))
    if isinstance(value, list):
        return "-".join(_label(each) for each in value)
    text = json.dumps(value) if value is None or isinstance(value, bool) else f"{value}"
    return re.sub(r"[^A-Za-z0-9_.+-]+", "_", text)
