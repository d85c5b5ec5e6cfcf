"""A saved tokenizer says everything that some release of transformers would guess wrongly."""

import json

import pytest
from random_models import variant

from babyllama.data.tokenizer import load_tokenizer
from babyllama.data.tokenizer_folder import save_tokenizer


def test_a_folder_names_what_releases_before_5_would_guess_wrongly(tokenizer, tmp_path):
    config = json.loads((tokenizer / "tokenizer_config.json").read_text(encoding="utf-8"))

    assert config == {
        "add_prefix_space": True,
        "bos_token": "<s>",
        "clean_up_tokenization_spaces": False,
        "eos_token": "</s>",
        "model_input_names": ["input_ids", "attention_mask"],
        "pad_token": "<pad>",
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
    save_tokenizer(load_tokenizer(tokenizer), tmp_path, positions=128)
    saved = json.loads((tmp_path / "tokenizer_config.json").read_text(encoding="utf-8"))
    assert saved == config | {"model_max_length": 128}


@pytest.mark.parametrize("space", [True, False])
def test_a_tokenizer_of_anybodys_is_saved_as_it_encodes(tokenizer, tmp_path, space):
    made = variant(tokenizer, adds_space=space, masks=True, additional_special_tokens=["<x>"])
    made.save_pretrained(tmp_path / "theirs")
    library = load_tokenizer(tmp_path / "theirs")

    save_tokenizer(library, tmp_path / "ours")

    config = json.loads((tmp_path / "ours" / "tokenizer_config.json").read_text(encoding="utf-8"))
    assert (config["add_prefix_space"], config["additional_special_tokens"]) == (space, ["<x>"])
    loaded = load_tokenizer(tmp_path / "ours")
    assert loaded("The cat")["input_ids"] == library("The cat")["input_ids"]
    assert loaded("The cat")["input_ids"][0] == 1
