"""Write a signal: the teachers run once over the training windows; their predictions are stored.

On disk, beside the manifest:

    signal.json               the header: what was read, and how it is encoded
    format.safetensors        what reading needs besides the shards: heads, codes, tables
    shard-00000.safetensors   tensors (windows, window, ...) of the first windows, and so on
    fidelity.json             how close it comes to the ensemble on held-out windows
    frontier.json             the same for every other kind, where the recipe asks for it

Windows are keyed by where they start in the token stream, never by step, seed or batch. A shard is
complete or absent and depends on nothing but its number, so any number of processes write a signal
together, and a writer that was killed resumes with the missing shards.
"""

import json
import os
import signal
import sys
import time
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread
from typing import Any

import torch
from safetensors import SafetensorError

from babyllama.console import print_status
from babyllama.errors import InputError
from babyllama.runs.artefact import Facts
from babyllama.runs.launched import Launched
from babyllama.signals.shards import HEADER
from babyllama.signals.writer import POLL_SECONDS, SignalSource, Writer, identity_of


def store_signal(source: SignalSource, out: Path, *, processes: int = 1) -> Facts:
    """Run the teachers once over the training windows and store their predictions.

    Args:
        processes: to use on this machine. Each loads the teachers, onto a GPU of its own if there
            are several.

    Returns:
        kind, bytes per token, tokens, FLOPs and speed, for the manifest.

    Raises:
        InputError: teachers that do not share a vocabulary, do not know the tokens or give NaN; a
            recipe that does not fit them; a disk that is too small.
    """
    writer = Writer(source, out)
    writer.prepare()
    ours = [Launched(rank, processes) for rank in range(processes)]
    helpers = [
        get_context("spawn").Process(target=_help, args=(source, out, each), daemon=True)
        for each in ours[1:]
    ]
    for helper in helpers:
        helper.start()
    try:
        speed = writer.write(ours[0], [helper.is_alive for helper in helpers])
    finally:
        for helper in helpers:
            if helper.exitcode:
                print_status(
                    f"  process {helper.pid} ended with {helper.exitcode}; the others wrote its "
                    "shards"
                )
            helper.terminate()  # at any moment: a shard is complete or absent
    return writer.finish(speed)


def store_signal_together(
    source: SignalSource, out: Path, launched: Launched, *, finished: Path
) -> Facts:
    """`store_signal` by processes that a launcher started, each of which calls this.

    The first prepares the folder and completes it. It never waits for a process that is late or
    died: when its own shards are written, it writes those that are missing.

    Args:
        finished: the folder's name once it is complete. A late process may find it there.

    Returns:
        the first process's facts, as `store_signal`; nothing in the others.
    """
    if launched.rank > 0:
        write_share(source, out, launched, finished=finished)
        return {}
    writer = Writer(source, out)
    writer.prepare()
    return writer.finish(writer.write(launched, []))


def write_share(
    source: SignalSource, out: Path, launched: Launched, *, finished: Path | None = None
) -> None:
    """Write every n-th shard of a signal that the first process prepares and completes.

    Args:
        finished: the folder's name once it is complete, where that may be before this process has
            begun.
    """
    identity = identity_of(source)
    while not is_prepared(identity, out):
        if finished is not None and is_prepared(identity, finished):
            return
        time.sleep(POLL_SECONDS)
    if torch.cuda.is_available():
        torch.cuda.set_device(launched.rank % torch.cuda.device_count())
    writer = Writer(source, out)
    for number in writer.share(launched):
        try:
            writer.write_shard(number)
        except (OSError, SafetensorError):
            if out.exists():
                raise
            return  # complete, and renamed by now


def is_prepared(identity: dict[str, Any], out: Path) -> bool:
    """Whether the first process has prepared this signal; the folder may hold another one."""
    try:
        header = json.loads((out / HEADER).read_text("utf-8"))
    except FileNotFoundError:
        return False
    return all(header.get(name) == value for name, value in identity.items())


def end_with_parent() -> None:
    """End this process as soon as the one that started it has ended, however that ended.

    A helper that lived on would write into a folder whose lock is free again.
    """
    parent = parent_process()
    assert parent is not None, "only helpers call this"

    def watch() -> None:
        parent.join()
        os._exit(1)

    Thread(target=watch, daemon=True).start()


def _help(source: SignalSource, out: Path, launched: Launched) -> None:
    """`write_share` in another process; the first one handles Ctrl-C and reports mistakes."""
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(max(1, torch.get_num_threads() // launched.count))
    try:
        write_share(source, out, launched)
    except InputError:
        sys.exit(2)  # the first process meets the same mistake when it writes these shards
