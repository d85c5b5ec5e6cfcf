"""Where a training starts and what it leaves: a new model, and an ordinary model folder."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from babyllama.artefact import SCRATCH
from babyllama.models import new_model, refuse_short_positions
from babyllama.recipe import PretrainingRecipe
from babyllama.tokenizer import load_tokenizer
from babyllama.tokens import read_header, refuse_foreign_tokens, refuse_other_tokenizer
from babyllama.training.checkpoints import BEST

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def start_model(
    recipe: PretrainingRecipe, tokens: Path, tokenizer: Path, *, seed: int
) -> "PreTrainedModel":
    """A new model for these tokens: what a student starts from as well, so twins start equal."""
    vocab_size = len(load_tokenizer(tokenizer))
    refuse_short_positions(recipe, "the model")
    refuse_other_tokenizer(tokens, tokenizer)
    refuse_foreign_tokens(tokens, vocab_size, str(tokenizer))
    separators = read_header(tokens)["layout"] == "lines"
    return new_model(recipe.model, vocab_size, seed=seed, separators=separators)


def finish_model(tokenizer: Path, out: Path) -> None:
    """Turn a training folder into a model folder: the best weights and the tokenizer.

    Killed anywhere here, it can be done again: the scratch folder goes only with the manifest.
    """
    for file in sorted((out / SCRATCH / BEST).iterdir()):
        shutil.copy(file, out / file.name)
    load_tokenizer(tokenizer).save_pretrained(out)
