"""Files of a task in, labelled examples out, and which of them choose and which score.

Rows stay in the order of their file: submissions count them.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from babyllama.errors import InputError
from babyllama.evaluation.finetuning.tasks import SUITES, Task, task_named
from babyllama.runs.rows import Row, digest_of, packed_files, read_json_lines

Selection = Literal["held-out", "pipeline"]

_SUFFIXES = (".jsonl", ".jsonl.gz", ".json", ".json.gz")
# As BabyLM 2024 and 2025 name it; 2023 and MSGS; GLUE's public set.
_VALIDATION = ("valid", "validation", "dev", "dev_full")
_MATCHED = {
    "mnli": ("mnli.validation_matched", "mnli.dev_matched"),
    "mnli-mm": ("mnli.validation_mismatched", "mnli.dev_mismatched", "mnli.valid_mismatched"),
}


@dataclass(frozen=True)
class Example:
    """A labelled text, or two, of which the second is None where a task has one alone."""

    first: str
    second: str | None
    label: int
    condition: str | None = None


@dataclass(frozen=True)
class TaskFiles:
    """Where a task's two files lie."""

    task: Task
    train: Path
    validation: Path


@dataclass(frozen=True)
class Split:
    """Which rows of the validation file choose the model that is kept, and which score it."""

    choosing: tuple[int, ...]
    scoring: tuple[int, ...]
    words: str


def files_of(name: str, place: str) -> list[TaskFiles]:
    """The files of a task, or of every task of `glue` or `msgs` that a folder has.

    Args:
        place: a folder that holds NAME.train.jsonl and NAME.valid.jsonl, or the two files
            themselves with a comma between them.

    Raises:
        InputError: no such task, no such place, or a folder that lacks one of the files.
    """
    if name.lower() in SUITES:
        return _files_of_suite(name.lower(), Path(place))
    task = task_named(name)
    folder = Path(place)
    train, comma, validation = place.partition(",")
    if comma and not folder.is_dir():
        return [TaskFiles(task, _existing(Path(train)), _existing(Path(validation)))]
    if not folder.is_dir():
        raise InputError(
            f"--task {name}={place}: is no folder",
            why="A task is a folder that holds its files, or the two files themselves.",
            mend=f"For example: --task {task.name}=data/glue, or "
            f"--task {task.name}=my_train.jsonl,my_valid.jsonl",
        )
    stems = _train_stems(task), _validation_stems(task)
    found = [_first_file(folder, names) for names in stems]
    for path, names, what in zip(found, stems, ("training", "validation"), strict=True):
        if path is None:
            raise _lacking(task, folder, names, what)
    train_file, validation_file = found
    assert train_file is not None
    assert validation_file is not None
    return [TaskFiles(task, train_file, validation_file)]


def read_examples(path: Path, task: Task) -> list[Example]:
    """Read a file of JSON lines, packed or not, in the order of its rows.

    Raises:
        InputError: an unreadable file, or a line (named) that is no JSON object, lacks a key of
            the task, or has a label that is not the task's.
    """
    files = packed_files(path, _SUFFIXES)
    return [
        _example(row, task)
        for name, data in files.items()
        for row in read_json_lines(name, data, (*task.keys, "label"))
    ]


def refuse_untrainable(examples: Sequence[Example], path: Path, task: Task) -> None:
    """Check that there is something to learn.

    Raises:
        InputError: all examples have one label.
    """
    seen = {example.label for example in examples}
    if len(seen) == 1:
        raise InputError(
            f"{path}: every one of its {len(examples):,} labels is {seen.pop()}",
            why=f"A model learns nothing where there is nothing to tell apart; {task.name} has the "
            f"labels {_labels(task)}.",
            mend="Fetch the file again; perhaps it was sorted by label and cut.",
        )


def split(examples: Sequence[Example], task: Task, selection: Selection, path: Path) -> Split:
    """Say which validation rows choose the model that is kept, and which give its score.

    `pipeline`: all rows choose, and the same rows score, as in every BabyLM pipeline (of MSGS the
    `test` rows alone score). `held-out`: no row does both. Of MSGS the rows of the training's own
    kind choose and all `test` rows score: rows in which the features disagree would choose a
    generalisation, which is what is measured. Of other tasks each label's rows are halved in the
    order of the hashes of their texts, which neither the file's order nor a seed changes.

    Raises:
        InputError: too few rows, or MSGS rows without the conditions that this needs.
    """
    everything = tuple(range(len(examples)))
    scored = everything
    if task.scored_condition:
        scored = _of_condition(examples, task.scored_condition, path)
    if selection == "pipeline":
        return Split(everything, scored, "the rows that choose the model also score it")
    if task.scored_condition:
        choosing = _of_condition(examples, "training", path)
        return Split(choosing, scored, "rows in domain choose the model, rows out of it score it")
    if len(examples) < 4:
        raise InputError(
            f"{path} has {len(examples)} rows, too few to choose by some and score by others",
            mend="Use the same rows for both: --selection pipeline",
        )
    choosing = _half(examples)
    rest = tuple(sorted(set(everything) - set(choosing)))
    return Split(choosing, rest, "half of the rows choose the model, the other half scores it")


