"""Stage: tokens -> a model trained on text alone, a teacher or a twin."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from babyllama.artefact import Facts
from babyllama.losses import LossTerms, cross_entropy_loss
from babyllama.models import new_model, save_model
from babyllama.recipe import PretrainingRecipe
from babyllama.tokenizer import load_tokenizer
from babyllama.tokens import Batch, Windows, read_header, refuse_foreign_tokens
from babyllama.training.loop import train

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
    facts = train(
        model,
        _cross_entropy,
        Windows(tokens, "train", recipe.training.window),
        Windows(tokens, "dev", recipe.training.window),
        recipe.training,
        out,
        seed=seed,
    )
    finish_model(tokenizer, out)
    return facts


def start_model(
    recipe: PretrainingRecipe, tokens: Path, tokenizer: Path, *, seed: int
) -> "PreTrainedModel":
    """A new model for these tokens: what a student starts from as well, so twins start equal."""
    vocab_size = len(load_tokenizer(tokenizer))
    refuse_foreign_tokens(tokens, vocab_size, str(tokenizer))
    separators = read_header(tokens)["layout"] == "lines"
    return new_model(recipe.model, vocab_size, seed=seed, separators=separators)


def finish_model(tokenizer: Path, out: Path) -> None:
    """Turn a training folder into a model folder: best weights, tokenizer, no checkpoints."""
    for file in sorted((out / "best").iterdir()):
        file.replace(out / file.name)
    (out / "best").rmdir()
    load_tokenizer(tokenizer).save_pretrained(out)
    shutil.rmtree(out / "checkpoints", ignore_errors=True)


def _cross_entropy(hidden: Tensor, head: Tensor, batch: Batch) -> LossTerms:
    return cross_entropy_loss(hidden, head, batch.labels)
