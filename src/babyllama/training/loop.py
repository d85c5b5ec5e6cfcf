"""The loop. Teachers, twins and students differ in `loss` alone.

What happens in a step is visible here or one call away. The order of the data and the dropout of a
step are functions of (seed, step), so a killed run resumes to the same bits.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from babyllama.console import Interrupted, Stop, print_status, stoppable
from babyllama.data.windows import Windows
from babyllama.models.precision import compute_dtype
from babyllama.recipe import TrainingRecipe
from babyllama.runs.artefact import Facts, finished_folder
from babyllama.runs.layout import TRAINING_LOG
from babyllama.runs.unfinished import SCRATCH
from babyllama.training.average import make_average
from babyllama.training.checkpoints import Checkpoints, Progress, State, origin_of
from babyllama.training.compilation import is_of_compiler
from babyllama.training.dev_scores import dev_cross_entropy, end_epoch
from babyllama.training.facts import training_facts
from babyllama.training.folder import finish_model
from babyllama.training.gradient import Gradients, Loss, prepare
from babyllama.training.guard import Diverged, Guard
from babyllama.training.log import LogWriter
from babyllama.training.meter import reset_peak_memory
from babyllama.training.optimizer import make_optimizer
from babyllama.training.processes import Processes
from babyllama.training.schedule import (
    TrainingPlan,
    plan_training,
    refuse_uneven,
)
from babyllama.training.speed import StepCost

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_MOST_REWINDS = 20  # a training that diverges more often needs another recipe


def train(
    model: "PreTrainedModel",
    loss: Loss,
    windows: Windows,
    dev_windows: Windows,
    recipe: TrainingRecipe,
    tokenizer: Path,
    out: Path,
    *,
    seed: int,
    teacher_products: tuple[tuple[int, int], ...] = (),
) -> Facts:
    """Train `model` in place, and write the best of its weights as a model folder.

    Args:
        loss: from the student's hidden states, its head and the batch to the terms of the loss.
        tokenizer: is copied into the model folders, and decodes the windows of a step that
            diverges.
        out: the folder. It also gets `training.jsonl`, with a line per logged step and epoch, a
            model folder `chck_*` for each mark of words seen, and `checkpoints/` while training. A
            run that finds checkpoints there resumes from the newest.
        teacher_products: (inputs, outputs) of the products that the loss computes besides the
            student's own. The share of the machine's speed counts them.

    Returns:
        steps, epochs, words, dev cross-entropy, FLOPs, peak memory and speed, for the manifest.

    Raises:
        InputError: a recipe that does not fit the windows or the number of processes, a checkpoint
            of another training.
        Diverged: a step diverged. Interrupted: after Ctrl-C or SIGTERM, with all saved.
    """
    reset_peak_memory()
    processes = Processes()
    refuse_uneven(recipe, processes.count)
    plan = plan_training(windows, recipe, seed=seed)
    dtype = compute_dtype(recipe.precision, processes.device)
    forward = prepare(model, recipe, dtype, processes)
    state = State(
        model=model,
        optimizer=make_optimizer(model, recipe),
        average=make_average(model, recipe, out / SCRATCH),
        origin=origin_of(model, recipe, windows, dtype, processes, seed=seed),
    )
    checkpoints = Checkpoints(out, state, processes, recipe.keep)
    gradients = Gradients(forward, loss, recipe, dtype, processes, seed)
    dev_score = partial(dev_cross_entropy, forward, dev_windows, recipe, processes)
    cost = StepCost(model, recipe, dtype, teacher_products, processes.count)
    log = LogWriter(out / TRAINING_LOG, plan, cost, writes=processes.is_first)

    progress = checkpoints.load() or Progress()
    if plan.windows.order and processes.is_first:
        print_status(f"  {finished_folder(out).name}: {plan.windows.order}")
    with stoppable() as stop, log:
        if recipe.on_divergence == "rewind" and progress.step == 0:
            checkpoints.save(progress)  # so that a rewind has something to go back to
        log.resume_at(progress.step)
        while progress.step < plan.steps:
            guard = Guard(out, tokenizer, log, processes.device, progress.recent)
            try:
                progress = _steps(
                    progress, plan, gradients, guard, checkpoints, dev_score, log, stop
                )
            except Diverged as diverged:
                if recipe.on_divergence == "stop" or len(progress.skipped) >= _MOST_REWINDS:
                    raise
                progress = _rewind(diverged, checkpoints, log)
            except Exception as error:
                if stop.requested and is_of_compiler(error):
                    raise Interrupted from error
                raise
        if processes.any(stop.requested):  # since the last step: all is saved
            raise Interrupted
    if processes.is_first:
        finish_model(tokenizer, out, out / progress.best_folder, progress.written)
    facts = training_facts(state, plan, progress, cost, processes, dev_windows=len(dev_windows))
    return facts | log.summary()


def _steps(
    progress: Progress,
    plan: TrainingPlan,
    gradients: Gradients,
    guard: Guard,
    checkpoints: Checkpoints,
    dev_score: Callable[[], float],
    log: LogWriter,
    stop: Stop,
) -> Progress:
    """Train from where the run stands to its end."""
    optimizer, average = checkpoints.state.optimizer, checkpoints.state.average
    for number in range(progress.step, plan.steps):
        step = plan.step(number, progress.words_seen)
        if number not in progress.skipped:
            optimizer.set_learning_rate(step.learning_rate)
            numbers = gradients.compute(step.batch, number, stop)  # forward and backward
            guard.judge(step, numbers)  # logs the step before this one, or raises if it diverged
            optimizer.step(skip_if=guard.diverged)
            optimizer.zero_grad()
            if average:
                average.update(number + 1)
        progress = replace(progress, step=number + 1, words_seen=step.words_seen)

        if plan.saves_after(step) or guard.stop_requested:
            guard.catch_up()  # nothing that diverged is ever saved
            with log.pause():
                for mark in step.marks:
                    progress = checkpoints.save_model(mark, progress)
                if plan.ends_epoch(number + 1):
                    epoch = plan.epoch(number + 1)
                    progress = end_epoch(progress, epoch, dev_score, checkpoints, log)
                progress = replace(progress, recent=tuple(guard.recent))
                checkpoints.save(progress)
        if guard.stop_requested:
            raise Interrupted
    return progress


def _rewind(diverged: Diverged, checkpoints: Checkpoints, log: LogWriter) -> Progress:
    """Go back to the newest checkpoint, and skip the windows of the step that diverged."""
    checkpoints.state.optimizer.zero_grad()
    progress = checkpoints.load()
    if progress is None:  # none of them can be read
        raise diverged
    progress = replace(progress, skipped=(*progress.skipped, diverged.step))
    checkpoints.save(progress)
    log.resume_at(progress.step)
    log.rewound(progress.step, diverged.step, diverged.what)
    return progress
