"""The models of the page: those of runs, and single ones, grouped by vocabulary."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch

from babyllama.data.tokenizer import differing_tokens
from babyllama.errors import InputError, command
from babyllama.evaluation.likelihood.decoders import Decoders
from babyllama.evaluation.likelihood.rules import rules_named
from babyllama.evaluation.likelihood.scorer import Scorer, load_scorer, scorer_of
from babyllama.models.ensemble import Ensemble, combine
from babyllama.models.loading import kind_of
from babyllama.recipe import DistillationRecipe, DistilledStudent, Mixing, mixing_for, mixing_of
from babyllama.recipe.names import ENSEMBLE
from babyllama.runs.layout import Layout, resume_command
from babyllama.runs.manifests import refuse_damaged_input
from babyllama.runs.run import Run, read_run

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

Role = Literal["teacher", "ensemble", "student", "twin", "model"]


@dataclass(frozen=True, eq=False)
class Shown:
    """A model on the page.

    Attributes:
        name: unique on the page.
        scorer: its tokens, scores and `ensemble`: a single model is an ensemble of one.
        parts: the names of the models whose states, side by side, are its own: its own name, or
            those of the members of an ensemble.
    """

    name: str
    role: Role
    scorer: Scorer
    parts: tuple[str, ...]

    @property
    def ensemble(self) -> Ensemble:
        """The model itself."""
        assert isinstance(self.scorer.model, Decoders)
        return self.scorer.model.ensemble


@dataclass(frozen=True, eq=False)
class Group:
    """Models that share a vocabulary, so that their distributions can be compared.

    Attributes:
        folder: of the first model, with the tokenizer of all.
        models: in the order of the page; no two have the same name.
        reference: the name of the model that the others are compared with: the teachers' ensemble
            if there is one, else the first of several models. None of a single model.
        positions: the longest input that all of them can read, in tokens; None: no limit.
    """

    folder: Path
    models: tuple[Shown, ...]
    reference: str | None
    positions: int | None

    @property
    def tokenizer(self) -> "PreTrainedTokenizerFast":
        """Of all its models."""
        return self.models[0].scorer.tokenizer

    def model(self, name: str) -> Shown:
        """The model of that name.

        Raises:
            InputError: there is none; names those that there are.
        """
        found = next((each for each in self.models if each.name == name), None)
        if found is None:
            known = ", ".join(each.name for each in self.models)
            raise InputError(f"there is no model {name!r} here", mend=f"Choose from {known}.")
        return found


@dataclass(frozen=True)
class Lesson:
    """How a student was distilled.

    Attributes:
        recipe: its alpha, temperature and reduction.
        teachers: their names on the page.
        mixing: how they are averaged.
        folder: of the student.
        window: of its training, in tokens.
    """

    student: str
    recipe: DistillationRecipe
    teachers: tuple[str, ...]
    mixing: Mixing
    folder: Path
    window: int


@dataclass(frozen=True)
class Cast:
    """Everything that the page shows.

    Attributes:
        groups: models by vocabulary, in the order in which they were given.
        lessons: of the students whose teachers are on the page too, by the student's name.
        runs: the runs that were given, by the prefix of their models' names: "", or `NAME/`.
        notes: what is not shown and why, in sentences.
    """

    groups: tuple[Group, ...]
    lessons: Mapping[str, Lesson]
    runs: Mapping[str, Path]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Found:
    """A model's folder, before it is loaded."""

    name: str
    role: Role
    folder: Path
    rules: str


@dataclass(frozen=True)
class _Team:
    """Teachers that are averaged, by their names on the page."""

    name: str
    teachers: tuple[str, ...]
    mixing: Mixing


def load_cast(given: Mapping[str, Path], *, device: torch.device) -> Cast:
    """Load the models of runs and single models.

    Args:
        given: folders of runs or models, by name. The models of a run have the name as a prefix
            if anything else is given.

    Raises:
        InputError: a folder without models, a model that cannot be loaded or reads in another way
            than from left to right, two models of one name.
    """
    folders: list[_Found] = []
    teams: list[_Team] = []
    lessons: dict[str, Lesson] = {}
    runs: dict[str, Path] = {}
    notes: list[str] = []
    for name, folder in given.items():
        if not Layout(folder).is_run:
            folders.append(_Found(name, "model", folder, "honest"))
            continue
        run = read_run(folder)
        prefix = f"{name}/" if len(given) > 1 else ""
        runs[prefix] = folder
        folders += _models_of(run, prefix)
        teams += _teams_of(run, prefix)
        lessons |= _lessons_of(run, prefix)
        notes += [f"{each} of {folder} is not finished and is not shown." for each in _lacking(run)]
    _refuse_same_names(folders)
    shown = [_load(each, device) for each in folders]
    groups = [_complete(folder, models, teams) for folder, models in _by_vocabulary(folders, shown)]
    if len(groups) > 1:
        notes.append(
            "Models of different vocabularies are shown apart: their tokens and their "
            "distributions cannot be compared."
        )
    return Cast(tuple(groups), lessons, runs, tuple(notes))


