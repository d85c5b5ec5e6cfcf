"""Stage: tokens -> a model trained on text only, a teacher or a twin."""

from pathlib import Path

from torch import Tensor

from babyllama.data.windows import Batch, Windows
from babyllama.models.logits import Head
from babyllama.models.loss import LossTerms, cross_entropy_loss
from babyllama.recipe import PretrainingRecipe, TrainingRecipe
from babyllama.runs.artefact import Facts
from babyllama.training.compilation import can_compile
from babyllama.training.folder import start_model
from babyllama.training.gradient import Loss
from babyllama.training.loop import train


def pretrain(
    recipe: PretrainingRecipe, tokens: Path, tokenizer: Path, out: Path, *, seed: int
) -> Facts:
    """Train a new model on cross-entropy and write it as a Hugging Face folder.

    Raises:
        InputError: tokens of another tokenizer, or fewer than a window.
    """
    model = start_model(recipe, tokens, tokenizer, seed=seed)
    return train(
        model,
        text_loss(recipe.training),
        Windows(tokens, "train", recipe.training.window, recipe.training.windows),
        Windows(tokens, "dev", recipe.training.window),
        recipe.training,
        tokenizer,
        out,
        seed=seed,
    )


def text_loss(recipe: TrainingRecipe) -> Loss:
    """The loop's `loss` for a teacher or a twin: cross-entropy."""
    compiled = recipe.compile and can_compile()

    def loss(hidden: Tensor, head: Head, batch: Batch) -> LossTerms:
        return cross_entropy_loss(hidden, head, batch.labels, compiled=compiled)

    return loss
