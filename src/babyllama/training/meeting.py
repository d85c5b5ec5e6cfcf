"""The rendezvous: wait until all processes of a launcher have found each other.

torch waits in C++, where Python's handlers of Ctrl-C and SIGTERM do not run, and for many minutes.
So the processes meet here first, at torch's own kind of store; then its wait is short.
"""

import socket
import time
from datetime import timedelta
from functools import lru_cache

import torch
from torch import distributed

from babyllama.console import print_from_any_rank
from babyllama.errors import InputError, listed
from babyllama.runs.launched import COUNT, Launched, Meeting

PATIENCE = 60.0  # seconds
_SILENT = 3.0  # seconds of waiting before a line says so
_BETWEEN_LOOKS = 0.1


def meet(launched: Launched, *, patience: float = PATIENCE) -> None:
    """Wait until all processes are at the meeting's address; Ctrl-C and SIGTERM end the wait.

    Raises:
        InputError: variables are unset; or not all have come within `patience` seconds (names who
            is missing).
    """
    if launched.meeting is None:
        raise InputError(
            f"{COUNT} is {launched.count}, but {' and '.join(launched.unset)} "
            f"{'is' if len(launched.unset) == 1 else 'are'} not set",
            why="Processes find each other by RANK, LOCAL_RANK, MASTER_ADDR and MASTER_PORT.",
            mend="Start them with torchrun or accelerate launch, or set these as well. "
            f"For one process: unset {COUNT}",
        )
    _met(launched, launched.meeting, patience)


@lru_cache  # the store must live as long as the process: the others' connections end with it
def _met(
    launched: Launched, meeting: Meeting, patience: float
) -> "torch._C._distributed_c10d.Store":
    started, is_said, problem = time.monotonic(), False, ""
    store = None
    while True:
        try:
            store = store or _store(launched, meeting)
            missing = _missing(store, launched)
        except (RuntimeError, OSError) as error:  # torch's network errors are RuntimeErrors
            store, missing, problem = None, [0], str(error)
        if store is not None and not missing:
            return store
        waited = time.monotonic() - started
        if waited > patience:
            raise _not_all_came(launched, meeting, missing, patience, problem)
        if waited > _SILENT and not is_said:
            print_from_any_rank(f"waiting for {_named(missing)} of {launched.count} at {meeting}")
            is_said = True
        time.sleep(_BETWEEN_LOOKS)


def _store(launched: Launched, meeting: Meeting) -> "torch._C._distributed_c10d.Store":
    """Listen at the address, or connect to the process that does.

    Raises:
        RuntimeError, OSError: nobody listens there yet, or the port is taken.
    """
    is_host = launched.is_first and not meeting.has_host
    if not is_host:  # torch would write a line about each attempt that fails
        socket.create_connection((meeting.host, meeting.port), timeout=1.0).close()
    return distributed.TCPStore(  # type: ignore[attr-defined]
        meeting.host,
        meeting.port,
        is_master=is_host,
        wait_for_workers=False,
        multi_tenant=True,  # torch's own store listens at the same port of the same process
        timeout=timedelta(seconds=5),
    )


def _missing(store: "torch._C._distributed_c10d.Store", launched: Launched) -> list[int]:
    """The ranks that have not come yet."""
    store.set(_key(launched.rank), "here")
    ranks = list(range(launched.count))
    if store.check([_key(rank) for rank in ranks]):
        return []
    return [rank for rank in ranks if not store.check([_key(rank)])]


def _key(rank: int) -> str:
    return f"babyllama/{rank}"


def _not_all_came(
    launched: Launched, meeting: Meeting, missing: list[int], patience: float, problem: str
) -> InputError:
    return InputError(
        f"{COUNT} is {launched.count}, but {_named(missing)} did not come to {meeting} within "
        f"{patience:.0f} seconds" + (f" ({problem.splitlines()[0]})" if problem else ""),
        why="Every process must be started with the same MASTER_ADDR and MASTER_PORT, and with a "
        "RANK of its own; rank 0 runs on the machine MASTER_ADDR.",
        mend=f"Start them with torchrun or accelerate launch. For one process: unset {COUNT}",
    )


def _named(ranks: list[int]) -> str:
    """Process 1; processes 1, 2; processes 1, 2, 3, 4 and 60 more."""
    return ("process " if len(ranks) == 1 else "processes ") + listed(ranks)
