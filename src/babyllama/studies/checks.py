"""Everything that a study is refused for before anything is made; also by `--dry-run`."""

from collections.abc import Mapping
from pathlib import Path

from babyllama.console import format_bytes
from babyllama.errors import InputError
from babyllama.pipeline.checks import check_before_run
from babyllama.pipeline.planning import free_disk
from babyllama.pipeline.run import refuse_missing_text
from babyllama.recipe import Recipe, names
from babyllama.recipe.base import nearest
from babyllama.studies.cells import Trial, trials_of
from babyllama.studies.comparing import (
    pairs_of,
    refuse_unknown_margins,
    refuse_unknown_measures,
    refuse_unknown_student,
)
from babyllama.studies.planning import StudyPlan
from babyllama.studies.study import StudyRecipe, varied_fields

_SEED, _OPTION = "seed", "--out DIR"


def chosen_trials(study: StudyRecipe, out: Path, only: str | None = None) -> list[Trial]:
    """The trials of a study, or of one of its cells, after all checks that need recipes alone.

    Raises:
        InputError: no such cell; a comparison, a measure or a student that names nothing; a change
            without effect; two cells of one recipe; or what `trials_of` raises.
    """
    _refuse_changes_without_effect(study)
    trials = trials_of(study, out)
    recipes: dict[str, Recipe] = {}
    for trial in trials:
        recipes.setdefault(trial.cell, trial.recipe)
    refuse_unknown_student(study, recipes)
    pairs_of(study, recipes)
    refuse_unknown_measures(study, recipes)
    refuse_unknown_margins(study, recipes)
    _refuse_equal_cells(study, recipes)
    if only is None:
        return trials
    chosen = [trial for trial in trials if trial.cell == only]
    if not chosen:
        raise InputError(
            f"--only {only}: no such cell",
            why=f"Cells of this study: {', '.join(recipes)}.",
            mend=nearest(only, recipes),
        )
    return chosen


def check_inputs(study: StudyRecipe, planned: StudyPlan, out: Path) -> None:
    """Check each cell's recipe with its text and benchmarks, and the disk for all of them together.

    Args:
        out: the study's folder, or the one that holds its store.

    Raises:
        InputError: names the cell, or the bytes that are missing.
    """
    firsts: dict[str, Trial] = {}
    for trial in planned.trials:
        firsts.setdefault(trial.cell, trial)
    for trial in firsts.values():
        refuse_missing_text(trial.recipe, trial.folder)
        try:
            check_before_run(trial.recipe, trial.folder, option=_OPTION)
        except InputError as error:
            what = f"{study.where}: cell {trial.cell}: {error.what}"
            raise InputError(what, why=error.why, mend=error.mend) from None
    needed, free = sum(need.disk for need in planned.open()), free_disk(out / names.STORE)
    if needed > free:
        raise InputError(
            f"{out} needs about {format_bytes(needed)} more, but its disk has {format_bytes(free)} "
            "free",
            mend=f"Free some space, or choose a folder on another disk: {_OPTION}",
        )


def _refuse_changes_without_effect(study: StudyRecipe) -> None:
    """Refuse a change of the seed, and a change of the base recipe that every cell replaces."""
    is_grid = not isinstance(study.vary, list)
    varied = varied_fields(study)
    places = [(f"{study.where}: vary", path) for path in varied]
    places += [(study.origin_of(path), path) for path in study.set]
    for place, path in places:
        if path == _SEED:
            raise InputError(
                f"{place}: seed has no effect",
                why="Each cell is trained with each seed of the study.",
                mend="Use `seeds:`, such as seeds: 5 or seeds: [3, 7].",
            )
    for path in study.set:
        if is_grid and any(f"{path}.".startswith(f"{other}.") for other in varied):
            raise InputError(
                f"{study.origin_of(path)}: {path} is in vary, too",
                why="Every cell replaces it: it has no effect.",
                mend="Leave it out of one of them.",
            )


def _refuse_equal_cells(study: StudyRecipe, recipes: Mapping[str, Recipe]) -> None:
    before: dict[Recipe, str] = {}
    for cell, recipe in recipes.items():
        other = before.setdefault(recipe, cell)
        if other != cell:
            raise InputError(
                f"{study.where}: vary: cells {other} and {cell} have the same recipe",
                why="Their models would be the same, and so would their scores.",
                mend="Leave one of them out, or change what it sets.",
            )
