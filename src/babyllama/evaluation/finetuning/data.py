"""A task's files, found and read: everything about a task that is the same for every model.

Examples keep the order of their file, because submissions number its rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from babyllama.errors import InputError
from babyllama.evaluation.finetuning.selection import SelectedRows, Selection, select_rows
from babyllama.evaluation.finetuning.settings import (
    FinetuningSettings,
    load_settings,
    note_on,
    settings_for,
)
from babyllama.evaluation.finetuning.tasks import SUITES, Example, Task, task_named
from babyllama.runs.rows import Row, digest_of, packed_files, read_json_lines

_SUFFIXES = (".jsonl", ".jsonl.gz", ".json", ".json.gz")
# BabyLM 2024 and 2025 say `valid`, 2023 and MSGS `validation`, GLUE's public set `dev`.
_VALIDATION = ("valid", "validation", "dev", "dev_full")
_MATCHED = {
    "mnli": ("mnli.validation_matched", "mnli.dev_matched"),
    "mnli-mm": ("mnli.validation_mismatched", "mnli.dev_mismatched", "mnli.valid_mismatched"),
}


@dataclass(frozen=True)
class TaskFiles:
    """A task and the paths of its two files."""

    task: Task
    train: Path
    validation: Path


@dataclass(frozen=True)
class TaskData:
    """A task with its examples and settings.

    Attributes:
        selected: which validation rows choose the model and which score it.
        note: what a user should know about the settings; "" if nothing.
    """

    files: TaskFiles
    train: list[Example]
    validation: list[Example]
    selected: SelectedRows
    settings: FinetuningSettings
    note: str

    @property
    def task(self) -> Task:
        """The task itself."""
        return self.files.task


def find_files(name: str, place: str) -> list[TaskFiles]:
    """Find the files of a task, or of every task of `glue` or `msgs` that a folder has.

    Args:
        place: a folder with NAME.train.jsonl and NAME.valid.jsonl, or the two paths, separated by
            a comma.

    Raises:
        InputError: an unknown task, a place that does not exist, or a folder without the files.
    """
    folder = Path(place)
    train, comma, validation = place.partition(",")
    if name.lower() in SUITES:
        return _suite_files(name.lower(), folder)
    task = task_named(name)
    if comma and not folder.is_dir():
        return [TaskFiles(task, _existing(Path(train)), _existing(Path(validation)))]
    if not folder.is_dir():
        raise InputError(
            f"--task {name}={place}: not a folder",
            why="A task is the folder with its files, or its training and validation file.",
            mend=f"For example: --task {task.name}=data/glue, or "
            f"--task {task.name}=my_train.jsonl,my_valid.jsonl",
        )
    return [
        TaskFiles(
            task,
            _required_file(task, folder, _train_stems(task), "training"),
            _required_file(task, folder, _validation_stems(task), "validation"),
        )
    ]


def read_tasks(
    files: Sequence[TaskFiles],
    *,
    settings: str,
    changes: tuple[str, ...] = (),
    selection: Selection = "held-out",
) -> list[TaskData]:
    """Read and check every task, before any model is loaded.

    Args:
        settings: 2023, 2024, 2025, authors or the path of a YAML file.
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
        refuse_single_label(train, each.train, task)
        validation = read_examples(each.validation, task)
        read.append(
            TaskData(
                each,
                train,
                validation,
                select_rows(validation, task, selection, each.validation),
                settings_for(task, recipe, changes, where=f"settings {settings}"),
                note_on(task, recipe),
            )
        )
    return read


def read_examples(path: Path, task: Task) -> list[Example]:
    """Read a file of JSON lines, gzipped or not, in the order of its rows.

    Raises:
        InputError: an unreadable file, or a line (named) that is not a JSON object, lacks a key
            of the task, or has a label that the task does not have.
    """
    files = packed_files(path, _SUFFIXES)
    return [
        _example(row, task)
        for name, data in files.items()
        for row in read_json_lines(name, data, (*task.keys, "label"))
    ]


def refuse_single_label(examples: Sequence[Example], path: Path, task: Task) -> None:
    """Check that the examples have more than one label.

    Raises:
        InputError: names the label that they all have.
    """
    seen = {example.label for example in examples}
    if len(seen) == 1:
        raise InputError(
            f"{path}: all {len(examples):,} labels are {seen.pop()}",
            why=f"A classifier needs examples of at least two labels; {task.name} has "
            f"{task.label_list}.",
            mend="Download the file again; it may have been sorted by label and truncated.",
        )


def examples_digest(examples: Sequence[Example]) -> str:
    """SHA-256 of the examples in order: two scores are paired only if their digests are equal."""
    return digest_of([e.first, e.second, e.label, e.condition] for e in examples)


# --- finding files ----------------------------------------------------------------------------


def _suite_files(name: str, folder: Path) -> list[TaskFiles]:
    if not folder.is_dir():
        raise InputError(f"--task {name}={folder}: not a folder", mend=f"Name {name}'s folder.")
    found = []
    for task in SUITES[name]:
        train = _first_file(folder, _train_stems(task))
        validation = _first_file(folder, _validation_stems(task))
        if train and validation:
            found.append(TaskFiles(task, train, validation))
    if not found:
        first = SUITES[name][0]
        raise _missing_file(first, folder, _train_stems(first), "training")
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


def _required_file(task: Task, folder: Path, stems: Sequence[str], role: str) -> Path:
    path = _first_file(folder, stems)
    if path is None:
        raise _missing_file(task, folder, stems, role)
    return path


def _missing_file(task: Task, folder: Path, stems: Sequence[str], role: str) -> InputError:
    here = sorted(path.name for path in folder.iterdir() if path.name.startswith(f"{task.name}."))
    return InputError(
        f"{folder} has no {role} file for {task.name}: {stems[0]}.jsonl or .jsonl.gz",
        why=f"It has {', '.join(here)}." if here else f"No file there starts with {task.name}.",
        mend=f"To use other files, name both: --task {task.name}=TRAIN.jsonl,VALID.jsonl",
    )


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise InputError(f"{path}: no such file", mend="Name two files: TRAIN,VALID.")
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
            why=f"The labels of {task.name} are {task.label_list}.",
            mend="A test set without labels (-1) cannot be used." if label == -1 else "",
        )
    return label
