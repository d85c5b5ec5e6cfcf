"""What a training starts with and leaves in its folder."""

import shutil

import pytest
from safetensors.torch import load_file
from small_trainings import run, same, with_training

from babyllama.data.tokenizer import load_tokenizer, train_tokenizer
from babyllama.data.tokens import tokenize
from babyllama.errors import InputError
from babyllama.recipe import TokenizerRecipe, TokensRecipe
from babyllama.training.folder import finish_model, start_model
from babyllama.training.written import hashes


def test_the_same_seed_starts_the_same_model(tiny_recipe, tokens, tokenizer):
    part = tiny_recipe.pretraining("llama")
    one, other, third = (start_model(part, tokens, tokenizer, seed=seed).state_dict()
                         for seed in (1, 1, 2))  # fmt: skip
    assert same(one, other)
    assert not same(one, third)


def test_a_model_does_not_start_on_tokens_of_another_tokenizer(
    tiny_recipe, tokens, corpus, tmp_path
):
    train_tokenizer(corpus, TokenizerRecipe(vocab_size=300), tmp_path / "other")
    with pytest.raises(InputError, match="was not made by the tokenizer in"):
        start_model(tiny_recipe.pretraining("llama"), tokens, tmp_path / "other", seed=1)


def test_a_model_without_room_for_a_window_does_not_start(tiny_recipe, tokens, tokenizer):
    part = with_training(tiny_recipe.pretraining("llama"), window=65)
    with pytest.raises(InputError, match=r"training.window is 65, .* only 64 positions"):
        start_model(part, tokens, tokenizer, seed=1)


def test_finishing_can_be_repeated_after_a_kill(tiny_recipe, tokens, tokenizer, tmp_path):
    part = with_training(tiny_recipe.pretraining("llama"), batch_size=64)
    run(part, tokens, tokenizer, tmp_path / "m")
    folder = next((tmp_path / "m" / "checkpoints").glob("best-*"))
    best = load_file(folder / "model.safetensors")
    written = hashes(tmp_path / "m", [folder])
    (tmp_path / "m" / "model.safetensors").write_bytes(b"cut short")
    (tmp_path / "m" / "tokenizer.json").unlink()
    shutil.copytree(folder, tmp_path / "m" / "chck_1M")
    finish_model(tokenizer, tmp_path / "m", folder, written)
    assert same(best, load_file(tmp_path / "m" / "model.safetensors"))
    for each in (tmp_path / "m", tmp_path / "m" / "chck_1M"):
        assert load_tokenizer(each).model_max_length == 64  # the model's positions
    (folder / "model.safetensors").write_bytes(b"cut short")
    with pytest.raises(InputError, match=r"m/model\.safetensors has changed since it was written"):
        finish_model(tokenizer, tmp_path / "m", folder, written)


@pytest.mark.parametrize("pad", [None, "</s>"])
def test_a_model_names_the_special_tokens_of_anybodys_tokenizer(
    tiny_recipe, corpus, tokenizer, tmp_path, capsys, pad
):
    library = load_tokenizer(tokenizer)
    library.pad_token, library.bos_token = pad, library.eos_token
    library.save_pretrained(tmp_path / "other")
    (tmp_path / "tokens").mkdir()
    tokenize(corpus, tmp_path / "other", TokensRecipe(), tmp_path / "tokens")
    assert "</s> begins every line and also ends every document" in capsys.readouterr().err

    model = start_model(
        tiny_recipe.pretraining("llama"), tmp_path / "tokens", tmp_path / "other", seed=1
    )

    config = model.config
    assert (config.pad_token_id, config.bos_token_id, config.eos_token_id) == (None, 2, 2)
    assert model.get_input_embeddings().padding_idx is None  # every token of the text is learnt
