"""A process knows whether others were launched beside it and whether it writes."""

from babyllama.runs.launched import ALONE, Launched


def test_a_process_without_a_launcher_is_alone_and_writes():
    assert ALONE.is_alone
    assert ALONE.is_first


def test_of_several_processes_only_the_first_writes():
    assert [Launched(rank, 3).is_first for rank in range(3)] == [True, False, False]
    assert not Launched(0, 3).is_alone
