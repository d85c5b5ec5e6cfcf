"""The facts that a finished training records in its manifest."""

import numpy as np
import torch

from babyllama.runs.artefact import Facts
from babyllama.training.checkpoints import Progress, State
from babyllama.training.processes import Processes
from babyllama.training.schedule import TrainingPlan
from babyllama.training.speed import StepCost


def training_facts(
    state: State,
    plan: TrainingPlan,
    progress: Progress,
    cost: StepCost,
    processes: Processes,
    *,
    dev_windows: int,
) -> Facts:
    """Steps, epochs, words, dev cross-entropy, FLOPs and where the training ran.

    Args:
        dev_windows: how many there are; the recipe says how many of them are scored.
    """
    updates = plan.steps - len(progress.skipped)
    budget = plan.recipe.budget
    return {
        "parameters": sum(parameter.numel() for parameter in state.model.parameters()),
        "steps": plan.steps,
        "epochs": plan.epoch(plan.steps),
        "best_epoch": progress.best_epoch,
        "best_is_averaged": progress.best_is_averaged,
        "dev_cross_entropy": progress.best_cross_entropy,
        "dev_windows": min(plan.recipe.max_dev_windows, dev_windows),
        "dev_windows_there": dev_windows,
        "tokens": updates * cost.tokens,
        "words_seen": progress.words_seen,
        "max_words_seen": budget.words if budget else None,
        "skipped_steps": list(progress.skipped),
        "flops": updates * cost.flops,
        "precision": str(cost.dtype).removeprefix("torch."),
        "device": _device_name(processes.device),
        "processes": processes.count,
        **_times_read(plan, progress),
    }


def _times_read(plan: TrainingPlan, progress: Progress) -> Facts:
    """How often windows were read, under a curriculum; without one all are read equally often."""
    if plan.windows.order is None:
        return {}
    made = sorted(set(range(plan.steps)) - set(progress.skipped))
    times = plan.windows.times_read(made, batch_size=plan.recipe.batch_size, seed=plan.seed)
    return {
        "times_read": {
            "min": int(times.min()),
            "median": float(np.median(times)),
            "max": int(times.max()),
        }
    }


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"processor, {threads} thread{'s' if threads > 1 else ''}"
