"""A run with its results typed, and its models paired as `compare` pairs them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from babyllama.runs.layout import predictions_file
from babyllama.runs.run import Model, Run
from babyllama.scores.comparisons import Pairing, pair
from babyllama.scores.decisions import Predictions, by_uid, read_predictions
from babyllama.scores.entrants import Answers, answers_of
from babyllama.scores.remarks import with_part
from babyllama.scores.results import (
    BenchmarkResult,
    ModelResult,
    benchmark_result,
    model_result,
)


@dataclass(frozen=True)
class CurvePoint:
    """A model's result on a benchmark at a checkpoint, by words seen, or at the end."""

    benchmark: str
    words: int
    result: BenchmarkResult


@dataclass(frozen=True)
class ScoredRun:
    """A run and how its models did.

    Attributes:
        results: by model, for those that are scored.
        points: over training, by model.
    """

    run: Run
    results: Mapping[str, ModelResult]
    points: Mapping[str, tuple[CurvePoint, ...]]
    # Predictions are tens of megabytes, so each file is read once.
    _predictions: dict[tuple[str, str], Predictions | None] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    # Several sections compare the same two models.
    _pairings: dict[tuple[str, str, str], Pairing | None] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    def main_benchmark(self) -> str:
        """What the first sentence is about; "" if nothing is scored."""
        return next(iter(self.run.benchmarks), "")

    def result(self, model: Model, benchmark: str) -> BenchmarkResult | None:
        """A model's result on a benchmark."""
        of_model = self.results.get(model.name)
        return of_model.benchmarks.get(benchmark) if of_model else None

    def predictions(self, model: Model, benchmark: str) -> Predictions | None:
        """A model's predictions on a benchmark, if they were kept and are decisions."""
        key = (model.name, benchmark)
        if key not in self._predictions:
            file = predictions_file(self.run.layout.predictions(model.name), benchmark)
            self._predictions[key] = read_predictions(file)
        return self._predictions[key]

    def answers(self, model: Model, benchmark: str) -> Answers | None:
        """A model's answers, from its result, or from its predictions if the result is old."""
        result = self.result(model, benchmark)
        if result is None:
            return None
        answers = answers_of(result, benchmark, self.results[model.name].rules)
        if answers.items is None and (found := self.predictions(model, benchmark)) is not None:
            parts = by_uid(found.uids, found.correct)
            return replace(answers, parts=(parts,), items=found.digest)
        return answers

    def average(self, model: Model) -> str:
        """What a model's scores are a mean over, in the words of its rules; "" if unknown."""
        of_model = self.results.get(model.name)
        return str(of_model.rules.get("average", "")) if of_model else ""

    def pair(self, ours: Model, theirs: Model, benchmark: str) -> Pairing | None:
        """Ours minus theirs; None if either is not scored on the benchmark."""
        key = (ours.name, theirs.name, benchmark)
        if key not in self._pairings:
            mine, other = (self.answers(model, benchmark) for model in (ours, theirs))
            self._pairings[key] = pair(mine, other) if mine and other else None
        return self._pairings[key]

    def nats_per_word(self, model: Model) -> float | None:
        """Dev cross-entropy in nats per word, as evaluated."""
        of_model = self.results.get(model.name)
        return of_model.dev.nats_per_word if of_model and of_model.dev else None

    def nats_per_character(self, model: Model) -> float | None:
        """The same per character, where the text has no spaces between words."""
        of_model = self.results.get(model.name)
        has_none = of_model and of_model.dev and of_model.dev.nats_per_word is None
        return of_model.dev.nats_per_character if of_model and of_model.dev and has_none else None

    def title(self, benchmark: str) -> str:
        """A benchmark's name, with the part of it that was scored."""
        results = (self.result(model, benchmark) for model in self.run.models)
        found = next((result for result in results if result), None)
        return benchmark if found is None else with_part(benchmark, found)

    def unit(self, benchmark: str) -> str:
        """What a benchmark's scores are in: "" for percent."""
        results = (self.result(model, benchmark) for model in self.run.models)
        unit = next((result.unit for result in results if result), "percent")
        return "" if unit == "percent" else unit

    def chance(self, benchmark: str) -> float | None:
        """The score of chance, if the results have it."""
        results = (self.result(model, benchmark) for model in self.run.models)
        known = (result.chance for result in results if result and result.chance is not None)
        return next(known, None)

    def best_teacher(self, benchmark: str, student: str | None = None) -> Model | None:
        """The teacher with the best score; the first of equals.

        Args:
            student: whose teachers; the recipe's by default.
        """
        recipe = self.run.recipe
        teachers = recipe.teachers_of(student) if student else list(recipe.teachers)
        scored = {
            model.name: (result.score if result.higher_is_better else -result.score)
            for model in self.run.models
            if model.name in teachers and (result := self.result(model, benchmark))
        }
        return self.run.model(max(scored, key=scored.__getitem__)) if scored else None


def scored_run(run: Run) -> ScoredRun:
    """Read the results of a run's models.

    Raises:
        InputError: a result file with a wrong field.
    """
    results = {
        model.name: model_result(
            model.evaluation, str(run.layout.scores(model.name)), name=model.name
        )
        for model in run.models
        if model.evaluation
    }
    points = {name: tuple(_points(run, name)) for name in run.points}
    return ScoredRun(run, results, points)


def _points(run: Run, model: str) -> Iterator[CurvePoint]:
    for point in run.points[model]:
        where = str(run.layout.point(model, point.place.point, point.benchmark))
        result = benchmark_result(point.scores, where, model=model, benchmark=point.benchmark)
        yield CurvePoint(point.benchmark, point.place.words, result)
