"""Any benchmark at every kept checkpoint of a run: score against words seen.

Each point is kept as soon as it is scored; a second call scores only what is new, has changed or
was damaged. `babyllama.runs.points` says how points lie in the run's folder.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from babyllama.console import print_status
from babyllama.errors import InputError
from babyllama.evaluation.evaluate import evaluate
from babyllama.evaluation.likelihood.rules import rules_named
from babyllama.evaluation.suites import suite_for
from babyllama.evaluation.suites.aoa_2025 import AcquisitionResult, acquisition
from babyllama.recipe import Recipe
from babyllama.recipe.names import STUDENTS, TEACHERS
from babyllama.runs.artefact import Facts, digest, read_manifest, write_atomically
from babyllama.runs.layout import FINAL, TRAINING_LOG, Layout
from babyllama.runs.points import (
    Place,
    Point,
    epoch_ends,
    file_of,
    places,
    read_point,
    write_point,
)

ACQUIRED = "aoa_2025"  # the one benchmark whose score over checkpoints needs its predictions
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
        run: a run's folder; models that are not trained yet are left out.
        benchmarks: a suite's name, or one of the user's own for minimal pairs, to its data.
        rules: honest, 2023, 2024 or 2025.
        truncate: whether texts longer than the model's positions lose their beginning.
        models: which teachers and students; all by default.

    Returns:
        all points, by model, words seen and benchmark.

    Raises:
        InputError: no run, unknown models, none that kept checkpoints, benchmarks that cannot be
            read (all before anything is scored); what `evaluate` raises.
    """
    homes = _homes(run, models)
    found = [(home, place) for home in homes for place in _places(home)]
    read = {name: digest(path) for name, path in benchmarks.items()}
    for name, path in benchmarks.items():
        suite_for(name).read(path)
    points = []
    for home, place in found:
        for name, path in benchmarks.items():
            key = {"data": read[name], "rules": rules, "truncate": truncate}
            point = _kept(run, place, name, key)
            if point is None:
                print_status(f"  {place.model} at {place.words:,} words: {name}", style="dim")
                point = _score(run, home, place, (name, path), key)
            points.append(point)
    return points


def acquisitions(
    run: Path,
    points: Sequence[Point],
    children: Mapping[str, Sequence[tuple[int, float]]],
    *,
    rules: str,
) -> dict[str, AcquisitionResult]:
    """When each model learns words, against when children do: of the points of `aoa_2025`.

    Args:
        children: what `read_children` finds in a Wordbank table.

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


def _homes(run: Path, models: Sequence[str]) -> list[Path]:
    layout = Layout(run)
    recipe = layout.load_recipe("babyllama curves runs/mini --benchmark NAME=PATH")
    homes = layout.students(recipe) | layout.teachers(recipe)
    for name in models:
        if name not in homes:
            raise InputError(f"{run} has no model {name}", mend=f"Choose from {', '.join(homes)}.")
    chosen = [home for name, home in homes.items() if not models or name in models]
    trained = [home for home in chosen if read_manifest(home) is not None]
    if not trained:
        raise InputError(
            f"{run}: none of {', '.join(home.name for home in chosen)} is trained yet",
            mend=f"Run: babyllama run {Layout(run).recipe}",
        )
    if not any(place.point != FINAL for home in trained for place in _places(home)):
        _refuse_without_checkpoints(run, recipe, trained[0])
    return trained


def _refuse_without_checkpoints(run: Path, recipe: Recipe, home: Path) -> None:
    kind = TEACHERS if home.name in recipe.teachers else STUDENTS
    raise InputError(
        f"{run} kept no checkpoints: {home} holds no chck_* folder",
        why="A learning curve needs the model as it was on its way; they are kept in training.",
        mend=f"Train again: babyllama run {Layout(run).recipe} "
        f"--set {kind}.{home.name}.training.word_checkpoints=babylm",
    )


def _places(home: Path) -> list[Place]:
    manifest = read_manifest(home)
    assert manifest is not None
    return places(home.name, manifest, epoch_ends(home / TRAINING_LOG))


def _kept(run: Path, place: Place, name: str, key: Mapping[str, object]) -> Point | None:
    point = read_point(run, place, name)
    if point is None or {**point.key, "predictions": None} != {**key, "predictions": None}:
        return None
    if name == ACQUIRED and point.key.get("predictions") != digest(_predictions(run, place)):
        return None
    return point


def _score(run: Path, home: Path, place: Place, benchmark: tuple[str, Path], key: Facts) -> Point:
    name, path = benchmark
    folder = home if place.point == FINAL else home / place.point
    into = file_of(run, place, name).parent if name == ACQUIRED else None
    result = evaluate(
        [folder], {name: path}, name=place.model, rules=key["rules"], truncate=key["truncate"],
        predictions=into,
    )  # fmt: skip
    written = result.benchmarks[name].written()
    scores = {field: value for field, value in written.items() if field not in _LEFT_OUT}
    if into:
        key = {**key, "predictions": digest(_predictions(run, place))}
    point = Point(place, name, key, scores)
    write_point(run, point)
    return point


def _predictions(run: Path, place: Place) -> Path:
    return file_of(run, place, ACQUIRED).with_suffix(".jsonl")
