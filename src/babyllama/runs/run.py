"""A run's folder as plain data, as far as it goes: a run that was stopped early is still shown.

Only finished folders count. What is not there is None or empty, and named in `Run.missing`.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float

from babyllama.errors import InputError
from babyllama.recipe import Recipe, TwinStudent, load_recipe
from babyllama.runs import artefact
from babyllama.runs.points import Point, epoch_ends, places, read_points

ENSEMBLE = "ensemble"
Role = Literal["teacher", "ensemble", "student", "twin"]
Tree = Mapping[str, Any]


@dataclass(frozen=True)
class Curve:
    """One model's training.jsonl.

    Attributes:
        epochs, cross_entropy: at the logged steps; nats a token of training text.
        dev_epochs, dev_cross_entropy: after each epoch; nats a token of dev text.
    """

    epochs: Float[np.ndarray, " steps"]
    cross_entropy: Float[np.ndarray, " steps"]
    dev_epochs: Float[np.ndarray, " epochs"]
    dev_cross_entropy: Float[np.ndarray, " epochs"]


@dataclass(frozen=True)
class Model:
    """A teacher, a student, its twin, or the teachers averaged.

    Attributes:
        manifest: of its folder; empty for the ensemble and for a model that is not trained yet.
        evaluation: its scores; empty when it has none.
        curve: None for the ensemble and for a model that is not trained yet.
    """

    name: str
    role: Role
    manifest: Tree
    evaluation: Tree
    curve: Curve | None

    @property
    def facts(self) -> Tree:
        """What its training says of itself."""
        found: Tree = self.manifest.get("facts", {})
        return found

    @property
    def benchmarks(self) -> Tree:
        """Benchmark to scores, in percent."""
        found: Tree = self.evaluation.get("benchmarks", {})
        return found


@dataclass(frozen=True)
class Items:
    """One model's answers to one benchmark, in the benchmark's order.

    Attributes:
        keys: (UID, pair) of each item: two models are compared only where these agree.
        correct: 1, 0, or a tie's part.
        novel: whether the corpus withheld a word of the pair from the construction that the pair
            tests; None where nobody said.
    """

    keys: tuple[tuple[str, str], ...]
    correct: Float[np.ndarray, " items"]
    novel: Bool[np.ndarray, " items"] | None


@dataclass(frozen=True)
class Run:
    """One run's folder, read.

    Attributes:
        points: scores at checkpoints and at the end by model, words seen rising; see `curves`.
        stages: finished folders that are no model, by name, with their manifests.
        corpus: corpus/stats.json. entropy: source/entropy.json. tokens: tokens/tokens.json.
        fidelity, frontier: signal/fidelity.json and frontier.json: how close the stored signal
            comes to the teachers, and how close every kind would at several sizes.
        missing: what the recipe makes and this folder does not hold, in the recipe's order.
    """

    folder: Path
    recipe: Recipe
    stages: Mapping[str, Tree]
    models: tuple[Model, ...]
    corpus: Tree
    entropy: Tree
    tokens: Tree
    fidelity: Tree
    frontier: tuple[Tree, ...]
    missing: tuple[str, ...]
    points: Mapping[str, tuple[Point, ...]]

    def model(self, name: str) -> Model | None:
        """The model of that name."""
        return next((model for model in self.models if model.name == name), None)

    @property
    def benchmarks(self) -> list[str]:
        """Every benchmark that any model has a score on; `blimp` first."""
        names = dict.fromkeys(name for model in self.models for name in model.benchmarks)
        return sorted(names, key=lambda name: name != "blimp")


def read_run(folder: Path) -> Run:
    """Read what a run's folder holds.

    Raises:
        InputError: no recipe.yaml, no finished stage, or a file that is no JSON.
    """
    if not (folder / "recipe.yaml").is_file():
        raise InputError(
            f"{folder} is no run: it has no recipe.yaml",
            mend="Name a run's folder: babyllama report runs/mini --out report",
        )
    recipe = load_recipe(str(folder / "recipe.yaml"))
    stages = dict(_stages(folder))
    models = tuple(_models(folder, recipe))
    if not stages and not any(model.manifest or model.evaluation for model in models):
        raise InputError(
            f"{folder} has nothing to report: no stage is complete",
            mend=f"Run: babyllama run {folder / 'recipe.yaml'}",
        )
    return Run(
        folder=folder,
        recipe=recipe,
        stages=stages,
        models=models,
        corpus=_json(folder / "corpus" / "stats.json"),
        entropy=_json(folder / "source" / "entropy.json"),
        tokens=_json(folder / "tokens" / "tokens.json"),
        fidelity=_json(folder / "signal" / "fidelity.json") if "signal" in stages else {},
        frontier=_rows(folder / "signal" / "frontier.json") if "signal" in stages else (),
        missing=tuple(_missing(recipe, stages, models)),
        points={model.name: tuple(_points(folder, model)) for model in models if model.manifest},
    )


def read_items(run: Run, model: str, benchmark: str) -> Items | None:
    """A model's answers to a benchmark; None when they are not kept or neither right nor wrong."""
    path = run.folder / "evaluation" / "predictions" / model / f"{benchmark}.jsonl"
    if not path.is_file():
        return None
    lines = list(_lines(path))
    if not lines or not {"UID", "correct"} <= lines[0].keys():
        return None
    novel = [line.get("novel") for line in lines]
    known = bool(novel) and None not in novel
    return Items(
        keys=tuple((str(line["UID"]), str(line["pairID"])) for line in lines),
        correct=np.array([line["correct"] for line in lines], dtype=np.float64),
        novel=np.array(novel, dtype=np.bool_) if known else None,
    )


