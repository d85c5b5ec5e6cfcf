"""Result files as plain data: what each model or recipe scored, and what that is made of."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from babyllama.errors import InputError
from babyllama.runs import artefact
from babyllama.runs.artefact import Facts
from babyllama.scores.certainty import RESAMPLES, Credits, decode_decisions

Parts = Mapping[str, Credits]
_WRITE_ONE = "Write one: babyllama evaluate MODEL --benchmark blimp=PATH --out MODEL.json"


@dataclass(frozen=True)
class Answers:
    """How one model or recipe did on one benchmark.

    Attributes:
        facts: as written; those of the first seed.
        scores: of each seed, in the benchmark's unit.
        parts: of each seed, UID to what each item counts; None where no decisions are written.
        replicates: the score on each resample: a row a seed, or a row for the seeds' mean.
        items: the items' digest; None where it is not written or the seeds' differ.
    """

    facts: Facts
    scores: Float64[np.ndarray, " seeds"]
    parts: tuple[Parts, ...] | None
    replicates: Float64[np.ndarray, "rows resamples"] | None
    items: str | None

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
    rules: Facts
    answers: Mapping[str, Answers]


@dataclass(frozen=True)
class _Result:
    """One model's part of a file, and where it stands."""

    where: str
    model: str
    rules: Facts
    benchmarks: Mapping[str, Any]


