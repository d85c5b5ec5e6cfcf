"""What a task's predictions become: a benchmark's result, and the lines of a submission."""

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from babyllama.evaluation.finetuning.data import examples_digest
from babyllama.evaluation.finetuning.scores import scores_of
from babyllama.evaluation.finetuning.tasks import SUITES, Task
from babyllama.runs.files import write_atomically
from babyllama.runs.layout import predictions_file
from babyllama.scores.certainty import Z
from babyllama.scores.results import (
    BenchmarkResult,
    Interval,
    ModelResult,
    Number,
    Score,
    SeedScore,
    Written,
)

if TYPE_CHECKING:
    from babyllama.evaluation.finetuning.encoding import EncodedTask


class Majority(Written):
    """The score of predicting the training set's most frequent label for every row."""

    label: int
    score: Number


class SeedResult(SeedScore):
    """One seed's score, and which of its epochs was chosen.

    Attributes:
        metrics: accuracy, F1 and Matthews correlation, in percent.
        chosen: the best of `looks`, the evaluations on the choosing rows.
    """

    metrics: Mapping[str, Number]
    chosen: Any
    looks: Any
    updates: Any


class TaskResult(BenchmarkResult):
    """A model's result on one task; its subtasks are its seeds.

    Attributes:
        metrics: as in `SeedResult`, but the mean over seeds.
        seeds_sd, seeds_interval: over other seeds, the rows as they are; with several seeds only.
        selection: how many rows chose and scored the model, and how they were split.
        notes: what a reader should know of the data or of the predictions.
        rows: how many there are, and how many were cut to how many tokens.
    """

    metric: Literal["accuracy", "f1", "mcc"]
    majority: Majority
    metrics: Mapping[str, Number]
    seeds: Mapping[str, SeedResult]
    seeds_sd: Number | None = None
    seeds_interval: Interval | None = None
    selection: Mapping[str, Any]
    settings: Mapping[str, Any]
    notes: Sequence[str]
    rows: Mapping[str, Any]
    files: Mapping[str, str]


class Average(Score):
    """The plain mean over the named tasks."""

    tasks: Sequence[str]


class FinetuningResult(ModelResult):
    """A model's result file, with the field's headlines."""

    benchmarks: Mapping[str, TaskResult]
    averages: Mapping[str, Average] = Field(default_factory=dict)


def benchmark(encoded: "EncodedTask", found: Mapping[int, Mapping[str, Any]]) -> TaskResult:
    """A task's result, from its finished parts by seed."""
    data = encoded.data
    task, chosen_rows = data.task, data.selected
    scored = [data.validation[row] for row in chosen_rows.scoring]
    majority, _ = Counter(example.label for example in data.train).most_common(1)[0]
    guesses = {
        seed: [part["predictions"][row] for row in chosen_rows.scoring]
        for seed, part in found.items()
    }
    scores = scores_of(
        [example.label for example in scored],
        guesses,
        metric=data.settings.score or task.metric,
        classes=len(task.labels),
        majority=majority,
    )
    for seed, part in found.items():
        scores["seeds"][str(seed)] |= {
            "chosen": part["chosen"], "looks": part["looks"], "updates": part["updates"]
        }  # fmt: skip
    return TaskResult(
        **scores,
        items=examples_digest(scored),
        selection={
            "choosing_rows": len(chosen_rows.choosing),
            "scoring_rows": len(chosen_rows.scoring),
            "words": chosen_rows.description,
        },
        settings=data.settings.model_dump(mode="json"),
        notes=[
            *([data.note] if data.note else []),
            *cut_rows(encoded),
            *_chosen_from_one(found),
            *_constant(guesses, task),
        ],
        rows={
            "train": len(data.train),
            "validation": len(data.validation),
            "max_length": encoded.max_length,
            "cut": {"train": encoded.train.truncated, "validation": encoded.validation.truncated},
        },
        files={"train": str(data.files.train), "validation": str(data.files.validation)},
    )


def cut_rows(encoded: "EncodedTask") -> list[str]:
    """How many rows are longer than the limit; empty if none is."""
    data, train, validation = encoded.data, encoded.train.truncated, encoded.validation.truncated
    if not train and not validation:
        return []
    limit, asked = encoded.max_length, data.settings.max_length
    why = f", the model's positions, instead of {asked}" if limit < asked else ""
    return [
        f"{validation:,} of {len(data.validation):,} validation rows and {train:,} of "
        f"{len(data.train):,} training rows are cut to {limit} tokens{why}"
    ]


def _chosen_from_one(found: Mapping[int, Mapping[str, Any]]) -> Iterator[str]:
    """Note a training that was evaluated once: its last model is kept, not its best."""
    updates = {part["updates"] for part in found.values() if len(part["looks"]) == 1}
    if updates:
        yield (
            f"evaluated once, after {max(updates):,} updates, so the model is not chosen among "
            "several; change evaluate_every or epochs to choose"
        )


def _constant(guesses: Mapping[int, Sequence[int]], task: Task) -> Iterator[str]:
    """Note each seed that predicts one class for every row: its score and interval mean nothing."""
    for seed, each in guesses.items():
        if len(set(each)) == 1:
            yield f"with seed {seed} every row is said to be {each[0]} ({task.labels[each[0]]})"


def averages(benchmarks: Mapping[str, TaskResult]) -> dict[str, Average]:
    """The plain mean over the tasks of GLUE and over the sets of MSGS: the field's headlines.

    Returns:
        One for each of the two with more than one task here. Its interval is normal and over other
        rows of every task.
    """
    found = {}
    for suite, members in SUITES.items():
        inside = [task.name for task in members if task.name in benchmarks]
        if len(inside) > 1:
            errors = [benchmarks[name].stderr or 0.0 for name in inside]
            score = fmean(benchmarks[name].score for name in inside)
            stderr = math.hypot(*errors) / len(inside)
            found[suite] = Average(
                score=score,
                stderr=stderr,
                interval=(max(-100.0, score - Z * stderr), min(100.0, score + Z * stderr)),
                tasks=inside,
            )
    return found


def write_predictions(folder: Path, task: str, found: Mapping[int, Mapping[str, Any]]) -> None:
    """The class of every validation row in the form of a submission: rows are counted from 0.

    TASK.jsonl in the folder, or in its subfolder seed-N/ if there are several seeds.
    """
    for seed, part in found.items():
        into = folder if len(found) == 1 else folder / f"seed-{seed}"
        into.mkdir(parents=True, exist_ok=True)
        lines = (
            json.dumps({"id": f"{task}_{number}", "pred": predicted})
            for number, predicted in enumerate(part["predictions"])
        )
        write_atomically(predictions_file(into, task), "".join(line + "\n" for line in lines))
