"""Several models read as one: exactly the mean of their logits."""

import pytest
import torch

from babyllama.ensemble import combine, load_ensemble
from babyllama.errors import InputError
from babyllama.losses import form_logits
from babyllama.models import load_model
from babyllama.tokens import Windows

CPU = torch.device("cpu")


def logits_of(folder, input_ids):
    model = load_model(folder).double()
    with torch.no_grad():
        return model(input_ids=input_ids).logits


def test_one_product_is_the_mean_of_the_logits(teachers, tokens):
    input_ids = Windows(tokens, "dev", 16).read(torch.arange(3).numpy()).input_ids
    ensemble = load_ensemble(teachers, device=CPU)
    ours = form_logits(ensemble.states(input_ids).flatten(0, 1), ensemble.head)
    mean = sum(logits_of(folder, input_ids) for folder in teachers) / len(teachers)
    torch.testing.assert_close(ours.double(), mean.flatten(0, 1), rtol=1e-4, atol=1e-5)


def test_weights_count_as_given(teachers, tokens):
    input_ids = Windows(tokens, "dev", 16).read(torch.arange(2).numpy()).input_ids
    models = [load_model(folder) for folder in teachers]
    ensemble = combine(models, 320, weights=[0.8, 0.2])
    ours = form_logits(ensemble.states(input_ids).flatten(0, 1), ensemble.head)
    one, other = (logits_of(folder, input_ids).flatten(0, 1) for folder in teachers)
    torch.testing.assert_close(ours.double(), 0.8 * one + 0.2 * other, rtol=1e-4, atol=1e-5)


def test_rows_beyond_the_tokenizer_are_cut_off(teachers):
    model = load_model(teachers[0])
    rows = model.get_output_embeddings().weight.shape[0]
    assert combine([model], rows - 5).head.shape[0] == rows - 5


def test_a_model_that_knows_too_few_tokens_is_refused(teachers):
    model = load_model(teachers[0])
    rows = model.get_output_embeddings().weight.shape[0]
    with pytest.raises(InputError, match=f"knows {rows} tokens, the tokenizer has {rows + 1}"):
        combine([model], rows + 1)


def test_models_of_different_vocabularies_are_refused(teachers, corpus, tmp_path):
    import shutil

    from babyllama.recipe import TokenizerRecipe
    from babyllama.tokenizer import train_tokenizer

    other = tmp_path / "other"
    shutil.copytree(teachers[1], other)
    train_tokenizer(corpus, TokenizerRecipe(vocab_size=310), other)
    with pytest.raises(InputError, match="different vocabularies"):
        load_ensemble([teachers[0], other], device=CPU)