def _stages(folder: Path) -> Iterator[tuple[str, Tree]]:
    for name in ("source", "corpus", "tokenizer", "tokens", "signal", "evaluation"):
        manifest = _manifest(folder / name)
        if manifest is not None:
            yield name, manifest


def _models(folder: Path, recipe: Recipe) -> Iterator[Model]:
    for name in recipe.teachers:
        yield _model(folder, "teachers", name, "teacher")
    if len(recipe.teachers) > 1:
        evaluation = _json(folder / "evaluation" / f"{ENSEMBLE}.json")
        yield Model(ENSEMBLE, "ensemble", {}, evaluation, None)
    for name, student in recipe.students.items():
        role: Role = "twin" if isinstance(student, TwinStudent) else "student"
        yield _model(folder, "students", name, role)


def _model(folder: Path, kind: str, name: str, role: Role) -> Model:
    home = folder / kind / name
    manifest = _manifest(home)
    log = home / "training.jsonl"
    return Model(
        name=name,
        role=role,
        manifest=manifest or {},
        evaluation=_json(folder / "evaluation" / f"{name}.json"),
        curve=_curve(log) if manifest is not None and log.is_file() else None,
    )


def _points(run: Path, model: Model) -> Iterator[Point]:
    kind = "teachers" if model.role == "teacher" else "students"
    ends = epoch_ends(run / kind / model.name / "training.jsonl")
    for place in places(model.name, model.manifest, ends):
        yield from read_points(run, place)


def _manifest(folder: Path) -> Tree | None:
    """The manifest of a finished folder; one that cannot be read says nothing of what it holds."""
    manifest = artefact.read_manifest(folder)
    return None if manifest is None or manifest["stage"] == "unreadable" else manifest


def _curve(path: Path) -> Curve:
    lines = list(_lines(path))
    steps = [line for line in lines if "cross_entropy" in line]
    dev = [line for line in lines if "dev_cross_entropy" in line]
    return Curve(
        epochs=_column(steps, "epoch"),
        cross_entropy=_column(steps, "cross_entropy"),
        dev_epochs=_column(dev, "epoch"),
        dev_cross_entropy=_column(dev, "dev_cross_entropy"),
    )


def _column(lines: list[dict[str, Any]], name: str) -> Float[np.ndarray, " rows"]:
    return np.array([line[name] for line in lines], dtype=np.float64)


def _missing(recipe: Recipe, stages: Tree, models: tuple[Model, ...]) -> Iterator[str]:
    stored = recipe.signal.kind != "online"
    synthetic = recipe.corpus.source.kind == "synthetic"
    for name in ("source", "corpus", "tokenizer", "tokens"):
        if name not in stages and (name != "source" or synthetic):
            yield name
    trained = [model for model in models if model.role != "ensemble"]
    yield from (f"teacher {m.name}" for m in trained if m.role == "teacher" and not m.manifest)
    if stored and "signal" not in stages:
        yield "signal"
    yield from (f"student {m.name}" for m in trained if m.role != "teacher" and not m.manifest)
    if not any(model.evaluation for model in models):
        yield "evaluation"
    else:
        yield from (f"evaluation of {model.name}" for model in models if not model.evaluation)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                yield json.loads(line)
            except json.JSONDecodeError as error:
                raise _no_json(path, error, number) from None


def _json(path: Path) -> Tree:
    """A JSON file, or nothing when it is not there."""
    found: Tree = _parsed(path) if path.is_file() else {}
    return found


def _rows(path: Path) -> tuple[Tree, ...]:
    """A JSON file that is a list, or nothing when it is not there."""
    return tuple(_parsed(path)) if path.is_file() else ()


def _parsed(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise _no_json(path, error, error.lineno) from None


def _no_json(path: Path, error: json.JSONDecodeError, line: int) -> InputError:
    return InputError(
        f"{path} is not JSON at line {line}: {error.msg}",
        mend="See which files are damaged: babyllama verify RUN",
    )


def main_student(run: Run) -> Model | None:
    """The first distilled student: the one that the report is about."""
    return run.model(next(iter(run.recipe.distilled), ""))


def twin_of(run: Run, student: str) -> Model | None:
    """The student's recipe without teachers, where the run has one."""
    for name, recipe in run.recipe.students.items():
        if isinstance(recipe, TwinStudent) and recipe.of == student:
            return run.model(name)
    return None
