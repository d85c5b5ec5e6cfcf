"""The models that a command was asked for, where a run stands for its models."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from babyllama.cli.arguments import RulesName, named_models
from babyllama.errors import InputError, command

if TYPE_CHECKING:
    from babyllama.recipe import Mixing, Recipe
    from babyllama.runs.layout import Layout


_ON_HUB = re.compile(r"(?P<name>[\w.-]+/[\w.-]+)@(?P<commit>[0-9a-f]{40})")


@dataclass(frozen=True)
class AskedModel:
    """A model, or an ensemble of several folders.

    Attributes:
        mixing: how the folders are averaged.
    """

    name: str
    folders: Sequence[Path]
    mixing: "Mixing"


@dataclass(frozen=True)
class Asked:
    """What a command was asked for.

    Attributes:
        benchmarks: of the recipes, if everything given belongs to runs that have the same; else
            empty.
        rules: of those recipes; else honest.
        why_none: why there are no benchmarks, in a sentence.
    """

    models: Sequence[AskedModel]
    benchmarks: Mapping[str, Path]
    rules: RulesName
    why_none: str = ""


def asked_of(given: list[Path], *, mean_of: Literal["logits", "probabilities"] | None) -> Asked:
    """Single models, and the finished models of runs with their teachers' ensemble.

    A run's models have `NAME/` before their own names if anything else is given.

    Args:
        given: folders, or NAME=FOLDER; a model on the hub as ORG/NAME@COMMIT.
        mean_of: also average all models given, in this way; None: do not.

    Raises:
        InputError: as `named_models`; nothing at a path or on the hub, a run without a finished
            model, a run whose models are to be averaged.
    """
    from babyllama.recipe import EQUAL_WEIGHTS, Mixing
    from babyllama.recipe.names import ENSEMBLE
    from babyllama.runs.layout import Layout

    named = {name: folder_here(folder) for name, folder in named_models(given).items()}
    runs = {
        name: layout.load_recipe(command("evaluate", folder))
        for name, folder in named.items()
        if (layout := Layout(folder)).is_run
    }
    if runs and mean_of:
        raise InputError(
            f"--ensemble averages models, and {named[next(iter(runs))]} is a run",
            why="A run's teachers are averaged without it.",
            mend="Name the models to average by their folders, or omit --ensemble.",
        )
    models: list[AskedModel] = []
    for name, folder in named.items():
        if name not in runs:
            models.append(AskedModel(name, [folder], EQUAL_WEIGHTS))
            continue
        prefix = f"{name}/" if len(named) > 1 else ""
        models += _models_of(Layout(folder), runs[name], prefix)
    if mean_of:
        models.append(AskedModel(ENSEMBLE, [*named.values()], Mixing(mean_of=mean_of)))
    return _with_benchmarks(models, named)


def _with_benchmarks(models: Sequence[AskedModel], named: Mapping[str, Path]) -> Asked:
    """The models, and the benchmarks and rules that all their runs share."""
    from babyllama.pipeline.stages import benchmarks_of
    from babyllama.runs.layout import Layout, run_of
    from babyllama.runs.manifests import digest

    owners = {
        name: folder if Layout(folder).is_run else run_of(folder) for name, folder in named.items()
    }
    lone = next((name for name, run in owners.items() if not Layout(run).is_run), None)
    if lone is not None:
        why = f"{named[lone]} belongs to no run, so no recipe names its benchmarks."
        return Asked(models, {}, "honest", why)
    recipes = {run: Layout(run).load_recipe(command("evaluate", run)) for run in owners.values()}
    (first, recipe), *others = recipes.items()
    benchmarks = benchmarks_of(recipe, first)
    for run, each in others:
        theirs = benchmarks_of(each, run)
        is_same = theirs.keys() == benchmarks.keys() and all(
            path == theirs[name] or digest(path) == digest(theirs[name])
            for name, path in benchmarks.items()
        )
        if not is_same or each.evaluation.rules != recipe.evaluation.rules:
            what = "rules" if is_same else "benchmarks"
            given = [str(named[next(n for n, r in owners.items() if r == x)]) for x in (first, run)]
            why = f"The recipes of {' and '.join(given)} have different {what}."
            return Asked(models, {}, "honest", why)
    why = "" if benchmarks else f"The recipe of {first} names no benchmark."
    return Asked(models, benchmarks, recipe.evaluation.rules, why)


def folder_here(folder: Path) -> Path:
    """The folder; of a commit on the hub, ORG/NAME@COMMIT, the one in the hub's cache.

    Raises:
        InputError: nothing at the path or on the hub.
    """
    named = _ON_HUB.fullmatch(str(folder))
    if named and not folder.exists():
        from babyllama.models.given import folder_of
        from babyllama.recipe import Given

        return folder_of(Given(path=named["name"], revision=named["commit"]), "")
    if not folder.exists():
        raise InputError(
            f"{folder} not found",
            mend="Check the path. A model on the hub is named with its commit: ORG/NAME@COMMIT, "
            "40 hexadecimal digits.",
        )
    return folder


def _models_of(layout: "Layout", recipe: "Recipe", prefix: str) -> Iterator[AskedModel]:
    from babyllama.recipe import EQUAL_WEIGHTS, mixing_of
    from babyllama.recipe.names import ENSEMBLE
    from babyllama.runs.layout import resume_command
    from babyllama.runs.run import finished_models

    models = finished_models(layout, recipe)
    if not models:
        raise InputError(
            f"{layout.folder} has no finished model",
            mend=f"Train them: {resume_command(layout.folder)}",
        )
    for name, path in models.items():
        yield AskedModel(prefix + name, [path], EQUAL_WEIGHTS)
    teachers = list(recipe.teachers)
    if len(teachers) > 1 and models.keys() >= {*teachers}:
        folders = [models[name] for name in teachers]
        yield AskedModel(prefix + ENSEMBLE, folders, mixing_of(recipe.signal))
