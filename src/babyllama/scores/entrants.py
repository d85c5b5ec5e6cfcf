"""What is compared: models, or recipes with several seeds, and how they did on each benchmark."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from jaxtyping import Float64

from babyllama.errors import InputError, command
from babyllama.runs import manifests
from babyllama.scores.decisions import Parts, decisions_of
from babyllama.scores.of_run import models_of_run, scores_in_run
from babyllama.scores.results import BenchmarkResult, ModelResult, read_results


@dataclass(frozen=True)
class Answers:
    """How one entrant did on one benchmark.

    Attributes:
        result: as written; that of the first seed.
        scores: of each seed, in the benchmark's unit.
        parts: of each seed, UID to what each item counts; None where no decisions are written.
        replicates: the score on each resample: a row per seed, or one row for the seeds' mean.
        items: a digest of the items; None if it is missing or differs between seeds.
        average: of the rules, in words: what the score is a mean over.
    """

    result: BenchmarkResult
    scores: Float64[np.ndarray, " seeds"]
    parts: tuple[Parts, ...] | None
    replicates: Float64[np.ndarray, "rows resamples"] | None
    items: str | None
    average: str = ""

    @property
    def score(self) -> float:
        """The mean over seeds."""
        return float(self.scores.mean())


@dataclass(frozen=True)
class Entrant:
    """A model, or the seeds of one recipe.

    Attributes:
        rules: whose scoring rules, as the file repeats them.
        answers: by benchmark.
    """

    name: str
    rules: Mapping[str, Any]
    answers: Mapping[str, Answers]


@dataclass(frozen=True)
class NamedSource:
    """A source with a name of the user's own."""

    name: str
    path: Path


Source = Path | NamedSource | ModelResult


def read_entrants(sources: Sequence[Source]) -> list[Entrant]:
    """The models of each file, in order, and one recipe for each folder.

    Models of the same name are called by their paths, and so are models of several runs.

    Args:
        sources: result files, folders of them, runs (their main student), models of runs, or
            results that are in memory.

    Raises:
        InputError: what `read_results` raises, a folder that holds different models, fewer than
            two entrants, one of them twice.
    """
    found = [(source, entrant) for source in sources for entrant in _entrants(source)]
    if len(found) < 2:
        _refuse_alone(sources[0], found[0][1].name)
    names = [entrant.name for _, entrant in found]
    evaluations = [_evaluation_of(source) for source in sources]
    has_several_runs = len({each for each in evaluations if each}) > 1
    in_runs = {source for source, each in zip(sources, evaluations, strict=True) if each}
    entrants = [
        replace(entrant, name=str(source))
        if isinstance(source, Path)
        and (names.count(entrant.name) > 1 or (has_several_runs and source in in_runs))
        else entrant
        for source, entrant in found
    ]
    names = [entrant.name for entrant in entrants]
    duplicate = next((name for name in names if names.count(name) > 1), None)
    if duplicate is not None:
        raise InputError(
            f"{duplicate} is given twice",
            why="A model does not differ from itself.",
            mend="Leave one of the two out.",
        )
    return entrants


def _evaluation_of(source: Source) -> Path | None:
    """The folder of scores of the run that a path is, or belongs to; None of other sources."""
    scores = scores_in_run(source) if isinstance(source, Path) and source.is_dir() else None
    return scores and scores.parent


def _refuse_alone(source: Source, name: str) -> NoReturn:
    """Refuse a single model; of a run, name two of its models to compare."""
    place = source.path if isinstance(source, NamedSource) else source
    shown = place if isinstance(place, Path) else "the result"
    if isinstance(place, Path) and len(models := models_of_run(place)) > 1:
        raise InputError(
            f"{shown} stands for its model {name} alone: nothing to compare it with",
            mend="Name a second run or model; to compare two of its models, for example: "
            f"{command('compare', *reversed(models[-2:]))}",
        )
    raise InputError(
        f"{shown} holds one model, {name}: nothing to compare it with",
        mend="Name two files, or a file with several models: babyllama compare A.json B.json",
    )


