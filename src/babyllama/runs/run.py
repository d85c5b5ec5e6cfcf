"""A run's folder as plain data: recipe, models, scores, training curves.

Only finished folders are read, so that a run that was stopped can be read as well. What it does not
have yet is None or empty, and listed in `Run.missing`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from babyllama.errors import InputError
from babyllama.recipe import Recipe, TwinStudent
from babyllama.recipe.names import (
    ENSEMBLE,
    EVALUATION,
    REPORT,
    SAMPLED_TEXT,
    SIGNAL,
    STAGES,
    STUDENTS,
    TEACHERS,
    UNTRAINED,
)  # fmt: skip
from babyllama.runs import manifests
from babyllama.runs.json_files import read_json
from babyllama.runs.layout import (
    ENTROPY,
    FIDELITY,
    FRONTIER,
    LEAKS,
    LINGUISTICS,
    STATISTICS,
    TOKENS_HEADER,
    TRAINING_LOG,
    Layout,
    resume_command,
)  # fmt: skip
from babyllama.runs.points import Point, places, read_points
from babyllama.runs.training_log import TrainingLog, read_training_log

Role = Literal["teacher", "ensemble", "student", "twin", "untrained"]
Tree = Mapping[str, Any]


@dataclass(frozen=True)
class Curve:
    """A model's training.

    Attributes:
        epochs: epochs trained, at each logged step.
        cross_entropy: on training text at these steps, in nats per token.
        dev_epochs: epochs trained, at the end of each epoch.
        dev_cross_entropy: on dev text then, in nats per token.
        kl: from the teachers at the logged steps, in nats per token at the student's temperature;
            None where it was not logged. Of a model without teachers it is 0.
        words_per_epoch: white-space words that a pass over the text reads; None of old logs.
    """

    epochs: Float[np.ndarray, " steps"]
    cross_entropy: Float[np.ndarray, " steps"]
    dev_epochs: Float[np.ndarray, " epochs"]
    dev_cross_entropy: Float[np.ndarray, " epochs"]
    kl: Float[np.ndarray, " steps"] | None = None
    words_per_epoch: float | None = None


@dataclass(frozen=True)
class Model:
    """A model of a run: a teacher, a student, its twin, the teachers' ensemble, random weights.

    Attributes:
        name: the recipe's name for it; `ensemble`; `untrained` for random weights.
        manifest: of its folder; empty without one or if it is not trained yet.
        evaluation: the contents of evaluation/NAME.json; empty without scores.
        curve: its training; None without one.
    """

    name: str
    role: Role
    manifest: Tree
    evaluation: Tree
    curve: Curve | None

    @property
    def facts(self) -> Tree:
        """Facts of its training: steps, words seen, FLOPs, dev cross-entropy and so on."""
        found: Tree = self.manifest.get("facts", {})
        return found

    @property
    def dev_loss(self) -> float | None:
        """Dev cross-entropy in nats per token: as evaluated, else of the best epoch of training."""
        dev = self.evaluation.get("dev") or {}
        return dev.get("cross_entropy", self.facts.get("dev_cross_entropy"))

    @property
    def benchmarks(self) -> Tree:
        """The scores on each benchmark, by the benchmark's name."""
        found: Tree = self.evaluation.get("benchmarks", {})
        return found