def digest(examples: Sequence[Example]) -> str:
    """sha256 of the examples in order: two scores pair only where this is equal."""
    return digest_of([e.first, e.second, e.label, e.condition] for e in examples)


# --- the halves -------------------------------------------------------------------------------


def _half(examples: Sequence[Example]) -> tuple[int, ...]:
    """Half of the rows, rounded down, and of each label's rows half up to one."""
    rows_of: dict[int, list[int]] = {}
    for row, example in enumerate(examples):
        rows_of.setdefault(example.label, []).append(row)
    chosen: list[int] = []
    spare = 0  # odd labels take turns, so that the halves differ by one row at most
    for label in sorted(rows_of):
        rows = sorted(rows_of[label], key=lambda row: (_hash(examples[row]), row))
        take, odd = divmod(len(rows), 2)
        if odd:
            take += spare
            spare = 1 - spare
        chosen += rows[:take]
    return tuple(sorted(chosen))


def _hash(example: Example) -> str:
    return hashlib.sha256(json.dumps([example.first, example.second]).encode()).hexdigest()


def _of_condition(examples: Sequence[Example], condition: str, path: Path) -> tuple[int, ...]:
    rows = tuple(row for row, e in enumerate(examples) if e.condition == condition)
    if not rows:
        known = sorted({e.condition or "none" for e in examples})
        raise InputError(
            f"{path} has no row whose condition is {condition}",
            why=f"Its conditions: {', '.join(known)}. MSGS chooses a model by `training` rows and "
            "scores it on `test` rows.",
            mend="Use a file that has both, or --selection pipeline, which needs `test` alone.",
        )
    return rows


# --- finding files ----------------------------------------------------------------------------


def _files_of_suite(name: str, folder: Path) -> list[TaskFiles]:
    if not folder.is_dir():
        raise InputError(f"--task {name}={folder}: is no folder", mend=f"Name {name}'s folder.")
    found = []
    for task in SUITES[name]:
        train = _first_file(folder, _train_stems(task))
        validation = _first_file(folder, _validation_stems(task))
        if train and validation:
            found.append(TaskFiles(task, train, validation))
    if not found:
        first = SUITES[name][0]
        raise _lacking(first, folder, _train_stems(first), "training")
    return found


def _train_stems(task: Task) -> list[str]:
    own = [f"{task.name}.train"]
    return own + ([f"{task.train}.train"] if task.train else [])


def _validation_stems(task: Task) -> list[str]:
    own = [f"{task.name}.{ending}" for ending in _VALIDATION]
    return own + list(_MATCHED.get(task.name, ()))


def _first_file(folder: Path, stems: Sequence[str]) -> Path | None:
    names = (folder / f"{stem}{suffix}" for stem in stems for suffix in _SUFFIXES)
    return next((path for path in names if path.is_file()), None)


def _lacking(task: Task, folder: Path, stems: Sequence[str], what: str) -> InputError:
    here = sorted(path.name for path in folder.iterdir() if path.name.startswith(f"{task.name}."))
    beside = f"There is {', '.join(here)}." if here else "Nothing there has this task's name."
    return InputError(
        f"{folder} has no {what} file of {task.name}: {stems[0]}.jsonl or .jsonl.gz",
        why=beside,
        mend=f"If another file will do, name both: --task {task.name}=TRAIN.jsonl,VALID.jsonl",
    )


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise InputError(f"there is no file {path}", mend="Name two files: TRAIN,VALID.")
    return path


# --- reading ----------------------------------------------------------------------------------


def _example(row: Row, task: Task) -> Example:
    texts = {key: row.text(key, may_be_empty=True) for key in task.keys}
    condition = row.values.get("condition")
    return Example(
        first=task.first.format_map(texts),
        second=None if task.second is None else task.second.format_map(texts),
        label=_label(row, task),
        condition=condition if isinstance(condition, str) else None,
    )


def _label(row: Row, task: Task) -> int:
    label = row.values.get("label")
    if type(label) is not int or not 0 <= label < len(task.labels):
        raise InputError(
            f"{row.where}: label is {label!r}" if "label" in row else f"{row.where}: has no label",
            why=f"The labels of {task.name} are {_labels(task)}.",
            mend="A test set without its labels (-1) cannot be used." if label == -1 else "",
        )
    return label


def _labels(task: Task) -> str:
    return ", ".join(f"{number} ({meaning})" for number, meaning in enumerate(task.labels))
