"""For scripts and notebooks: make and open runs, score and compare models.

`import babyllama` offers these names. Each function calls the same code as the command of the same
name. Values are plain objects, lists of dicts, and pandas frames on request.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from babyllama.errors import InputError
from babyllama.recipe import EQUAL_WEIGHTS, Mixing, Recipe, RulesName, load_recipe
from babyllama.recipe.names import ENSEMBLE
from babyllama.runs import run as runs
from babyllama.runs.layout import default_folder
from babyllama.scores.compare import compare as compare_results
from babyllama.scores.differences import Correction
from babyllama.scores.results import ModelResult, model_result

if TYPE_CHECKING:
    from pandas import DataFrame
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

Place = str | PathLike[str]


class Rows(list[dict[str, Any]]):
    """Plain rows: a list of dicts."""

    def frame(self) -> "DataFrame":
        """The rows as a pandas frame.

        Raises:
            InputError: pandas is not installed.
        """
        try:
            from pandas import DataFrame
        except ModuleNotFoundError as error:
            raise InputError(
                f"frame() needs pandas, which is not installed: module {error.name} not found",
                why="It is an optional dependency; the rows themselves are lists of dicts.",
                mend="Run: pip install 'babyllama[pandas]'",
            ) from None

        return DataFrame(self)


@dataclass(frozen=True)
class Model:
    """A model of a run: a teacher, a student, its twin, or the teachers' ensemble.

    Attributes:
        folder: an ordinary Hugging Face folder; None for the ensemble.
        facts: what its training recorded: parameters, steps, words_seen, dev_cross_entropy, flops;
            empty until it is trained.
        result: its scores; None until it is evaluated.
    """

    name: str
    role: Literal["teacher", "ensemble", "student", "twin", "untrained"]
    folder: Path | None
    facts: Mapping[str, Any]
    result: ModelResult | None

    def load(self) -> "PreTrainedModel":
        """The model itself, in float32, without dropout and gradients.

        Raises:
            InputError: its folder is damaged. ValueError: the ensemble is not one model (see
                `Ensemble.load`), and untrained weights are not kept.
        """
        from babyllama.models.loading import load_model

        return load_model(self._own_folder())

    def tokenizer(self) -> "PreTrainedTokenizerFast":
        """The tokenizer that the model's folder holds."""
        from babyllama.data.tokenizer import load_tokenizer

        return load_tokenizer(self._own_folder())

    def _own_folder(self) -> Path:
        if self.role == "untrained":
            raise ValueError("untrained weights are not kept, only their scores")
        if self.folder is None:
            raise ValueError(f"{self.name} has several models: babyllama.Ensemble.load(*folders)")
        return self.folder


class Run:
    """The finished parts of a run's folder, opened for reading.

    The folder is read once; open it again to see newer results.

    Raises:
        InputError: not a run, or nothing in it is finished.
    """

    def __init__(self, folder: Place) -> None:
        self._contents = runs.read_run(Path(folder))
        self.folder = self._contents.folder
        self.recipe: Recipe = self._contents.recipe

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r}: {', '.join(self.models)})"

    @cached_property
    def models(self) -> dict[str, Model]:
        """Every model by name: teachers, ensemble, students, and random weights if scored."""
        return {each.name: self._model(each) for each in self._contents.models}

    @cached_property
    def scores(self) -> Rows:
        """A row for each model and benchmark: score, 95% interval, items, unit, chance."""
        return Rows(row for model in self.models.values() for row in _score_rows(model))

    @cached_property
    def curves(self) -> Rows:
        """A row for each logged step (split `train`) and each epoch's end (split `dev`).

        Cross-entropy is in nats per token.
        """
        rows = Rows()
        for each in self._contents.models:
            if each.curve is not None:
                rows += _curve_rows(each.name, each.curve)
        return rows

    @property
    def report(self) -> Path | None:
        """The finished report's page."""
        page = self._contents.layout.page
        return page if page.is_file() else None

    def _model(self, found: runs.Model) -> Model:
        layout = self._contents.layout
        folder = layout.models(self.recipe).get(found.name)
        where = str(layout.scores(found.name))
        result = (
            model_result(found.evaluation, where, name=found.name) if found.evaluation else None
        )
        return Model(found.name, found.role, folder, found.facts, result)


