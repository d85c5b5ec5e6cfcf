"""An untrained model of another's shape: what its architecture scores before it has read a word.

Guessing scores 50 on minimal pairs, random weights do not: they tend to prefer the sentence with
fewer tokens, so their score depends on the tokenizer and on what a benchmark's sentences are like.
"""

import shutil
from pathlib import Path

import torch

from babyllama.data.tokenizer import load_tokenizer
from babyllama.data.tokenizer_folder import save_tokenizer
from babyllama.models.build import positions_of
from babyllama.models.loading import configuration_of
from babyllama.models.tensor_files import save_model_folder

SHAPE = ("config.json", "tokenizer.json")  # all that an untrained model takes from another


def write_untrained(like: Path, out: Path, *, seed: int) -> None:
    """Write a model folder with the configuration and the tokenizer of another, and new weights.

    Args:
        like: a model folder.
        seed: of the weights. With the seed of its training, these are the weights that the other
            model started with.
    """
    from transformers import AutoModelForCausalLM

    shutil.rmtree(out, ignore_errors=True)  # what a kill left
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(configuration_of(like), dtype=torch.float32)
    save_model_folder(model, out)
    save_tokenizer(load_tokenizer(like), out, positions=positions_of(model.config))
