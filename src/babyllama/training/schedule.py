"""How long a training is, and the learning rate on its way."""

import math
from dataclasses import dataclass

import numpy as np

from babyllama.data.windows import Windows
from babyllama.errors import InputError
from babyllama.recipe import Cosine, TrainingRecipe, WarmupStableDecay
from babyllama.recipe.names import checkpoint_name


@dataclass(frozen=True)
class TrainingPlan:
    """How far a training goes.

    Attributes:
        epoch_steps: updates in one pass over the windows.
        steps: updates in all; fewer than the epochs' where a budget of words stops it.
    """

    epoch_steps: int
    steps: int

    def ends_epoch(self, step: int) -> bool:
        """Whether the models are scored after this many updates; the end counts as one."""
        return step % self.epoch_steps == 0 or step == self.steps

    def epoch(self, step: int) -> int:
        """Which pass this many updates have ended, or are in; the first is 1."""
        return -(-step // self.epoch_steps)


def plan_training(windows: Windows, recipe: TrainingRecipe, *, seed: int) -> TrainingPlan:
    """Count the updates, and fit them into the budget of words.

    Raises:
        InputError: epochs that read more words than the budget and are not to stop there; a
            warm-up that takes all updates.
    """
    epoch_steps = windows.steps_per_epoch(recipe.batch_size)
    steps = epoch_steps * recipe.epochs
    if recipe.budget is not None:
        seen = np.cumsum(
            [
                windows.words_of_steps(epoch, batch_size=recipe.batch_size, seed=seed)
                for epoch in range(recipe.epochs)
            ]
        )
        within = int(np.searchsorted(seen, recipe.budget.words, side="right"))
        epochs = within // epoch_steps
        if within < steps and (recipe.budget.beyond == "refuse" or not within):
            raise InputError(
                f"training.epochs is {recipe.epochs}, which reads {seen[-1]:,} words of text; "
                f"training.budget.words is {recipe.budget.words:,}",
                why=f"An epoch reads about {seen[epoch_steps - 1]:,} words.",
                mend=(f"Train for {epochs} epochs, or stop" if epochs else "Stop")
                + " within one: training.budget.beyond=stop"
                if within
                else "Give more words than one update reads, or a smaller training.batch_size.",
            )
        steps = min(steps, within)
    if recipe.warmup_steps >= steps:
        raise InputError(
            f"training.warmup_steps is {recipe.warmup_steps}, the training has {steps} updates",
            why="The learning rate would never reach its peak.",
            mend=f"Warm up for a tenth of them at most: training.warmup_steps={steps // 10}",
        )
    schedule = recipe.schedule
    if isinstance(schedule, WarmupStableDecay):
        room = (steps - recipe.warmup_steps) / steps
        if schedule.decay > room:
            raise InputError(
                f"training.schedule.decay is {schedule.decay:g}, but the warm-up leaves "
                f"{room:.2f} of the {steps} updates",
                why="The rate would fall from a peak that it never reached.",
                mend="Choose a smaller training.schedule.decay, or fewer training.warmup_steps.",
            )
    return TrainingPlan(epoch_steps, steps)


def learning_rate(step: int, steps: int, recipe: TrainingRecipe) -> float:
    """The rate of an update: a line up to the peak, then what the schedule says.

    Source: warm-up-stable-decay is Hu et al. 2024 (arXiv 2404.06395), section 4.
    """
    if step < recipe.warmup_steps:
        return recipe.learning_rate * (step + 1) / recipe.warmup_steps
    schedule = recipe.schedule
    done = (step - recipe.warmup_steps) / max(1, steps - recipe.warmup_steps)
    if isinstance(schedule, WarmupStableDecay):
        done = max(0.0, 1 - (steps - step) / (schedule.decay * steps))
    left = 1 - min(done, 1.0)
    if isinstance(schedule, Cosine):
        left = 0.5 * (1 - math.cos(math.pi * left))
    return recipe.learning_rate * (schedule.final + (1 - schedule.final) * left)


def word_marks(recipe: TrainingRecipe, before: int, now: int) -> list[str]:
    """Names of the model folders that are due when words seen go from `before` to `now`."""
    return [checkpoint_name(mark) for mark in recipe.word_marks if before < mark <= now]