def run(
    recipe: Recipe | str,
    folder: Place | None = None,
    *,
    until: str | None = None,
    jobs: int | None = None,
) -> Run:
    """Make every stage of a run that is not complete, and open the run.

    Args:
        recipe: from `load_recipe`, or a built-in recipe's name or a YAML file's path.
        folder: the run's; runs/NAME by default.
        until: the last stage to make, such as "teachers"; all by default.
        jobs: how many stages to make at a time at most, each in a process of its own; by default
            as many as the machine has room for. It does not change the result.

    Raises:
        InputError: what is wrong with the input, before any long work starts.
        Interrupted: after Ctrl-C, with everything saved; the same call resumes.
    """
    from babyllama.pipeline.run import run as make

    loaded = load_recipe(recipe) if isinstance(recipe, str) else recipe
    place = default_folder(loaded.name) if folder is None else Path(folder)
    make(loaded, place, until=until, jobs=jobs)
    return Run(place)


class Study:
    """A study's folder, opened for reading, finished or not.

    Attributes:
        answer: what it shows, in a sentence or two.
        values: a row for each model of each finished trial and each measure.
        comparisons: a row for each declared comparison and measure: difference, 95% interval,
            p, adjusted p and verdict.
        missing: a row for each trial that is not finished, with the reason.

    Raises:
        InputError: no study, or a result that cannot be read.
    """

    def __init__(self, folder: Place) -> None:
        from babyllama.runs.layout import STUDY
        from babyllama.studies.report import page, read_findings, rows
        from babyllama.studies.study import load_study

        self.folder = Path(folder)
        if not (self.folder / STUDY).is_file():
            raise InputError(f"{folder} holds no study", mend="Make one: babyllama study demo")
        found = read_findings(load_study(str(self.folder / STUDY)), self.folder)
        self.answer = page.answer_of(found)
        self.values = Rows(rows.rows_of(found.outcomes, found.cells))
        self.comparisons = Rows(rows.rows_of_comparisons(found))
        self.missing = Rows(
            {"cell": each.cell, "seed": each.seed, "why": each.why} for each in found.missing
        )

    def __repr__(self) -> str:
        return f"Study({str(self.folder)!r}: {self.answer})"


def study(
    name: str,
    folder: Place | None = None,
    *,
    scale: str | None = None,
    seeds: int | None = None,
    settings: Sequence[str] = (),
    store: Place | None = None,
    jobs: int | None = None,
) -> Study:
    """Make what a study lacks, write its report, and open it.

    Args:
        name: a built-in study's, a YAML file's path, or a study's folder.
        folder: the study's; by default studies/NAME, or the folder that `name` is.
        scale: another base recipe.
        seeds: another number of seeds.
        settings: changes of the base recipe, such as "corpus.source.path=text".
        store: a folder that several studies share: what one has made, the others have.
        jobs: how many things to make at a time at most.

    Returns:
        the study; what could not be made is in its `missing`.

    Raises:
        InputError: what is wrong with the input, before any long work starts.
        Interrupted: after Ctrl-C, with everything saved; the same call resumes.
    """
    from babyllama.studies.report import write_study_report
    from babyllama.studies.running import run_study
    from babyllama.studies.study import default_folder_of, load_study

    loaded = load_study(name, scale=scale, seeds=seeds, settings=settings)
    place = default_folder_of(loaded, name) if folder is None else Path(folder)
    run_study(loaded, place, jobs=jobs, store=None if store is None else Path(store))
    write_study_report(loaded, place)
    return Study(place)


