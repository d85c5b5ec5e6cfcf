"""Where the scores of a run or of one of its models are, given their folder."""

from pathlib import Path

from babyllama.errors import InputError, command
from babyllama.recipe import Recipe
from babyllama.runs.layout import Layout, refuse_study, resume_command, run_of

_EXAMPLE = "babyllama compare runs/a runs/b"


def scores_in_run(folder: Path) -> Path | None:
    """The result file of a run's main student, or of the model whose folder this is.

    Returns:
        None if the folder is neither a run nor a model of one.

    Raises:
        InputError: the run has no student, or the model has no scores yet; or it is a study.
    """
    refuse_study(folder)
    layout = Layout(folder)
    if layout.is_run:
        recipe = layout.load_recipe(_EXAMPLE)
        return _existing(layout, _main_model(layout, recipe))
    layout = Layout(run_of(folder))
    if not layout.is_run:
        return None
    models = layout.models(layout.load_recipe(_EXAMPLE))
    place = folder.absolute()
    name = next((name for name, path in models.items() if path.absolute() == place), None)
    return None if name is None else _existing(layout, name)


def models_of_run(folder: Path) -> list[Path]:
    """The folders of a run's models, students last; empty if the folder is not a run."""
    layout = Layout(folder)
    return [*layout.models(layout.load_recipe(_EXAMPLE)).values()] if layout.is_run else []


def _main_model(layout: Layout, recipe: Recipe) -> str:
    """The first distilled student, or else the first taught one: reports are about it, too."""
    name = next(iter(recipe.taught), None)
    if name is None:
        models = [*layout.models(recipe).values()][:2]
        raise InputError(
            f"{layout.folder} has no student that learned from teachers, so no model stands for it",
            mend=f"Name models: {command('compare', *models)}",
        )
    return name


def _existing(layout: Layout, name: str) -> Path:
    file = layout.scores(name)
    if not file.is_file():
        raise InputError(
            f"{layout.folder} has no scores of {name}",
            why=f"{file} does not exist.",
            mend=f"Finish the run: {resume_command(layout.folder)}",
        )
    return file
