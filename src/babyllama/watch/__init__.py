"""A run as it goes, in a terminal beside it.

Everything is read from what lies on disk: the recipe, the folders, training.jsonl. Takes no lock,
writes nothing, hashes nothing, and never needs the process that trains.
"""

import time
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.live import Live

from babyllama.watch.picture import picture
from babyllama.watch.snapshot import read_log, snapshot

__all__ = ["read_log", "snapshot", "watch"]


def watch(path: Path, *, every: float = 2.0, once: bool = False) -> None:
    """Show a run, or a model, until it is complete or Ctrl-C; once without a terminal.

    Args:
        every: seconds between looks.

    Raises:
        InputError: `path` is neither a run nor a model.
    """
    console = Console(highlight=False)
    now = snapshot(path)
    live = console.is_terminal and not console.is_dumb_terminal and not once
    if live and not now.is_complete:
        with (
            suppress(KeyboardInterrupt),
            Live(console=console, screen=True, auto_refresh=False) as screen,
        ):
            while not now.is_complete:
                screen.update(picture(now, console, height=console.height), refresh=True)
                time.sleep(every)
                now = snapshot(path)
    # Two rows less, so that the prompt below does not push its head out of sight.
    console.print(picture(now, console, height=console.height - 2))
