"""Scores of checkpoints on the fast subsets, by part, as the pipelines count them."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from babyllama.errors import InputError
from babyllama.evaluation.suites import suite_for
from babyllama.evaluation.suites.choices import Choice, digest
from babyllama.publish.submission.checking import refuse
from babyllama.publish.submission.official import (
    PIQA_LANGUAGE,
    RULES,
    SubmissionFormat,
    ZeroShotBenchmark,
)
from babyllama.publish.submission.predictions import names_nothing
from babyllama.runs.artefact import Facts
from babyllama.scores.decisions import decode_decisions
from babyllama.scores.results import BenchmarkResult, ModelResult

Results = Mapping[str, BenchmarkResult]  # by benchmark


def checkpoint_results(results: Sequence[ModelResult], model: str) -> dict[str, Results]:
    """A model's results at its checkpoints, by the checkpoint's name.

    A result is named after its checkpoint, `chck_1M` or `distilled/chck_1M`. The latter counts
    only for the model `distilled`.

    Raises:
        InputError: scored by other rules than the pipelines'; two different scores of one
            checkpoint.
    """
    found: dict[str, dict[str, BenchmarkResult]] = {}
    for result in results:
        *owner, step = result.model.split("/")
        if not step.startswith("chck_") or (owner and owner[-1] != model):
            continue
        _refuse_other_rules(result)
        for name, scores in result.benchmarks.items():
            earlier = found.setdefault(step, {}).setdefault(name, scores)
            if earlier.score != scores.score:
                raise InputError(
                    f"{result.model} has two scores on {name}: {earlier.score:.2f} and "
                    f"{scores.score:.2f}",
                    why="Results are told apart by the name of the checkpoint.",
                    mend="Give --results of one model only, scored once.",
                )
    return dict(found)


def _refuse_other_rules(result: ModelResult) -> None:
    rules = result.rules.get("name")
    if rules != RULES:
        raise InputError(
            f"{result.model} was scored by the rules {rules}",
            why=f"The pipelines score as --rules {RULES} does.",
            mend=f"Score it again: babyllama evaluate FOLDER --rules {RULES} --out FILE.json ...",
        )


def fast_results(
    steps: Sequence[str],
    year_format: SubmissionFormat,
    by_step: Mapping[str, Results],
    data: Mapping[str, Path],
) -> Facts:
    """For each fast benchmark the scores at each checkpoint, between 0 and 1; null without one.

    Args:
        data: the benchmarks' data. 2026 drops items of entity tracking by their texts, which
            results do not hold.

    Raises:
        InputError: a part has the wrong number of items or is not in the subset (lists all of
            these), or the data are not those that were scored.
    """
    found: Facts = {}
    problems: list[str] = []
    for benchmark in year_format.zero_shot:
        if not benchmark.our_fast_names:
            continue
        filtered = None if year_format.keeps_nothing else data.get("entity_tracking")
        each_step = [
            _parts(benchmark, by_step.get(step, {}), year_format, filtered) for step in steps
        ]
        for step, parts in zip(steps, each_step, strict=True):
            problems += [f"{step}: {each}" for each in _wrong_sizes(benchmark, parts)]
        found[benchmark.key] = [
            parts and {part: score for part, (score, _) in parts.items()} for parts in each_step
        ]
    refuse(
        problems,
        f"scores of checkpoints are not of the fast subsets of BabyLM {year_format.year}",
        "Score the checkpoints on the files of evaluation_data/fast_eval, all items.",
    )
    return found


Part = tuple[float, int]  # the share of right answers (or the score / 100), and the items


def _parts(
    benchmark: ZeroShotBenchmark,
    results: Results,
    year_format: SubmissionFormat,
    data: Path | None,
) -> dict[str, Part] | None:
    """The score and the number of items of each part; None if the benchmark was not scored."""
    names = benchmark.our_fast_names
    result = next((results[name] for name in names if name in results), None)
    if result is None:
        return None
    if benchmark.key == "reading":
        parts = result.aggregates
        scores = (parts["self_paced"], parts["eye_tracking"])
        return {
            part: (score / 100, result.n or 0)
            for part, score in zip(benchmark.fast_parts, scores, strict=True)
        }
    if benchmark.key in ("wug_adj", "wug_past"):
        return {benchmark.key: (result.score / 100, result.n or 0)}
    if benchmark.is_by_example:
        english = result.subtasks.get(PIQA_LANGUAGE)
        return {} if english is None else {benchmark.key: (result.score / 100, result.n or 0)}
    if names == ("entity_tracking",):
        return _entity_parts(benchmark, result, year_format, data)
    return {
        part: (each.score / 100, each.n or len(each.decisions or ""))
        for part, each in result.subtasks.items()
        if each.score is not None
    }


def _entity_parts(
    benchmark: ZeroShotBenchmark,
    result: BenchmarkResult,
    year_format: SubmissionFormat,
    data: Path | None,
) -> dict[str, Part]:
    """The parts of the fast subset, which is a part of the full set; the others are left out."""
    kept = None if year_format.keeps_nothing else _kept_items(result, data)
    parts: dict[str, Part] = {}
    for part in benchmark.fast_sizes:
        if part not in result.subtasks:
            continue
        credits_ = decode_decisions(result.subtasks[part].decisions or "")
        if kept is not None and len(credits_) == len(kept[part]):
            credits_ = credits_[kept[part]]
        parts[part] = (float(credits_.mean()) if len(credits_) else 0.0, len(credits_))
    return parts


def _kept_items(
    result: BenchmarkResult, data: Path | None
) -> dict[str, Bool[np.ndarray, " items"]]:
    """By part, which items have no option with `nothing`.

    Results of the fast subset are found in the full data, too: it is their file `regular`.
    """
    if data is None:
        raise InputError(
            "2026 leaves out items of entity tracking by their texts, which results do not hold",
            why="Its authors ask for no public copies.",
            mend="Give the data that were scored: --benchmark entity_tracking=PATH",
        )
    choices: list[Choice] = suite_for("entity_tracking").read(data)
    regular = [choice for choice in choices if choice.group == "regular"]
    scored = next((each for each in (choices, regular) if digest(each) == result.items), None)
    if scored is None:
        raise InputError(
            f"scores of checkpoints on entity_tracking are not of {data}",
            mend="Give the data that were scored: --benchmark entity_tracking=PATH",
        )
    kept: dict[str, list[bool]] = {}
    for choice in scored:
        kept.setdefault(choice.uid, []).append(not names_nothing(choice))
    return {part: np.array(each) for part, each in kept.items()}


def _wrong_sizes(benchmark: ZeroShotBenchmark, parts: Mapping[str, Part] | None) -> Iterator[str]:
    if parts is None:
        return
    key = benchmark.key
    expected = benchmark.fast_parts
    given = {part.lower(): size for part, (_, size) in parts.items()}
    yield from (f"{key}: no {part}" for part in expected if part not in given)
    for part, size in given.items():
        if part not in expected:
            yield f"{key}: unknown part {part}"
        elif size != expected[part]:
            yield f"{key}: {part} has {size:,} items, not {expected[part]:,}"
