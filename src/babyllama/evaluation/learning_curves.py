"""Any benchmark at every checkpoint of a run: score against words seen.

Each point is kept as soon as it is scored; a second call scores only what is new, has changed or
was damaged. `babyllama.runs.points` keeps the points in the run's folder.
"""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from babyllama.console import print_status
from babyllama.errors import InputError
from babyllama.evaluation.evaluate import evaluate
from babyllama.evaluation.likelihood.rules import rules_named
from babyllama.evaluation.suites import suite_for
from babyllama.evaluation.suites.aoa_2025 import AcquisitionResult, acquisition
from babyllama.recipe import Recipe
from babyllama.recipe.names import STUDENTS, TEACHERS
from babyllama.runs.artefact import Facts
from babyllama.runs.files import write_atomically
from babyllama.runs.layout import FINAL, TRAINING_LOG, Layout, resume_command
from babyllama.runs.manifests import digest, read_manifest
from babyllama.runs.points import (
    Place,
    Point,
    keep_point,
    places,
    point_file,
)
from babyllama.runs.training_log import read_training_log
from babyllama.scores.results import SCORING_VERSION

ACQUIRED = "aoa_2025"  # the only benchmark whose predictions at checkpoints are needed later
_LEFT_OUT = ("replicates", "subtasks", "groups")


def learning_curves(
    run: Path,
    benchmarks: Mapping[str, Path],
    *,
    rules: str,
    truncate: bool = False,
    models: Sequence[str] = (),
) -> list[Point]:
    """Score every checkpoint, and the finished models, on benchmarks.

    Args:
        run: a run's folder; models that are not trained yet are skipped.
        benchmarks: a suite's name, or one of the user's own for minimal pairs, to its data.
        rules: honest, 2023, 2024 or 2025.
        truncate: whether texts longer than the model's positions lose their beginning.
        models: which teachers and students; all by default.

    Returns:
        all points, by model, words seen and benchmark.

    Raises:
        InputError: not a run, unknown models, no model with checkpoints, benchmarks that cannot be
            read (all before anything is scored); what `evaluate` raises.
    """
    folders = _trained_models(run, models)
    data = {name: digest(path) for name, path in benchmarks.items()}
    for name, path in benchmarks.items():
        suite_for(name).read(path)
    points = []
    for folder in folders:
        for place in _places(folder):
            for name, path in benchmarks.items():
                key = {"data": data[name], "rules": rules, "truncate": truncate,
                       "scoring": SCORING_VERSION}  # fmt: skip
                files = [_predictions(run, place)] if name == ACQUIRED else []
                score = partial(_score, run, folder, place, (name, path), rules, truncate)
                points.append(keep_point(run, place, name, key, score, files=files))
    return points


def acquisitions(
    run: Path,
    points: Sequence[Point],
    children: Mapping[str, Sequence[tuple[int, float]]],
    *,
    rules: str,
) -> dict[str, AcquisitionResult]:
    """Compare the ages at which models and children acquire words, from points of `aoa_2025`.

    Args:
        children: what `read_children` reads from a Wordbank table.

    Returns:
        `acquisition`'s result for each model; also written to curves/MODEL/acquisition.json.
    """
    of_model: dict[str, dict[int, list[Facts]]] = {}
    for point in points:
        if point.benchmark == ACQUIRED and point.place.point != FINAL:
            lines = _predictions(run, point.place).read_text("utf-8").splitlines()
            at = of_model.setdefault(point.place.model, {})
            at[point.place.words] = [json.loads(line) for line in lines]
    found = {model: acquisition(at, children, rules_named(rules)) for model, at in of_model.items()}
    for model, result in found.items():
        text = json.dumps(result.written(), indent=1, ensure_ascii=False) + "\n"
        write_atomically(Layout(run).acquisition(model), text)
    return found


def _trained_models(run: Path, models: Sequence[str]) -> list[Path]:
    layout = Layout(run)
    recipe = layout.load_recipe("babyllama curves runs/mini")
    models_of_run = layout.students(recipe) | layout.teachers(recipe)  # students first
    folders = {name: path for name, path in models_of_run.items() if name in recipe.trained}
    for name in models:
        if name not in folders:
            raise InputError(
                f"{run} has no model {name}", mend=f"Choose from {', '.join(folders)}."
            )
    chosen = [folder for name, folder in folders.items() if not models or name in models]
    trained = [folder for folder in chosen if read_manifest(folder) is not None]
    if not trained:
        raise InputError(
            f"{run}: none of {', '.join(folder.name for folder in chosen)} is trained yet",
            mend=f"Run: {resume_command(run)}",
        )
    if not any(place.point != FINAL for folder in trained for place in _places(folder)):
        _refuse_without_checkpoints(run, recipe, trained[0])
    return trained


def _refuse_without_checkpoints(run: Path, recipe: Recipe, folder: Path) -> None:
    kind = TEACHERS if folder.name in recipe.teachers else STUDENTS
    setting = f"{kind}.{folder.name}.training.word_checkpoints=babylm"
    raise InputError(
        f"{run} has no checkpoints: {folder} has no chck_* folder",
        why="A learning curve needs checkpoints, which are saved during training.",
        mend=f"Train again: {resume_command(run, '--set', setting)}",
    )


def _places(folder: Path) -> list[Place]:
    manifest = read_manifest(folder)
    assert manifest is not None
    return places(folder.name, manifest, read_training_log(folder / TRAINING_LOG).epoch_ends)


def _score(
    run: Path, folder: Path, place: Place, benchmark: tuple[str, Path], rules: str, truncate: bool
) -> Facts:
    name, path = benchmark
    print_status(f"  {place.model} at {place.words:,} words: {name}", style="dim")
    scored = folder if place.point == FINAL else folder / place.point
    result = evaluate(
        [scored], {name: path}, name=place.model, rules=rules, truncate=truncate,
        predictions=_predictions(run, place).parent if name == ACQUIRED else None,
    )  # fmt: skip
    scores = result.benchmarks[name].written()
    return {field: value for field, value in scores.items() if field not in _LEFT_OUT}


def _predictions(run: Path, place: Place) -> Path:
    return point_file(run, place, ACQUIRED).with_suffix(".jsonl")