def answers_of(
    result: BenchmarkResult, benchmark: str, rules: Mapping[str, Any] | None = None
) -> Answers:
    """One model's answers, from its result; of a fine-tuning, a score for each seed.

    Args:
        rules: by which it was scored, as the result file repeats them.
    """
    scores = [each.score for each in result.seeds.values()] or [result.score]
    return Answers(
        result=result,
        scores=np.array(scores, dtype=np.float64),
        parts=decisions_of(result, benchmark),
        replicates=None if result.replicates is None else np.array([result.replicates]),
        items=result.items,
        average=str((rules or {}).get("average", "")),
    )


def _entrants(source: Source) -> Iterator[Entrant]:
    if isinstance(source, NamedSource):
        found = [*_entrants(source.path)]
        if len(found) > 1:
            raise InputError(
                f"{source.path} holds {len(found)} models, but gets one name: {source.name}",
                mend="Give it without a name, or a file of one model.",
            )
        yield replace(found[0], name=source.name)
    elif isinstance(source, Path) and source.is_dir() and (scores := scores_in_run(source)):
        yield from _entrants(scores)
    elif isinstance(source, Path) and source.is_dir():
        yield _recipe(source)
    else:
        for result in read_results(source) if isinstance(source, Path) else [source]:
            answers = {
                name: answers_of(each, name, result.rules)
                for name, each in result.benchmarks.items()
            }
            yield Entrant(result.model, result.rules, answers)


def _recipe(folder: Path) -> Entrant:
    """The seeds of one recipe: one file for each."""
    if (folder / "config.json").is_file():
        raise InputError(
            f"{folder} is a model, and it has no scores",
            mend=f"Score it: {command('evaluate', folder)} --benchmark NAME=PATH --out FILE.json",
        )
    if manifests.read_manifest(folder) is not None:
        found = [file for file in sorted(folder.glob("*.json")) if file.name != manifests.MANIFEST]
        raise InputError(
            f"{folder} is a stage of a run: its files are different models, not seeds of one",
            why="A folder holds the seeds of one recipe, one file for each.",
            mend=f"Name two of its files: {command('compare', *found[:2])}" if found[1:] else "",
        )
    seeds = [(file, _only_model(file)) for file in sorted(folder.glob("*.json"))]
    if not seeds:
        raise InputError(
            f"{folder} has no *.json file with results",
            mend="Write one: babyllama evaluate MODEL --benchmark blimp=PATH --out MODEL.json",
        )
    _refuse_mixed_rules(seeds)
    first, *others = (result for _, result in seeds)
    shared = [name for name in first.benchmarks if all(name in each.benchmarks for each in others)]
    answers = {
        name: joined_seeds(
            [answers_of(result.benchmarks[name], name, result.rules) for _, result in seeds]
        )
        for name in shared
    }
    return Entrant(folder.resolve().name, first.rules, answers)


def _only_model(file: Path) -> ModelResult:
    found = read_results(file)
    if len(found) > 1:
        raise InputError(
            f"{file} holds {len(found)} models, but its folder holds the seeds of one recipe",
            why="A folder holds the seeds of one recipe, one file for each.",
            mend="Evaluate the seeds one by one, each with its own --out.",
        )
    return found[0]


def _refuse_mixed_rules(seeds: Sequence[tuple[Path, ModelResult]]) -> None:
    (first_file, first), *others = seeds
    for file, result in others:
        if result.rules.get("name") != first.rules.get("name"):
            raise InputError(
                f"{file} is scored by the rules {result.rules.get('name')}, "
                f"{first_file} by {first.rules.get('name')}",
                why="Seeds of one recipe compare only under the same rules.",
                mend="Evaluate all of them with the same --rules.",
            )


def joined_seeds(seeds: Sequence[Answers]) -> Answers:
    """Seeds' answers as one recipe's; seeds of fine-tuning within a file count as their mean."""
    parts = [each.parts for each in seeds if each.parts is not None]
    replicates = [each.replicates for each in seeds if each.replicates is not None]
    digests = {each.items for each in seeds}
    return Answers(
        result=seeds[0].result,
        scores=np.array([each.score for each in seeds]),
        parts=tuple(map(_mean_parts, parts)) if len(parts) == len(seeds) else None,
        replicates=(
            np.stack([each.mean(axis=0) for each in replicates])
            if len(replicates) == len(seeds)
            else None
        ),
        items=digests.pop() if len(digests) == 1 else None,
        average=seeds[0].average,
    )


def _mean_parts(seeds: Sequence[Parts]) -> Parts:
    return {uid: np.mean([each[uid] for each in seeds], axis=0) for uid in seeds[0]}
