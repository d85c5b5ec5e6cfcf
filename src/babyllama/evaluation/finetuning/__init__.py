"""What a model can learn to tell: (Super)GLUE and MSGS by fine-tuning, scores with intervals.

`tasks` says what they are, `data` and `reading` read them and say which rows choose and which
score, `settings` how a model is trained; `preparing` makes rows for a model, `classifier` gives it
a head, `fitting` trains it with transformers; `scores` and `results` say what follows, and `kept`
what need not be trained again.
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babyllama.console import print_status
from babyllama.evaluation.finetuning.data import Selection
from babyllama.evaluation.finetuning.kept import key_of
from babyllama.evaluation.finetuning.reading import TaskData, read_tasks
from babyllama.evaluation.finetuning.results import averages, benchmark, write_predictions
from babyllama.runs.artefact import Facts, digest
from babyllama.runs.kept import parts_folder, read_part, write_part
from babyllama.runs.lock import locked

if TYPE_CHECKING:
    from babyllama.evaluation.finetuning.fitting import Fit
    from babyllama.evaluation.finetuning.preparing import Prepared

__all__ = ["TaskData", "finetune", "read_tasks"]


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
) -> Facts:
    """Fine-tune a model on each task with each seed, and score it.

    What was finished before is taken from the folder of parts beside `out`.

    Args:
        name: what the results call the model.
        settings, selection: what `tasks` were read with, to be repeated in the results.
        seeds: how many; the settings' own and those after it.
        predictions: a folder for TASK.jsonl, a line a validation row in their order; with several
            seeds, for seed-N/TASK.jsonl.

    Returns:
        `model`, `rules`, `benchmarks` and their `averages`, scores in percent.

    Raises:
        InputError: a model that cannot be used, before anything is trained; another process that
            writes the same results; a training that diverged.
    """
    from babyllama.evaluation.finetuning.preparing import prepare

    prepared = prepare(model, tasks)
    for task in prepared:
        _say_what_surprises(task)
    identity = digest(model)
    parts = parts_folder(out)
    result: Facts = {
        "model": name,
        "rules": {"name": f"fine-tuning {settings}", "selection": selection},
        "benchmarks": {},
    }
    with locked(parts, mend="give another --out"):
        for task in prepared:
            first = task.data.settings.seed
            found = {
                seed: _kept_or_made(model, identity, task, seed, parts, f"{name} {task.name}")
                for seed in range(first, first + seeds)
            }
            result["benchmarks"][task.name] = benchmark(task, found)
            if predictions:
                write_predictions(predictions, task.name, found)
    result["averages"] = averages(result["benchmarks"])
    return result


def _say_what_surprises(task: "Prepared") -> None:
    data = task.data
    if data.note:
        print_status(f"  {task.name}: {data.note}", style="yellow")
    if task.max_length < data.settings.max_length:
        print_status(
            f"  {task.name}: cut at the model's {task.max_length} positions, not at "
            f"{data.settings.max_length} tokens: {task.train.cut:,} of {len(data.train):,} "
            f"training rows, {task.validation.cut:,} of {len(data.validation):,} validation rows",
            style="yellow",
        )


def _kept_or_made(
    model: Path, identity: str, task: "Prepared", seed: int, parts: Path, title: str
) -> dict[str, Any]:
    """A finished fine-tuning, from its file or made now."""
    key = key_of(identity, task.data, max_length=task.max_length, seed=seed)
    path = parts / f"{title.replace(' ', '.')}.{seed}.json"
    kept = read_part(path, key)
    if kept is not None:
        return kept
    title = f"{title}, seed {seed}"
    return write_part(path, key, asdict(_fit(model, task, seed, parts / "scratch", title)))


def _fit(model: Path, task: "Prepared", seed: int, scratch: Path, title: str) -> "Fit":
    from babyllama.evaluation.finetuning.classifier import load_classifier
    from babyllama.evaluation.finetuning.fitting import fit

    settings, classes = task.data.settings, len(task.data.task.labels)
    classifier = load_classifier(model, labels=classes, settings=settings, seed=seed)
    classifier.config.pad_token_id = task.padding.token
    return fit(
        classifier, task.train.rows, task.validation.rows, task.data.split.choosing,
        settings=settings, classes=classes, padding=task.padding, seed=seed, scratch=scratch,
        title=title,
    )  # fmt: skip
