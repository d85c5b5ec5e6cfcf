"""A process knows whether others were launched beside it, if it writes, and where they meet."""

import pytest

from babyllama.errors import InputError
from babyllama.runs.launched import ALONE, Launched, Meeting, launched_from


def test_a_process_without_a_launcher_is_alone_and_writes():
    assert ALONE.is_alone
    assert ALONE.is_first


def test_of_several_processes_only_the_first_writes():
    assert [Launched(rank, 3).is_first for rank in range(3)] == [True, False, False]
    assert not Launched(0, 3).is_alone


@pytest.mark.parametrize(
    "environment", [{}, {"RANK": "3"}, {"LOCAL_RANK": "0"}, {"WORLD_SIZE": "1", "RANK": "0"}]
)
def test_a_rank_counts_only_if_there_are_several_processes(environment):
    assert launched_from(environment) == ALONE


def test_what_a_launcher_sets_is_read():
    set_by_script = {"RANK": "1", "WORLD_SIZE": "3", "LOCAL_RANK": "0"}
    address = {"MASTER_ADDR": "node-7", "MASTER_PORT": "29500"}
    both = {**set_by_script, **address}
    assert launched_from(both) == Launched(1, 3, Meeting("node-7", 29500))
    assert str(Meeting("node-7", 29500)) == "node-7:29500"
    by_torchrun = launched_from({**both, "TORCHELASTIC_USE_AGENT_STORE": "True"})
    assert by_torchrun.meeting == Meeting("node-7", 29500, has_host=True)
    without = launched_from(set_by_script)
    assert without == Launched(1, 3, None, ("MASTER_ADDR", "MASTER_PORT"))


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"RANK": ""}, "the environment variable RANK is ''"),
        ({"RANK": "-1"}, "the environment variable RANK is '-1'"),
        ({"RANK": "1.0", "WORLD_SIZE": "2"}, "the environment variable RANK is '1.0'"),
        ({"RANK": "²"}, "the environment variable RANK is '²'"),
        ({"WORLD_SIZE": ""}, "the environment variable WORLD_SIZE is ''"),
        ({"WORLD_SIZE": "0"}, "the environment variable WORLD_SIZE is '0'"),
        ({"LOCAL_RANK": "x"}, "the environment variable LOCAL_RANK is 'x'"),
        ({"WORLD_SIZE": "9" * 5000}, "the environment variable WORLD_SIZE is '9999"),
        ({"WORLD_SIZE": "2"}, "WORLD_SIZE is 2, but RANK is not set"),
        ({"WORLD_SIZE": "2", "RANK": "2"}, "RANK is 2, but WORLD_SIZE is 2"),
        (
            {"WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0", "MASTER_ADDR": "a",
             "MASTER_PORT": "70000"},
            "the environment variable MASTER_PORT is '70000'",
        ),
    ],
)  # fmt: skip
def test_a_variable_that_is_empty_odd_or_missing_is_named(environment, message):
    with pytest.raises(InputError) as raised:
        launched_from(environment)
    assert raised.value.what.startswith(message)
    assert "unset " in raised.value.mend or "script" in raised.value.mend