def evaluate(
    models: Place | Sequence[Place],
    benchmarks: Mapping[str, Place],
    *,
    rules: RulesName = "honest",
    name: str | None = None,
    mixing: Mixing = EQUAL_WEIGHTS,
    predictions: Place | None = None,
) -> ModelResult:
    """Score a model folder, or the ensemble of several, on benchmarks.

    Args:
        models: one folder, or a list of them that is scored as an ensemble.
        benchmarks: a suite's name, or one of your own for minimal pairs, to its data.
        rules: which scoring rules.
        name: the model's name in the result; its folder's name by default.
        mixing: how an ensemble is averaged; the mean of the logits by default.
        predictions: a folder for BENCHMARK.jsonl, with one line per item.

    Returns:
        what `babyllama evaluate --out` writes: `result.benchmarks["blimp"].score` and so on;
        `result.measures` of models of a run.

    Raises:
        InputError: models or benchmarks that cannot be read or scored.
    """
    from babyllama.evaluation.evaluate import evaluate as score
    from babyllama.evaluation.measures.in_run import known_text

    if isinstance(models, str | PathLike):
        folders, default_name = [Path(models)], Path(models).resolve().name
    else:
        folders, default_name = [Path(each) for each in models], ENSEMBLE
    found = score(
        folders,
        {each: Path(path) for each, path in benchmarks.items()},
        name=name or default_name,
        rules=rules,
        mixing=mixing,
        predictions=None if predictions is None else Path(predictions),
    )
    known = known_text(folders)
    return found.with_measures(known.measures(folders, mixing)) if known else found


@dataclass(frozen=True)
class Compared:
    """A baseline against other models.

    Attributes:
        sentences: the findings in words.
        rows: a row for each model and benchmark: difference, interval, test, p value; and the same
            by UID under `subtasks`.
    """

    sentences: tuple[str, ...]
    rows: Rows

    def __str__(self) -> str:
        return "\n".join(self.sentences)


def compare(
    baseline: ModelResult | Model | Place,
    *others: ModelResult | Model | Place,
    correction: Correction = "holm",
) -> Compared:
    """Compare a baseline with other models, item by item where they answered the same items.

    Args:
        baseline, others: results of `evaluate`, evaluated models of a `Run`, result files, or
            folders of result files, each folder the seeds of one recipe.
        correction: for many comparisons: Holm, or Benjamini and Hochberg.

    Raises:
        InputError: nothing to compare with, a model without scores, files that cannot be read,
            different rules, no benchmark in common.
    """
    from babyllama.report.comparisons import as_data, cautions, sentences

    found = compare_results(
        [_result_of(each) for each in (baseline, *others)], correction=correction
    )
    words = (*sentences(found), *cautions(found, correction))
    return Compared(words, Rows(as_data(found)))


def _result_of(source: ModelResult | Model | Place) -> ModelResult | Path:
    if isinstance(source, ModelResult):
        return source
    if not isinstance(source, Model):
        return Path(source)
    if source.result is None:
        raise InputError(f"{source.name} has no scores", mend="Finish its run, or evaluate it.")
    return source.result


def _score_rows(model: Model) -> Iterator[dict[str, Any]]:
    who = {"model": model.name, "role": model.role}
    for name, found in model.result.benchmarks.items() if model.result else ():
        low, high = found.interval or (None, None)
        yield {
            **who, "benchmark": name, "score": found.score, "low": low, "high": high,
            "items": found.n, "unit": found.unit, "chance": found.chance,
        }  # fmt: skip


def _curve_rows(model: str, curve: runs.Curve) -> Iterator[dict[str, Any]]:
    for split, epochs, values in (
        ("train", curve.epochs, curve.cross_entropy),
        ("dev", curve.dev_epochs, curve.dev_cross_entropy),
    ):
        for epoch, value in zip(epochs.tolist(), values.tolist(), strict=True):
            yield {"model": model, "split": split, "epoch": epoch, "cross_entropy": value}
