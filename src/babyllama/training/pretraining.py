"""Stage: tokens -> a model trained on text alone, a teacher or a twin."""

from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from babyllama.data.windows import Batch, Windows
from babyllama.models.build import softcap_of
from babyllama.models.loss import LossTerms, cross_entropy_loss
from babyllama.recipe import PretrainingRecipe
from babyllama.runs.artefact import Facts
from babyllama.training.compilation import can_compile
from babyllama.training.folder import start_model
from babyllama.training.loop import Loss, train

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def pretrain(
    recipe: PretrainingRecipe, tokens: Path, tokenizer: Path, out: Path, *, seed: int
) -> Facts:
    """Train a new model on cross-entropy and write it as a Hugging Face folder.

    Raises:
        InputError: tokens that the tokenizer does not have, or fewer than a window.
    """
    model = start_model(recipe, tokens, tokenizer, seed=seed)
    return train(
        model,
        text_loss(model, recipe),
        Windows(tokens, "train", recipe.training.window, recipe.training.windows),
        Windows(tokens, "dev", recipe.training.window),
        recipe.training,
        tokenizer,
        out,
        seed=seed,
    )


def text_loss(model: "PreTrainedModel", recipe: PretrainingRecipe) -> Loss:
    """The loop's `loss` for a teacher or a twin: the text alone."""
    compiled = recipe.training.compile and can_compile()
    softcap = softcap_of(model)

    def loss(hidden: Tensor, head: Tensor, batch: Batch) -> LossTerms:
        return cross_entropy_loss(hidden, head, batch.labels, softcap=softcap, compiled=compiled)

    return loss
