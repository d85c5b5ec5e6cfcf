"""Trackers: programs such as TensorBoard that also get what is logged, through Accelerate."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from babyllama.errors import InputError
from babyllama.runs.layout import TRACKERS


def refuse_missing_trackers(trackers: Sequence[str]) -> None:
    """Check, before any work, that every tracker is installed.

    Raises:
        InputError: names the first that is not, and what to install.
    """
    if not trackers:
        return
    from accelerate.tracking import get_available_trackers

    available = {str(each) for each in get_available_trackers()}
    for name in trackers:
        if name not in available:
            package = "'babyllama[tensorboard]'" if name == "tensorboard" else name
            raise InputError(
                f"training.trackers names {name}, which is not installed",
                why="The tracker would receive no logs.",
                mend=f"Run: pip install {package}",
            )


def open_trackers(trackers: Sequence[str], folder: Path, name: str) -> list[Any]:
    """Accelerate's trackers, with a project of this name. They write to `folder/trackers`.

    Raises:
        InputError: a tracker that is not installed.
    """
    refuse_missing_trackers(trackers)
    if not trackers:
        return []
    from accelerate import Accelerator

    accelerator = Accelerator(
        cpu=not torch.cuda.is_available(),
        log_with=list(trackers),
        project_dir=folder / TRACKERS,
    )
    accelerator.init_trackers(name)
    opened: list[Any] = accelerator.trackers
    return opened