@dataclass(frozen=True)
class Run:
    """A run, as it is on disk.

    Attributes:
        folder: the run's folder.
        recipe: its recipe, fully resolved.
        stages: the manifests of finished stages that are not models, by name.
        models: teachers, their ensemble, students, in the recipe's order; then random weights, if
            the evaluation scored them.
        corpus: counts of the corpus, from corpus/stats.json.
        linguistics: of its training text, from corpus/linguistics.json.
        entropy: of a synthetic corpus, from source/entropy.json.
        tokens: sizes of the token streams, from tokens/tokens.json.
        fidelity: distance of the stored signal to the teachers, from signal/fidelity.json.
        frontier: the same for every kind of signal at several sizes, from signal/frontier.json.
        missing: stages and models of the recipe that are not finished yet, in order.
        leaks: what dev shares with train, and duplicates within train, from corpus/leaks.json;
            what benchmarks share with train (`benchmarks`), from evaluation/leaks.json.
        points: each model's scores at checkpoints and at the end, in order of words seen.
    """

    folder: Path
    recipe: Recipe
    stages: Mapping[str, Tree]
    models: tuple[Model, ...]
    corpus: Tree
    linguistics: Tree
    entropy: Tree
    tokens: Tree
    fidelity: Tree
    frontier: tuple[Tree, ...]
    leaks: Tree
    missing: tuple[str, ...]
    points: Mapping[str, tuple[Point, ...]]

    @property
    def dev_entropy(self) -> float | None:
        """The entropy of the dev text in nats per word, the lowest loss that can be expected.

        None unless the text is from the built-in grammar: of other text nobody knows it.
        """
        found = self.entropy.get("dev", {}).get("all", {}).get("nats_per_word")
        return None if found is None else float(found)

    @property
    def layout(self) -> Layout:
        """The paths in its folder."""
        return Layout(self.folder)

    def model(self, name: str) -> Model | None:
        """The model of that name; None if the run has none."""
        return next((model for model in self.models if model.name == name), None)

    @property
    def benchmarks(self) -> list[str]:
        """The benchmarks on which any model has a score; `blimp` first."""
        names = dict.fromkeys(name for model in self.models for name in model.benchmarks)
        return sorted(names, key=lambda name: name != "blimp")


def read_run(folder: Path) -> Run:
    """Read a run's folder.

    Raises:
        InputError: no recipe.yaml, no finished stage, or a file that is not JSON.
    """
    layout = Layout(folder)
    recipe = layout.load_recipe("babyllama report runs/mini")
    stages = dict(_stages(layout, recipe))
    models = tuple(_models(layout, recipe))
    if not stages and not any(model.manifest or model.evaluation for model in models):
        raise InputError(
            f"{folder} has nothing to report: no stage is complete",
            mend=f"Run: {resume_command(folder)}",
        )
    return Run(
        folder=folder,
        recipe=recipe,
        stages=stages,
        models=models,
        corpus=_json(layout.corpus / STATISTICS),
        linguistics=_json(layout.corpus / LINGUISTICS),
        entropy=_json(layout.source / ENTROPY),
        tokens=_json(layout.tokens / TOKENS_HEADER),
        fidelity=_json(layout.signal / FIDELITY) if SIGNAL in stages else {},
        frontier=_rows(layout.signal / FRONTIER) if SIGNAL in stages else (),
        leaks=_leaks(layout),
        missing=tuple(_missing(layout, recipe, stages, models)),
        points={
            model.name: tuple(_points(layout, recipe, model)) for model in models if model.manifest
        },
    )


def finished_models(layout: Layout, recipe: Recipe) -> dict[str, Path]:
    """The folders of a run's finished teachers and students, by name."""
    models = layout.models(recipe)
    return {name: path for name, path in models.items() if _manifest(path) is not None}


def _leaks(layout: Layout) -> Tree:
    """The leaks of the corpus and the benchmarks; empty for runs of earlier versions."""
    found = dict(_json(layout.corpus / LEAKS))
    if of_benchmarks := _json(layout.evaluation / LEAKS).get("leaks"):
        found["settings"] = of_benchmarks["settings"]
        found["benchmarks"] = of_benchmarks["benchmarks"]
    return found


def main_student(run: Run) -> Model | None:
    """The first distilled student, or else the first taught one: the report is about it."""
    return run.model(next(iter(run.recipe.taught), ""))


def twin_of(run: Run, student: str) -> Model | None:
    """The student's twin with the fewest changes, none at best; None if the run has no twin.

    A student without a twin of its own gets that of a student with the same model and training.
    """
    twins = {twin.name: len(run.recipe.changes(twin.name)) for twin in twins_of(run, student)}
    if not twins and student in run.recipe.taught:
        own = run.recipe.taught[student].pretraining
        alike = [each for each, it in run.recipe.taught.items() if it.pretraining == own]
        twins = {
            twin.name: 0
            for each in alike
            for twin in twins_of(run, each)
            if not run.recipe.changes(twin.name)
        }
    return run.model(min(twins, key=lambda name: twins[name])) if twins else None


def student_and_twin(run: Run) -> tuple[Model | None, Model | None]:
    """The student that the report is about, and its twin."""
    student = main_student(run)
    return student, twin_of(run, student.name) if student else None


