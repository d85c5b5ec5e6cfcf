"""How long a training is, what each step reads, and the learning rate of each step."""

import math
from dataclasses import dataclass

import numpy as np

from babyllama.data.windows import Batch, Windows
from babyllama.errors import InputError
from babyllama.recipe import Cosine, TrainingRecipe, WarmupStableDecay, WordBudget
from babyllama.recipe.names import checkpoint_name


@dataclass(frozen=True)
class PlannedStep:
    """One update: everything about it that is known before it is made.

    Attributes:
        number: counted from 0.
        words_seen: white-space words of the text in all windows read so far, this batch's included.
        marks: names of the model folders to be written after it.
    """

    number: int
    batch: Batch
    learning_rate: float
    words_seen: int
    marks: tuple[str, ...]


@dataclass(frozen=True)
class TrainingPlan:
    """How long a training is, and what each of its steps reads.

    Attributes:
        epoch_steps: updates in one pass over the windows.
        steps: updates in total; fewer than the epochs' where a budget of words ends the training.
    """

    windows: Windows
    recipe: TrainingRecipe
    seed: int
    epoch_steps: int
    steps: int

    def step(self, number: int, words_before: int) -> PlannedStep:
        """The step of this number, after a training that has seen `words_before` words."""
        batch = self.windows.at(number, batch_size=self.recipe.batch_size, seed=self.seed)
        words = words_before + self.windows.words(batch.starts)
        rate = learning_rate(number, self.steps, self.recipe)
        return PlannedStep(number, batch, rate, words, word_marks(self.recipe, words_before, words))

    def eligible(self, number: int) -> dict[str, float]:
        """Under a curriculum: the share of the windows that an update may read."""
        order = self.windows.order
        if order is None:
            return {}
        count = order.eligible(number, self.epoch_steps, self.recipe.batch_size)
        return {"eligible": round(count / len(self.windows), 4)}

    def epoch(self, step: int) -> int:
        """The epoch of the last of `step` updates; the first epoch is 1."""
        return -(-step // self.epoch_steps)

    def ends_epoch(self, step: int) -> bool:
        """Whether the model is scored after `step` updates: at an epoch's end and at the last."""
        return step % self.epoch_steps == 0 or step == self.steps

    def saves_after(self, step: PlannedStep) -> bool:
        """Whether a checkpoint is due after this step."""
        done = step.number + 1
        is_due = done % self.recipe.checkpoint_every == 0
        return is_due or bool(step.marks) or self.ends_epoch(done)


def plan_training(windows: Windows, recipe: TrainingRecipe, *, seed: int) -> TrainingPlan:
    """Count the updates, and fit them into the budget of words.

    Raises:
        InputError: fewer windows than a batch has; epochs that read more words than the budget,
            unless the recipe stops there; a warm-up that takes all updates, or leaves too few
            before the decay.
    """
    _refuse_few_windows(windows, recipe)
    epoch_steps = windows.steps_per_epoch(recipe.batch_size)
    steps = epoch_steps * recipe.epochs
    if recipe.budget is not None:
        steps = _steps_within(recipe.budget, windows, recipe, seed=seed)
    _refuse_long_warmup(recipe, steps)
    return TrainingPlan(windows, recipe, seed, epoch_steps, steps)


def refuse_uneven(recipe: TrainingRecipe, processes: int) -> None:
    """Check that micro-batches and processes divide a batch.

    Raises:
        InputError: names both, and a batch size that works.
    """
    at_once = recipe.micro_batch_size or 1
    if recipe.batch_size % (at_once * processes):
        parts = f"{processes} processes"
        if recipe.micro_batch_size:
            parts = f"training.micro_batch_size {at_once} in each of " + parts
        nearest = max(1, round(recipe.batch_size / (at_once * processes))) * at_once * processes
        raise InputError(
            f"training.batch_size is {recipe.batch_size}, which {parts} do not divide",
            why="Every process takes the same number of windows, in full micro-batches.",
            mend=f"For example: training.batch_size={nearest}",
        )


def _refuse_few_windows(windows: Windows, recipe: TrainingRecipe) -> None:
    if len(windows) < recipe.batch_size:
        raise InputError(
            f"training.batch_size is {recipe.batch_size}, the text has {len(windows)} windows of "
            f"{recipe.window} tokens",
            why="Only full batches are read.",
            mend="Add text, or use a smaller training.batch_size: at most "
            f"{max(1, len(windows) // 10)} gives ten updates per epoch.",
        )


def learning_rate(step: int, steps: int, recipe: TrainingRecipe) -> float:
    """The learning rate of an update: linear warm-up to the peak, then the schedule.

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


def word_marks(recipe: TrainingRecipe, before: int, now: int) -> tuple[str, ...]:
    """Names of the model folders to write when words seen go from `before` to `now`."""
    return tuple(checkpoint_name(mark) for mark in recipe.word_marks if before < mark <= now)


def _steps_within(
    budget: WordBudget, windows: Windows, recipe: TrainingRecipe, *, seed: int
) -> int:
    """Updates that read no more words than the budget."""
    words = np.cumsum(
        [
            windows.words_of_steps(epoch, batch_size=recipe.batch_size, seed=seed)
            for epoch in range(recipe.epochs)
        ]
    )
    steps, epoch_steps = len(words), len(words) // recipe.epochs
    within = int(np.searchsorted(words, budget.words, side="right"))
    if within == steps or (within and budget.beyond == "stop"):
        return within
    raise InputError(
        f"training.epochs is {recipe.epochs}, which reads {words[-1]:,} words of text; "
        f"training.budget.words is {budget.words:,}",
        why=f"An epoch reads about {words[epoch_steps - 1]:,} words.",
        mend=_within_budget(within, epoch_steps),
    )


def _within_budget(steps: int, epoch_steps: int) -> str:
    """How to keep to a budget that is enough for so many updates."""
    if not steps:
        return "Give more words than one update reads, or a smaller training.batch_size."
    epochs = steps // epoch_steps
    fewer = f"training.epochs={epochs} or " if epochs else ""
    return f"Set {fewer}training.budget.beyond=stop, which ends within an epoch."


def _refuse_long_warmup(recipe: TrainingRecipe, steps: int) -> None:
    if recipe.warmup_steps >= steps:
        raise InputError(
            f"training.warmup_steps is {recipe.warmup_steps}, the training has {steps} updates",
            why="The learning rate would never reach its peak.",
            mend=f"Use at most a tenth of them: training.warmup_steps={steps // 10}",
        )
    schedule = recipe.schedule
    share = (steps - recipe.warmup_steps) / steps
    if isinstance(schedule, WarmupStableDecay) and schedule.decay > share:
        raise InputError(
            f"training.schedule.decay is {schedule.decay:g}, but the warm-up leaves "
            f"{share:.2f} of the {steps} updates",
            why="The decay would start before the learning rate reaches its peak.",
            mend="Choose a smaller training.schedule.decay, or fewer training.warmup_steps.",
        )