def read_entrants(paths: Sequence[Path]) -> list[Entrant]:
    """The models of each file, in order, and one recipe for each folder.

    Models of the same name are told apart by their paths.

    Raises:
        InputError: a path that is not there, no JSON, no results, damaged scores or decisions, a
            folder that holds different models, fewer than two to compare.
    """
    found = [(path, entrant) for path in paths for entrant in _entrants(path)]
    if len(found) < 2:
        raise InputError(
            f"{paths[0]} holds one model, {found[0][1].name}, and there is nothing to compare with",
            mend="Name two files, or a file with several models: babyllama compare A.json B.json",
        )
    names = [entrant.name for _, entrant in found]
    entrants = [
        Entrant(str(path), entrant.rules, entrant.answers) if names.count(entrant.name) > 1
        else entrant
        for path, entrant in found
    ]  # fmt: skip
    told = [entrant.name for entrant in entrants]
    twice = next((name for name in told if told.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{twice} is named twice", why="A model does not differ from itself.")
    return entrants


def _entrants(path: Path) -> Iterator[Entrant]:
    if path.is_dir():
        yield _recipe(path)
    else:
        for result in _results(path):
            answers = {name: _answers(facts, result, name)
                       for name, facts in result.benchmarks.items()}  # fmt: skip
            yield Entrant(result.model, result.rules, answers)


def _recipe(folder: Path) -> Entrant:
    """The seeds of one recipe: a file a seed."""
    if artefact.read_manifest(folder) is not None:
        raise InputError(
            f"{folder} is a stage of a run: its files are different models, not seeds of one",
            why="A folder stands for one recipe, a file a seed.",
            mend=f"Name the files: babyllama compare {folder}/twin.json {folder}/distilled.json",
        )
    results = [each for path in sorted(folder.glob("*.json")) for each in _one(path)]
    if not results:
        raise InputError(f"{folder} holds no *.json with results", mend=_WRITE_ONE)
    for other in results[1:]:
        if other.rules.get("name") != results[0].rules.get("name"):
            raise InputError(
                f"{other.where} is scored by the rules {other.rules.get('name')}, "
                f"{results[0].where} by {results[0].rules.get('name')}",
                why="Seeds of one recipe compare only under the same rules.",
                mend="Evaluate all of them with the same --rules.",
            )
    shared = [
        name for name in results[0].benchmarks if all(name in each.benchmarks for each in results)
    ]
    answers = {
        name: _joined([_answers(each.benchmarks[name], each, name) for each in results])
        for name in shared
    }
    return Entrant(folder.resolve().name, results[0].rules, answers)


def _one(path: Path) -> list[_Result]:
    found = _results(path)
    if len(found) > 1:
        raise InputError(
            f"{path} holds {len(found)} models, and stands in a folder of one recipe's seeds",
            why="A folder stands for one recipe, a file a seed.",
            mend="Evaluate the seeds one by one, each with its own --out.",
        )
    return found


def _joined(seeds: Sequence[Answers]) -> Answers:
    """Seeds' answers as one recipe's; seeds of fine-tuning within a file count as their mean."""
    parts = [each.parts for each in seeds if each.parts is not None]
    replicates = [each.replicates for each in seeds if each.replicates is not None]
    digests = {each.items for each in seeds}
    return Answers(
        facts=seeds[0].facts,
        scores=np.array([each.score for each in seeds]),
        parts=tuple(map(_mean_parts, parts)) if len(parts) == len(seeds) else None,
        replicates=(
            np.stack([each.mean(axis=0) for each in replicates])
            if len(replicates) == len(seeds)
            else None
        ),
        items=digests.pop() if len(digests) == 1 else None,
    )


def _mean_parts(seeds: Sequence[Parts]) -> Parts:
    return {uid: np.mean([each[uid] for each in seeds], axis=0) for uid in seeds[0]}


# --- one file ---------------------------------------------------------------------------------


def _results(path: Path) -> list[_Result]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"there is no {path}", mend=_WRITE_ONE) from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:  # neither JSON nor UTF-8
        raise InputError(
            f"{path} is not JSON: {error}",
            why="Results are what `babyllama evaluate --out` and `babyllama finetune --out` write.",
        ) from None
    several = isinstance(found, dict) and "benchmarks" not in found
    named = found.items() if several else [(path.stem, found)]
    results = [_result(str(path), name, each) for name, each in named if _is_result(each)]
    if not results or len(results) < len(named):
        raise InputError(
            f"{path} holds no results" if not results else f"{path} holds more than results",
            why="A result file has `model`, `rules` and `benchmarks`, or a model's name before "
            "each of several.",
            mend=_WRITE_ONE,
        )
    return results


def _is_result(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("benchmarks"), dict)


def _result(path: str, name: str, found: Facts) -> _Result:
    rules = found.get("rules")
    return _Result(
        where=path,
        model=str(found.get("model", name)),
        rules=rules if isinstance(rules, dict) else {},
        benchmarks=found["benchmarks"],
    )


def _answers(facts: Any, result: _Result, benchmark: str) -> Answers:
    where = f"{result.where}: {result.model}, {benchmark}"
    if not isinstance(facts, dict):
        raise InputError(f"{where} is {facts!r}", why="A benchmark's result has a `score`.")
    seeds = _tree(facts, "seeds", where)
    scores = [_number(each, where) for each in seeds.values()] or [_number(facts, where)]
    return Answers(
        facts=facts,
        scores=np.array(scores, dtype=np.float64),
        parts=_parts(facts, seeds, where, benchmark),
        replicates=_replicates(facts, where),
        items=facts.get("items"),
    )


def _tree(facts: Facts, key: str, where: str) -> dict[str, Facts]:
    """What stands under a key, by seed or UID; nothing where the key is not there."""
    found = facts.get(key) or {}
    if not isinstance(found, dict) or not all(isinstance(each, dict) for each in found.values()):
        raise InputError(f"{where}: {key} is {str(found)[:50]}", mend="Evaluate this model again.")
    return found


def _replicates(facts: Facts, where: str) -> Float64[np.ndarray, "1 resamples"] | None:
    found = facts.get("replicates")
    if found is None:
        return None
    are_numbers = isinstance(found, list) and all(isinstance(x, int | float) for x in found)
    if not are_numbers or len(found) != RESAMPLES or not np.isfinite(found).all():
        raise InputError(
            f"{where}: replicates are no {RESAMPLES} finite numbers",
            why="Two models pair on resamples of the same items.",
            mend="Evaluate this model again.",
        )
    return np.array([found], dtype=np.float64)


def _number(facts: Facts, where: str) -> float:
    value = facts.get("score")
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(
            f"{where}: score is {value}",
            why="Only finite numbers compare.",
            mend="Evaluate this model again.",
        )
    return float(value)


def _parts(
    facts: Facts, seeds: Mapping[str, Facts], where: str, benchmark: str
) -> tuple[Parts, ...] | None:
    """What each item counts, of each seed; fine-tuning writes decisions by seed."""
    rows = [_tree(facts, "subtasks", where)]
    if seeds:
        is_share = facts.get("metric") == "accuracy"  # else the score is no mean of decisions
        rows = [{benchmark: each} for each in seeds.values()] if is_share else []
    if not rows or not all(row and all("decisions" in e for e in row.values()) for row in rows):
        return None
    return tuple(
        {uid: _decisions(each["decisions"], f"{where}, {uid}") for uid, each in row.items()}
        for row in rows
    )


def _decisions(text: Any, where: str) -> Credits:
    try:
        decided = decode_decisions(str(text))
    except ValueError as error:
        raise InputError(f"{where}: {error}", mend="Evaluate this model again.") from None
    if not len(decided):
        raise InputError(f"{where}: there are no decisions", mend="Evaluate this model again.")
    return decided