def twins_of(run: Run, student: str) -> list[Model]:
    """Every twin of a student, changed or not, in the recipe's order."""
    twins = run.recipe.students
    return [
        model
        for model in run.models
        if isinstance(twin := twins.get(model.name), TwinStudent) and twin.of == student
    ]


def _stages(layout: Layout, recipe: Recipe) -> Iterator[tuple[str, Tree]]:
    texts = [f"{SAMPLED_TEXT}/{name}" for name in recipe.sampled_texts]
    for name in (*STAGES, *texts):
        manifest = _manifest(layout.folder / name) if name != REPORT else None
        if manifest is not None:
            yield name, manifest


def _models(layout: Layout, recipe: Recipe) -> Iterator[Model]:
    for name, folder in layout.teachers(recipe).items():
        yield _model(layout, folder, name, "teacher")
    if len(recipe.teachers) > 1:
        yield Model(ENSEMBLE, "ensemble", {}, _json(layout.scores(ENSEMBLE)), None)
    for name, folder in layout.students(recipe).items():
        is_twin = isinstance(recipe.students[name], TwinStudent)
        yield _model(layout, folder, name, "twin" if is_twin else "student")
    if untrained := _json(layout.scores(UNTRAINED)):
        yield Model(UNTRAINED, "untrained", {}, untrained, None)


def _model(layout: Layout, folder: Path, name: str, role: Role) -> Model:
    manifest = _manifest(folder)
    log = folder / TRAINING_LOG
    return Model(
        name=name,
        role=role,
        manifest=manifest or {},
        evaluation=_json(layout.scores(name)),
        curve=_curve(read_training_log(log)) if manifest is not None and log.is_file() else None,
    )


def _points(layout: Layout, recipe: Recipe, model: Model) -> Iterator[Point]:
    log = read_training_log(layout.models(recipe)[model.name] / TRAINING_LOG)
    for place in places(model.name, model.manifest, log.epoch_ends):
        yield from read_points(layout.folder, place)


def _manifest(folder: Path) -> Tree | None:
    """The manifest of a finished folder; None if it cannot be read."""
    manifest = manifests.read_manifest(folder)
    return None if manifest is None or not manifests.is_readable(manifest) else manifest


def _curve(log: TrainingLog) -> Curve:
    return Curve(
        epochs=_floats(line["epoch"] for line in log.steps),
        cross_entropy=_floats(line["cross_entropy"] for line in log.steps),
        dev_epochs=_floats(line["epoch"] for line in log.epochs),
        dev_cross_entropy=_floats(line["dev_cross_entropy"] for line in log.epochs),
        kl=_floats(line["kl"] for line in log.steps) if all("kl" in e for e in log.steps) else None,
        words_per_epoch=_words_per_epoch(log),
    )


def _words_per_epoch(log: TrainingLog) -> float | None:
    """By the last line that says how many words were read; the batches of a pass may differ."""
    last = next((line for line in reversed(log.steps) if line.get("words") and line["epoch"]), None)
    return last["words"] / last["epoch"] if last else None


def _floats(values: Iterable[float]) -> Float[np.ndarray, " rows"]:
    return np.array(list(values), dtype=np.float64)


def _missing(
    layout: Layout, recipe: Recipe, stages: Tree, models: tuple[Model, ...]
) -> Iterator[str]:
    trained = {model.name for model in models if model.manifest}
    for stage in layout.stages(recipe):
        kind, _, name = stage.partition("/")
        if kind in (TEACHERS, STUDENTS):
            if name not in trained:
                yield f"{kind.removesuffix('s')} {name}"
        elif stage not in (*stages, EVALUATION, REPORT):
            yield stage
    if not any(model.evaluation for model in models):
        yield EVALUATION
    else:
        yield from (f"evaluation of {model.name}" for model in models if not model.evaluation)


def _json(path: Path) -> Tree:
    """A JSON object, empty without the file."""
    found = read_json(path) if path.is_file() else {}
    if not isinstance(found, dict):
        raise InputError(
            f"{path} is not a JSON object", mend="Find all damage: babyllama verify RUN"
        )
    return found


def _rows(path: Path) -> tuple[Tree, ...]:
    """A JSON list of objects, empty without the file."""
    found = read_json(path) if path.is_file() else []
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise InputError(
            f"{path} is not a list of objects", mend="Find all damage: babyllama verify RUN"
        )
    return tuple(found)