def _models_of(run: Run, prefix: str) -> list[_Found]:
    folders = run.layout.models(run.recipe)
    rules = run.recipe.evaluation.rules
    found = [
        _Found(prefix + model.name, model.role, folders[model.name], rules)
        for model in run.models
        if model.manifest and model.role in ("teacher", "student", "twin")
    ]  # fmt: skip
    if not found:
        raise InputError(
            f"{run.folder} has no finished model to play with",
            mend=f"Make its models: {resume_command(run.folder)}",
        )
    return found


def _finished(run: Run) -> set[str]:
    return {model.name for model in run.models if model.manifest}


def _lacking(run: Run) -> list[str]:
    """The models of a run that are not finished."""
    return [each for each in run.missing if each.startswith(("teacher ", "student "))]


def _teams_of(run: Run, prefix: str) -> Iterator[_Team]:
    names = list(run.recipe.teachers)
    if len(names) > 1 and _finished(run) >= set(names):
        teachers = tuple(prefix + name for name in names)
        yield _Team(prefix + ENSEMBLE, teachers, mixing_of(run.recipe.signal))


def _lessons_of(run: Run, prefix: str) -> dict[str, Lesson]:
    recipe, mixing = run.recipe, mixing_of(run.recipe.signal)
    found = {}
    for name, student in recipe.distilled.items():
        teachers = recipe.teachers_of(name)
        if isinstance(student, DistilledStudent) and _finished(run) >= {name, *teachers}:
            found[prefix + name] = Lesson(
                student=prefix + name,
                recipe=student,
                teachers=tuple(prefix + teacher for teacher in teachers),
                mixing=mixing_for(student, mixing),
                folder=run.layout.student(name),
                window=student.training.window,
            )
    return found


def _refuse_same_names(folders: Sequence[_Found]) -> None:
    names = [each.name for each in folders]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(
            f"two models are called {twice}",
            why="The page tells models apart by their names.",
            mend=f"Give one another name: {command('play', f'NAME={folders[0].folder}', '...')}",
        )


def _load(found: _Found, device: torch.device) -> Shown:
    if not found.folder.is_dir() or not any(found.folder.iterdir()):
        raise InputError(
            f"{found.folder} is neither a run nor a model",
            why="A run's folder holds recipe.yaml, a model's folder config.json.",
            mend="Name a run or a model: babyllama play runs/mini",
        )
    refuse_damaged_input(found.folder)
    if (kind := kind_of(found.folder)) != "causal":
        raise InputError(
            f"{found.folder} is {kind}, not a causal language model",
            why="The page shows how a model predicts each token from those before it.",
            mend="Compare such models with: babyllama evaluate",
        )
    scorer = load_scorer([found.folder], rules_named(found.rules), device=device)
    return Shown(found.name, found.role, scorer, (found.name,))


def _by_vocabulary(
    folders: Sequence[_Found], shown: Sequence[Shown]
) -> Iterator[tuple[Path, list[Shown]]]:
    """Models by vocabulary, each group with the folder of its first model."""
    groups: list[tuple[Path, list[Shown]]] = []
    for found, model in zip(folders, shown, strict=True):
        for folder, models in groups:
            same_size = models[0].scorer.model.vocab_size == model.scorer.model.vocab_size
            same_start = models[0].scorer.context == model.scorer.context
            if same_size and same_start and not differing_tokens(folder, found.folder):
                models.append(model)
                break
        else:
            groups.append((found.folder, [model]))
    yield from groups


def _complete(folder: Path, models: list[Shown], teams: Sequence[_Team]) -> Group:
    """A group with the ensembles of its teachers behind these."""
    by_name = {model.name: model for model in models}
    reference = models[0].name if len(models) > 1 else None
    order = list(models)
    made = [_averaged(team, by_name) for team in teams if by_name.keys() >= {*team.teachers}]
    for ensemble in made:
        last = max(order.index(by_name[part]) for part in ensemble.parts)
        order.insert(last + 1, ensemble)
    if made:
        reference = made[0].name
    limits = [each.scorer.positions for each in models if each.scorer.positions is not None]
    return Group(folder, tuple(order), reference, min(limits, default=None))


def _averaged(team: _Team, models: Mapping[str, Shown]) -> Shown:
    ensemble = mean_of([models[name] for name in team.teachers], team.mixing)
    first = models[team.teachers[0]].scorer
    return Shown(
        team.name, "ensemble", scorer_of(ensemble, first.tokenizer, first.rules), team.teachers
    )


def mean_of(models: Sequence[Shown], mixing: Mixing) -> Ensemble:
    """Models of one group read as one."""
    members = [member for model in models for member in model.ensemble.models]
    size = models[0].ensemble.mixture.vocab_size
    return combine(members, size, mixing=mixing, dtype=models[0].ensemble.dtype)
