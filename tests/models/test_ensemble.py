"""Several models read as one: exactly the mean of their logits."""

import pytest
import torch

from babyllama.data.windows import Windows
from babyllama.errors import InputError
from babyllama.models.ensemble import Mixture, combine, load_ensemble, refuse_weights
from babyllama.models.loading import load_model
from babyllama.models.logits import Head
from babyllama.recipe import Mixing

CPU = torch.device("cpu")


def logits_of(folder, input_ids):
    model = load_model(folder).double()
    with torch.no_grad():
        return model(input_ids=input_ids).logits


def test_one_product_is_the_mean_of_the_logits(teachers, tokens):
    input_ids = Windows(tokens, "dev", 16).read(torch.arange(3).numpy()).input_ids
    ensemble = load_ensemble(teachers, device=CPU)
    ours = ensemble.mixture.logits(ensemble.states(input_ids).flatten(0, 1))
    mean = sum(logits_of(folder, input_ids) for folder in teachers) / len(teachers)
    torch.testing.assert_close(ours.double(), mean.flatten(0, 1), rtol=1e-4, atol=1e-5)


def test_weights_count_as_given(teachers, tokens):
    input_ids = Windows(tokens, "dev", 16).read(torch.arange(2).numpy()).input_ids
    models = [load_model(folder) for folder in teachers]
    ensemble = combine(models, 320, mixing=Mixing(weights=(0.8, 0.2)))
    ours = ensemble.mixture.logits(ensemble.states(input_ids).flatten(0, 1))
    one, other = (logits_of(folder, input_ids).flatten(0, 1) for folder in teachers)
    torch.testing.assert_close(ours.double(), 0.8 * one + 0.2 * other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_the_mean_of_probabilities_is_one_at_each_temperature(teachers, tokens, temperature):
    input_ids = Windows(tokens, "dev", 16).read(torch.arange(2).numpy()).input_ids
    models = [load_model(folder) for folder in teachers]
    ensemble = combine(models, 320, mixing=Mixing(weights=(0.7, 0.3), mean_of="probabilities"))
    z_bar = ensemble.mixture.logits(ensemble.states(input_ids).flatten(0, 1), temperature)
    one, other = (
        torch.softmax(logits_of(folder, input_ids).flatten(0, 1) / temperature, -1)
        for folder in teachers
    )
    ours = torch.softmax(z_bar.double() / temperature, -1)
    torch.testing.assert_close(ours, 0.7 * one + 0.3 * other, rtol=1e-4, atol=1e-7)


def test_softcapped_models_are_capped_before_they_are_averaged():
    generator = torch.Generator().manual_seed(0)
    states = torch.randn(5, 9, generator=generator, dtype=torch.float64)
    heads = [torch.randn(30, width, generator=generator, dtype=torch.float64) for width in (4, 5)]
    mixture = Mixture((Head(heads[0], softcap=2.0), Head(heads[1])), (0.4, 0.6))
    one, other = states[:, :4] @ heads[0].T, states[:, 4:] @ heads[1].T
    expected = 0.4 * 2.0 * torch.tanh(one / 2.0) + 0.6 * other
    torch.testing.assert_close(mixture.logits(states), expected)


@pytest.mark.parametrize(
    ("weights", "said"),
    [([1.0], "1 given for 2 models"), ([0.5, 0.6], "sum to 1.1"),
     ([1.5, -0.5], "must be 0 or more")],
)  # fmt: skip
def test_weights_that_do_not_fit_the_models_are_refused(teachers, weights, said):
    ensemble = load_ensemble(teachers, device=CPU)
    with pytest.raises(InputError, match=said):
        ensemble.mixture.with_weights(weights)


@pytest.mark.parametrize("models", [1, 2, 3, 6, 7, 12])
def test_weights_that_a_message_suggests_are_accepted(models):
    with pytest.raises(InputError) as raised:
        refuse_weights([2.0] * models, models)
    suggested = [float(weight) for weight in raised.value.mend.split(": ")[1].split()]
    assert len(suggested) == models
    refuse_weights(suggested, models)


def test_a_mixing_of_other_models_than_there_are_is_refused(teachers):
    models = [load_model(folder) for folder in teachers]
    with pytest.raises(InputError, match="1 given for 2 models"):
        combine(models, 320, mixing=Mixing(weights=(1.0,)))


def test_weights_that_are_no_mean_make_no_mixing():
    with pytest.raises(ValueError, match=r"sum to 1\.1"):
        Mixing(weights=(0.5, 0.6))


def test_rows_beyond_the_tokenizer_are_cut_off(teachers):
    model = load_model(teachers[0])
    rows = model.get_output_embeddings().weight.shape[0]
    assert combine([model], rows - 5).mixture.vocab_size == rows - 5


def test_a_model_that_knows_too_few_tokens_is_refused(teachers):
    model = load_model(teachers[0])
    rows = model.get_output_embeddings().weight.shape[0]
    with pytest.raises(InputError, match=f"has {rows} tokens, the tokenizer has {rows + 1}"):
        combine([model], rows + 1)


def test_models_of_different_vocabularies_are_refused(teachers, corpus, tmp_path):
    import shutil

    from babyllama.data.tokenizer import train_tokenizer
    from babyllama.recipe import TokenizerRecipe

    other = tmp_path / "other"
    shutil.copytree(teachers[1], other)
    train_tokenizer(corpus, TokenizerRecipe(vocab_size=310), other)
    with pytest.raises(InputError, match="different vocabularies"):
        load_ensemble([teachers[0], other], device=CPU)


def test_a_head_is_converted_once():
    weights = torch.randn(2, 7, 3, generator=torch.Generator().manual_seed(0))
    mixture = Mixture(tuple(Head(weight) for weight in weights), (0.5, 0.5))
    assert mixture.head_in(torch.float32) is mixture.head
    rounded = mixture.head_in(torch.bfloat16)
    assert rounded.weight.equal(torch.cat(list(weights / 2), dim=-1).bfloat16())
    assert mixture.head_in(torch.bfloat16) is rounded
