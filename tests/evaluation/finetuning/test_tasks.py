"""The tasks, their keys and their names."""

import pytest

from babyllama.errors import InputError
from babyllama.evaluation.finetuning.tasks import GLUE, MSGS, TASKS, task_named


def test_there_are_eleven_tasks_of_glue_and_eleven_of_msgs():
    assert len(GLUE) == len(MSGS) == 11
    assert sum(task.name.endswith("_control") for task in MSGS) == 5
    assert task_named("SST-2") is TASKS["sst2"]
    assert TASKS["boolq"].keys == ("question", "passage")


def test_an_unknown_task_names_the_nearest():
    with pytest.raises(InputError, match=r"unknown task 'multrc'[\s\S]*Did you mean multirc\?"):
        task_named("multrc")
