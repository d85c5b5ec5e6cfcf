"""Processes find each other, or say who is missing; a signal ends the wait."""

import io
import signal
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
from rich.console import Console

from babyllama import console
from babyllama.errors import InputError
from babyllama.runs.launched import Launched, Meeting
from babyllama.training import meeting
from babyllama.training.meeting import meet


@pytest.fixture
def address():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return Meeting("127.0.0.1", free.getsockname()[1])


def test_processes_that_are_all_there_meet(address):
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda rank: meet(Launched(rank, 3, address)), range(3)))


@pytest.mark.parametrize(
    ("rank", "missing"), [(0, "processes 1, 2"), (1, "process 0")]
)  # without rank 0 nobody knows who else is there
def test_a_process_says_for_whom_it_waits_and_names_them_when_it_gives_up(
    address, rank, missing, monkeypatch
):
    printed = io.StringIO()
    monkeypatch.setattr(console, "stderr_console", Console(file=printed, quiet=rank > 0))
    monkeypatch.setattr(meeting, "_SILENT", 0.0)
    with pytest.raises(InputError, match=f"WORLD_SIZE is 3, but {missing} did not come") as raised:
        meet(Launched(rank, 3, address), patience=0.3)
    assert f"waiting for {missing} of 3 at {address}\n" == printed.getvalue()
    assert str(address) in raised.value.what
    assert "torchrun" in raised.value.mend


def test_a_port_that_is_taken_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        place = Meeting("127.0.0.1", taken.getsockname()[1])
        with pytest.raises(InputError, match="in use"):
            meet(Launched(0, 2, place), patience=0.0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_wait(address, number, monkeypatch):
    class AskedError(Exception):
        pass

    def ask(*_):
        raise AskedError

    monkeypatch.setattr(meeting.time, "sleep", lambda _: signal.raise_signal(number))
    before = signal.signal(number, ask)
    try:
        with pytest.raises(AskedError):
            meet(Launched(1, 2, address))
    finally:
        signal.signal(number, before)


def test_variables_that_are_not_set_are_named():
    with pytest.raises(InputError, match="LOCAL_RANK and MASTER_PORT are not set") as raised:
        meet(Launched(0, 2, None, ("LOCAL_RANK", "MASTER_PORT")))
    assert "torchrun" in raised.value.mend
