"""What a model can learn to tell: (Super)GLUE and MSGS by fine-tuning, scores with intervals.

`tasks` says what they are, `data` reads them and says which rows choose and which score, `settings`
how it is trained, `classifier`, `encoding` and `fitting` train it with transformers, `scores` says
what follows and `kept` what need not be trained again.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babyllama.artefact import Facts, digest, locked, write_atomically
from babyllama.console import say
from babyllama.errors import InputError
from babyllama.finetuning.data import (
    Example,
    Selection,
    Split,
    TaskFiles,
    digest_of,
    read_examples,
    refuse_untrainable,
    split,
)
from babyllama.finetuning.kept import VERSION, parts_folder, read_part, write_part
from babyllama.finetuning.scores import scores_of
from babyllama.finetuning.settings import (
    FinetuningSettings,
    load_settings,
    note_on,
    settings_for,
)
from babyllama.finetuning.tasks import Task
from babyllama.tokenizer import load_tokenizer

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedTokenizerFast

    from babyllama.finetuning.encoding import Encoded, Padding


@dataclass(frozen=True)
class TaskData:
    """A task with its rows and settings: what is the same for every model.

    Attributes:
        note: what a user should know of the settings; "" if nothing.
    """

    files: TaskFiles
    train: list[Example]
    validation: list[Example]
    split: Split
    settings: FinetuningSettings
    note: str

    @property
    def task(self) -> Task:
        """What it is."""
        return self.files.task


def read_tasks(
    files: Sequence[TaskFiles],
    *,
    settings: str,
    changes: tuple[str, ...] = (),
    selection: Selection = "held-out",
) -> list[TaskData]:
    """Read every task before anything is trained.

    Args:
        settings: 2023, 2024, 2025, authors or a YAML file.
        changes: `field=value`, or `TASK.field=value`.
        selection: whether the rows that choose the model may also score it.

    Raises:
        InputError: files, rows or settings that cannot be used.
    """
    recipe = load_settings(settings)
    read = []
    for each in files:
        task = each.task
        train = read_examples(each.train, task)
        refuse_untrainable(train, each.train, task)
        validation = read_examples(each.validation, task)
        read.append(
            TaskData(
                each,
                train,
                validation,
                split(validation, task, selection, each.validation),
                settings_for(task, recipe, changes, where=f"settings {settings}"),
                note_on(task, recipe),
            )
        )
    return read


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
        `model`, `rules` and `benchmarks`, scores in percent.

    Raises:
        InputError: a model that cannot be used, before anything is trained; another process that
            writes the same results; a training that diverged.
    """
    tokenizer, config = _load_described(model)
    encoded = [_encode(each, model, tokenizer, config) for each in tasks]
    for data, rows in zip(tasks, encoded, strict=True):
        _say_what_surprises(data, rows)
    identity = digest(model)
    parts = parts_folder(out)
    result: Facts = {
        "model": name,
        "rules": {"name": f"fine-tuning {settings}", "selection": selection},
        "benchmarks": {},
    }
    with locked(parts, mend="give another --out"):
        for data, rows in zip(tasks, encoded, strict=True):
            found = {}
            for seed in range(data.settings.seed, data.settings.seed + seeds):
                key = _key(identity, data, rows.max_length, seed)
                path = parts / f"{name}.{data.task.name}.{seed}.json"
                title = data.task.name if seeds == 1 else f"{data.task.name}, seed {seed}"
                found[seed] = read_part(path, key) or write_part(
                    path, key, _fit(model, data, rows, seed, parts / "scratch", f"{name} {title}")
                )
            result["benchmarks"][data.task.name] = _benchmark(data, rows, found)
            if predictions:
                _write_predictions(predictions, data.task, found)
    return result


@dataclass(frozen=True)
class _Rows:
    """A task as a model reads it."""

    train: "Encoded"
    validation: "Encoded"
    padding: "Padding"
    max_length: int


def _load_described(
    model: Path,
) -> "tuple[PreTrainedTokenizerFast, PretrainedConfig]":
    from transformers import AutoConfig

    from babyllama.models import refuse_unusable

    refuse_unusable(model)
    tokenizer = load_tokenizer(model)
    try:
        return tokenizer, AutoConfig.from_pretrained(model, local_files_only=True)
    except Exception as error:  # the library raises whatever it met
        raise InputError(
            f"{model}/config.json cannot be read", why=str(error).strip().splitlines()[0][:300]
        ) from None


