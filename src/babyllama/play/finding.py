"""Which models the page will show: those of runs, and single ones. Nothing is loaded here."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from babyllama.errors import InputError, command
from babyllama.models.model_files import read_config
from babyllama.recipe import DistillationRecipe, DistilledStudent, Mixing, mixing_for, mixing_of
from babyllama.recipe.names import ENSEMBLE
from babyllama.runs.layout import Layout, refuse_study, resume_command, run_of
from babyllama.runs.run import Run, read_run

_MOST_NAMED = 4  # models in an example

Role = Literal["teacher", "ensemble", "student", "twin", "model"]


@dataclass(frozen=True)
class ModelFolder:
    """A model, before it is loaded.

    Attributes:
        name: unique on the page.
        rules: the scoring rules that it is read under.
        marks_lines: whether its training text had a token before every line; False if unknown.
    """

    name: str
    role: Role
    folder: Path
    rules: str
    marks_lines: bool

    @property
    def place(self) -> str:
        """The end of its path, such as students/twin."""
        return "/".join(self.folder.absolute().parts[-2:])


@dataclass(frozen=True)
class Team:
    """Teachers that are averaged, by their names on the page."""

    name: str
    teachers: tuple[str, ...]
    mixing: Mixing


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
class Found:
    """Everything that the page will show.

    Attributes:
        models: in the order in which they were given; no two have the same name.
        teams: the teachers of each run, if there are several.
        lessons: of the students whose teachers are on the page too, by the student's name.
        runs: the runs that were given, by the prefix of their models' names: "", or `NAME/`.
        notes: what is not shown and why, in sentences.
    """

    models: tuple[ModelFolder, ...]
    teams: tuple[Team, ...]
    lessons: Mapping[str, Lesson]
    runs: Mapping[str, Path]
    notes: tuple[str, ...]


def find_models(given: Mapping[str, Path]) -> Found:
    """Find the models of runs and single models.

    Args:
        given: folders of runs or models, by name. The models of a run have the name as a prefix
            if anything else is given.

    Raises:
        InputError: a folder without models, a run that cannot be read, two models of one name.
    """
    models: list[ModelFolder] = []
    teams: list[Team] = []
    lessons: dict[str, Lesson] = {}
    runs: dict[str, Path] = {}
    notes: list[str] = []
    for name, folder in given.items():
        if not Layout(folder).is_run:
            models.append(_single(name, folder))
            continue
        run = read_run(folder)
        prefix = f"{name}/" if len(given) > 1 else ""
        runs[prefix] = folder
        models += _models_of(run, prefix)
        teams += _teams_of(run, prefix)
        lessons |= _lessons_of(run, prefix)
        notes += [f"{each} of {folder} is not finished and is not shown." for each in _lacking(run)]
    _refuse_same_names(models)
    return Found(tuple(models), tuple(teams), lessons, runs, tuple(notes))


def _single(name: str, folder: Path) -> ModelFolder:
    refuse_study(folder)
    if not (folder / "config.json").is_file():
        has = "it has no recipe.yaml and no config.json"
        if not folder.is_dir():
            has = "it is a file"
        elif not any(folder.iterdir()):
            has = "it is empty"
        raise InputError(
            f"{folder} is neither a run nor a model: {has}",
            why="A run's folder holds recipe.yaml, a model's folder config.json.",
            mend=f"Name a run or a model: {command('play', *_shown_instead(folder))}",
        )
    read_config(folder)
    return ModelFolder(name, "model", folder, "honest", marks_lines=False)


def _shown_instead(folder: Path) -> list[Path]:
    """What the viewer may have meant: the run that the folder is in, or a run or models in it."""
    if Layout(run := run_of(folder)).is_run:
        return [next((each for each in folder.parents if each.absolute() == run), run)]
    inside = sorted(each for each in folder.iterdir() if each.is_dir()) if folder.is_dir() else []
    runs = [each for each in inside if Layout(each).is_run]
    models = [each for each in inside if (each / "config.json").is_file()]
    return runs[:1] or models[:_MOST_NAMED] or [Path("runs/mini")]


def _models_of(run: Run, prefix: str) -> list[ModelFolder]:
    folders = run.layout.models(run.recipe)
    rules = run.recipe.evaluation.rules
    marks_lines = run.recipe.tokens.layout == "lines"
    found = [
        ModelFolder(prefix + model.name, model.role, folders[model.name], rules, marks_lines)
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


def _teams_of(run: Run, prefix: str) -> Iterator[Team]:
    names = list(run.recipe.teachers)
    if len(names) > 1 and _finished(run) >= set(names):
        teachers = tuple(prefix + name for name in names)
        yield Team(prefix + ENSEMBLE, teachers, mixing_of(run.recipe.signal))


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


def _refuse_same_names(models: Sequence[ModelFolder]) -> None:
    names = [each.name for each in models]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        # A run's models are named after the run, so one of the two was given by itself.
        alone = next(each for each in models if (each.name, each.role) == (twice, "model"))
        raise InputError(
            f"two models are called {twice}",
            why="The page tells models apart by their names.",
            mend=f"Give one another name: {command('play', f'NAME={alone.folder}', '...')}",
        )
