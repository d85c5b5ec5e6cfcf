"""A run in progress, shown in another terminal.

Everything is read from disk: the recipe, the folders, training.jsonl. Watching takes no lock,
writes nothing, hashes nothing and needs nothing from the process that trains.
"""

import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live

from babyllama.watch.picture import picture, seconds_left
from babyllama.watch.snapshot import Snapshot, snapshot

__all__ = ["facts_of", "snapshot", "watch"]


def watch(path: Path, *, every: float = 2.0, once: bool = False) -> None:
    """Show a run or a model until it is complete or Ctrl-C; without a terminal, show it once.

    Args:
        path: a run's folder, or a model's.
        every: seconds between pictures.
        once: show one picture, also in a terminal.

    Raises:
        InputError: `path` is neither a run nor a model.
    """
    console = Console(highlight=False, markup=False, emoji=False)
    now = snapshot(path)
    is_live = console.is_terminal and not console.is_dumb_terminal and not once
    if is_live and not now.is_complete:
        with (
            suppress(KeyboardInterrupt),
            Live(console=console, screen=True, auto_refresh=False) as screen,
        ):
            while not now.is_complete:
                screen.update(picture(now, console, height=console.height), refresh=True)
                time.sleep(every)
                now = snapshot(path)
    # Two rows less: the prompt below must not push the first rows off the screen.
    console.print(picture(now, console, height=console.height - 2))


def facts_of(now: Snapshot) -> dict[str, Any]:
    """A snapshot for another program: stages, the process, the last lines of the log.

    `seconds_left` is for the training in progress alone; null where it is unknown.
    """
    stages = [
        {"name": each.name, "state": each.state, "facts": dict(each.facts)} for each in now.stages
    ]
    log = now.log
    return {
        "path": str(now.path),
        "recipe": now.recipe.name if now.recipe else None,
        "complete": now.is_complete,
        "stages": stages,
        "process": asdict(now.worker),
        "last_step": log.steps[-1] if log and log.steps else None,
        "last_epoch": log.epochs[-1] if log and log.epochs else None,
        "rewinds": list(log.rewinds) if log else [],
        "seconds_left": seconds_left(now),
        "seconds_since_last_line": now.log_age,
    }
