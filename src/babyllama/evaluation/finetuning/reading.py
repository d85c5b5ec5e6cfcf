"""All tasks of a command, read and checked before any model is loaded."""

from collections.abc import Sequence
from dataclasses import dataclass

from babyllama.evaluation.finetuning.data import (
    Example,
    Selection,
    Split,
    TaskFiles,
    read_examples,
    refuse_untrainable,
    split,
)
from babyllama.evaluation.finetuning.settings import (
    FinetuningSettings,
    load_settings,
    note_on,
    settings_for,
)
from babyllama.evaluation.finetuning.tasks import Task


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
