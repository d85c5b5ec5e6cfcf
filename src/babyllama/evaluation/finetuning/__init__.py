"""Fine-tuning on (Super)GLUE and MSGS, with an interval for every score.

tasks       what the tasks are
data        a task's files, found and read
selection   which validation rows choose the model and which score it
settings    how a model is trained, by year
encoding    a task's rows as the tokens of one model
classifier  the model with a new classification head
fitting     one fine-tuning with transformers' Trainer
scores      scores and intervals from predictions
results     a task's result file and the lines of a submission
key         what a finished fine-tuning depends on, so that it is not repeated
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babyllama.console import print_status
from babyllama.evaluation.finetuning.data import TaskData, find_files, read_tasks
from babyllama.evaluation.finetuning.key import key_of
from babyllama.evaluation.finetuning.results import (
    FinetuningResult,
    averages,
    benchmark,
    cut_rows,
    write_predictions,
)
from babyllama.evaluation.finetuning.selection import Selection
from babyllama.runs.kept import kept, parts_folder
from babyllama.runs.lock import locked
from babyllama.runs.manifests import digest

if TYPE_CHECKING:
    from babyllama.evaluation.finetuning.encoding import EncodedTask
    from babyllama.evaluation.finetuning.fitting import Fit

__all__ = ["TaskData", "find_files", "finetune", "read_tasks"]


def finetune(
    model: Path,
    tasks: Sequence[TaskData],
    *,
    name: str,
    settings: str,
    selection: Selection,
    seeds: int = 1,
    out: Path,
    predictions: Path | None = None,
) -> FinetuningResult:
    """Fine-tune a model on each task with each seed, and score it.

    A task and seed that was finished before is read from the folder `OUT.parts`.

    Args:
        name: the model's name in the results.
        settings, selection: with which `tasks` were read; the results repeat them.
        seeds: how many, beginning with the settings' own.
        predictions: a folder for TASK.jsonl, one line for each validation row in order; with
            several seeds, for seed-N/TASK.jsonl.

    Returns:
        `model`, `rules`, `benchmarks` and their `averages`, scores in percent.

    Raises:
        InputError: a model that cannot be used, before anything is trained; another process that
            writes the same results; a training that diverged.
    """
    from babyllama.evaluation.finetuning.encoding import encode_tasks

    encoded = encode_tasks(model, tasks)
    for task in encoded:
        _say_notes(task)
    identity = digest(model)
    parts = parts_folder(out)
    results = {}
    with locked(parts, mend="use another --out"):
        for task in encoded:
            first = task.data.settings.seed
            found = {
                seed: _read_or_fit(model, identity, task, seed, parts, f"{name} {task.name}")
                for seed in range(first, first + seeds)
            }
            results[task.name] = benchmark(task, found)
            if predictions:
                write_predictions(predictions, task.name, found)
    return FinetuningResult(
        model=name,
        rules={"name": f"fine-tuning {settings}", "selection": selection},
        benchmarks=results,
        averages=averages(results),
    )


def _say_notes(task: "EncodedTask") -> None:
    data = task.data
    if data.note:
        print_status(f"  {task.name}: {data.note}", style="yellow")
    for note in cut_rows(task):
        print_status(f"  {task.name}: {note}", style="yellow")


def _read_or_fit(
    model: Path, identity: str, task: "EncodedTask", seed: int, parts: Path, title: str
) -> dict[str, Any]:
    """A finished fine-tuning, read from its file or made now."""
    key = key_of(identity, task.data, max_length=task.max_length, seed=seed)
    path = parts / f"{title.replace(' ', '.').replace('/', '.')}.{seed}.json"
    title = f"{title}, seed {seed}"
    return kept(path, key, lambda: asdict(_fit(model, task, seed, parts / "scratch", title)))


def _fit(model: Path, task: "EncodedTask", seed: int, scratch: Path, title: str) -> "Fit":
    from babyllama.evaluation.finetuning.classifier import load_classifier
    from babyllama.evaluation.finetuning.fitting import fit

    settings, classes = task.data.settings, len(task.data.task.labels)
    classifier = load_classifier(model, labels=classes, settings=settings, seed=seed)
    classifier.config.pad_token_id = task.collator.tokenizer.pad_token_id
    return fit(
        classifier, task.train.features, task.validation.features, task.data.selected.choosing,
        settings=settings, classes=classes, collator=task.collator, seed=seed, scratch=scratch,
        title=title,
    )  # fmt: skip
