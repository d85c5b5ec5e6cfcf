"""Teachers and twins learn from text alone."""

import math

import pytest
import torch

from babyllama.data.tokenizer import train_tokenizer
from babyllama.data.windows import Windows
from babyllama.errors import InputError
from babyllama.models.loading import load_model
from babyllama.models.logits import form_logits, hidden_states, output_head
from babyllama.recipe import TokenizerRecipe
from babyllama.training.pretraining import pretrain, text_loss


def test_a_model_learns_the_text_and_is_a_folder_that_loads(
    tiny_recipe, tokens, tokenizer, tmp_path
):
    facts = pretrain(tiny_recipe.pretraining("twin"), tokens, tokenizer, tmp_path, seed=3)
    assert facts["dev_cross_entropy"] < math.log(320) - 0.5
    assert load_model(tmp_path).config.vocab_size == 320


def test_the_loss_is_the_cross_entropy_of_the_next_tokens(tiny_recipe, tokens, teachers):
    model = load_model(teachers[0])
    batch = Windows(tokens, "train", 16).at(0, batch_size=2, seed=0)
    hidden, head = hidden_states(model, batch.input_ids), output_head(model)
    terms = text_loss(tiny_recipe.pretraining("llama").training)(hidden, head, batch)
    logits = form_logits(hidden.flatten(0, 1), head)
    expected = torch.nn.functional.cross_entropy(logits, batch.labels.flatten())
    torch.testing.assert_close(terms.total, expected)
    assert float(terms.kl) == 0


def test_tokens_of_another_tokenizer_are_refused(tiny_recipe, corpus, tokens, tmp_path):
    other = tmp_path / "other"
    train_tokenizer(corpus, TokenizerRecipe(vocab_size=300), other)
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match="was not made by the tokenizer in"):
        pretrain(tiny_recipe.pretraining("twin"), tokens, other, tmp_path / "out", seed=3)
