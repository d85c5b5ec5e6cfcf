"""The new model that a training starts with, and the model folder that it writes."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from babyllama.data.tokenizer import load_tokenizer
from babyllama.data.tokenizer_folder import save_tokenizer
from babyllama.data.windows import read_header, refuse_foreign_tokens, refuse_other_tokenizer
from babyllama.errors import InputError
from babyllama.models.build import SpecialTokens, new_model, positions_of, refuse_short_positions
from babyllama.models.documents import refuse_joined_documents
from babyllama.models.loading import configuration_of
from babyllama.models.tensor_files import save_model_folder
from babyllama.recipe import PretrainingRecipe
from babyllama.training.processes import Processes, gathered
from babyllama.training.written import damage

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def start_model(
    recipe: PretrainingRecipe, tokens: Path, tokenizer: Path, *, seed: int
) -> "PreTrainedModel":
    """A new model for these tokens. Students start here too, so twins start equal."""
    loaded = load_tokenizer(tokenizer)
    vocab_size = len(loaded)
    refuse_short_positions(recipe, "the model")
    refuse_other_tokenizer(tokens, tokenizer)
    refuse_foreign_tokens(tokens, vocab_size, str(tokenizer))
    header = read_header(tokens)
    separators = header["layout"] == "lines"
    pad, bos, eos = loaded.pad_token_id, loaded.bos_token_id, loaded.eos_token_id
    # Models do not learn the embedding of their padding token, so it must be none of the text's.
    special = SpecialTokens(None if pad in (bos, eos) else pad, bos, eos)
    model = new_model(recipe.model, vocab_size, seed=seed, separators=separators, special=special)
    if header.get("documents") == "separate":
        refuse_joined_documents(model, recipe.training.window)
    return model


def save_model(model: "PreTrainedModel", folder: Path, processes: Processes) -> None:
    """Write a model folder without a tokenizer. Every process takes part, the first one writes."""
    if processes.count == 1:
        save_model_folder(model, folder)
        return
    named = dict(model.named_parameters()) | dict(model.named_buffers())  # a tied weight once
    weights = {
        name: gathered(value.detach()).cpu()
        for name, value in model.state_dict().items()
        if name in named
    }
    if processes.is_first:
        save_model_folder(model, folder, weights)
    processes.wait()


def finish_model(tokenizer: Path, out: Path, best: Path, written: Mapping[str, str]) -> None:
    """Turn a training folder into a model folder: the best weights and the tokenizer.

    After a kill it can be repeated: the best model is deleted only once the manifest is written.

    Args:
        written: the hashes of what the training has written.

    Raises:
        InputError: a file of the best model, or of a model along the way, has changed since.
    """
    for file in sorted(best.iterdir()):
        shutil.copy(file, out / file.name)
    copied_from = f"{best.relative_to(out).as_posix()}/"
    if fault := damage(out, {name.removeprefix(copied_from): h for name, h in written.items()}):
        raise InputError(
            fault,
            why="It is part of the finished model.",
            mend="Run the same command again: it goes back to an earlier checkpoint.",
        )
    loaded = load_tokenizer(tokenizer)
    positions = positions_of(configuration_of(out))
    for folder in (out, *out.glob("chck_*")):
        save_tokenizer(loaded, folder, positions=positions)