def _encode(
    data: TaskData,
    model: Path,
    tokenizer: "PreTrainedTokenizerFast",
    config: "PretrainedConfig",
) -> _Rows:
    from babyllama.finetuning.classifier import is_decoder, load_classifier, positions_of
    from babyllama.finetuning.encoding import encode, padding_for, refuse_unknown_tokens

    settings = data.settings
    positions = positions_of(config)
    limit = settings.max_length if positions is None else min(settings.max_length, positions)
    train, validation = (
        encode(examples, tokenizer, config, max_length=limit, path=path)
        for examples, path in (
            (data.train, data.files.train),
            (data.validation, data.files.validation),
        )
    )
    # Loaded for what it is, and so that a model that cannot be loaded is told before the training.
    classifier = load_classifier(
        model, labels=len(data.task.labels), settings=settings, seed=settings.seed
    )
    size = int(classifier.get_input_embeddings().weight.shape[0])
    rows = [*train.rows, *validation.rows]
    refuse_unknown_tokens(rows, vocab_size=size, folder=model)
    padding = padding_for(
        rows, tokenizer, config, is_decoder=is_decoder(classifier), vocab_size=size
    )
    return _Rows(train, validation, padding, limit)


def _say_what_surprises(data: TaskData, rows: _Rows) -> None:
    name = data.task.name
    if data.note:
        say(f"  {name}: {data.note}", style="yellow")
    if rows.max_length < data.settings.max_length:
        say(
            f"  {name}: cut at the model's {rows.max_length} positions, not at "
            f"{data.settings.max_length} tokens: {rows.train.cut:,} of {len(data.train):,} "
            f"training rows, {rows.validation.cut:,} of {len(data.validation):,} validation rows",
            style="yellow",
        )


def _fit(
    model: Path, data: TaskData, rows: _Rows, seed: int, scratch: Path, title: str
) -> dict[str, Any]:
    from babyllama.finetuning.classifier import load_classifier
    from babyllama.finetuning.fitting import fit

    classes = len(data.task.labels)
    classifier = load_classifier(model, labels=classes, settings=data.settings, seed=seed)
    classifier.config.pad_token_id = rows.padding.token
    fitted = fit(
        classifier, rows.train.rows, rows.validation.rows, data.split.choosing,
        settings=data.settings, classes=classes, padding=rows.padding, seed=seed,
        scratch=scratch, title=title,
    )  # fmt: skip
    return asdict(fitted)


def _key(identity: str, data: TaskData, max_length: int, seed: int) -> dict[str, Any]:
    """What decides the predictions."""
    settings = data.settings.model_dump(mode="json", exclude={"seed", "score"})
    return {
        "version": VERSION,
        "model": identity,
        "task": data.task.name,
        "train": digest_of(data.train),
        "validation": digest_of(data.validation),
        "choosing": sha256(json.dumps(data.split.choosing).encode()).hexdigest(),
        "settings": {**settings, "max_length": max_length},
        "seed": seed,
    }


def _benchmark(data: TaskData, rows: _Rows, found: dict[int, dict[str, Any]]) -> Facts:
    """A task's scores as results are written."""
    task, chosen_rows = data.task, data.split
    scored = [data.validation[row] for row in chosen_rows.scoring]
    majority, _ = Counter(example.label for example in data.train).most_common(1)[0]
    scores = scores_of(
        [example.label for example in scored],
        {
            seed: [part["predictions"][row] for row in chosen_rows.scoring]
            for seed, part in found.items()
        },
        metric=data.settings.score or task.metric,
        classes=len(task.labels),
        majority=majority,
    )
    for seed, part in found.items():
        scores["seeds"][str(seed)] |= {
            "chosen": part["chosen"], "looks": part["looks"], "updates": part["updates"]
        }  # fmt: skip
    if len(found) == 1 and scores["metric"] == "accuracy":
        (only,) = scores["seeds"].values()
        own = {name: scores[name] for name in ("score", "stderr", "interval", "n")}
        scores["subtasks"] = {task.name: {**own, "group": task.name, **_decisions(only)}}
    return {
        **scores,
        "items": digest_of(scored),
        "selection": {
            "choosing_rows": len(chosen_rows.choosing),
            "scoring_rows": len(chosen_rows.scoring),
            "words": chosen_rows.words,
        },
        "settings": data.settings.model_dump(mode="json"),
        **({"note": data.note} if data.note else {}),
        "rows": {
            "train": len(data.train),
            "validation": len(data.validation),
            "max_length": rows.max_length,
            "cut": {"train": rows.train.cut, "validation": rows.validation.cut},
        },
        "files": {"train": str(data.files.train), "validation": str(data.files.validation)},
    }


def _decisions(seed: Facts) -> Facts:
    return {"decisions": seed["decisions"]}


def _write_predictions(folder: Path, task: Task, found: dict[int, dict[str, Any]]) -> None:
    """The form that the pipelines' submissions have: rows are counted from 0."""
    for seed, part in found.items():
        into = folder if len(found) == 1 else folder / f"seed-{seed}"
        into.mkdir(parents=True, exist_ok=True)
        lines = (
            json.dumps({"id": f"{task.name}_{number}", "pred": predicted})
            for number, predicted in enumerate(part["predictions"])
        )
        write_atomically(into / f"{task.name}.jsonl", "".join(line + "\n" for line in lines))
