"""Hidden states and output head give a model's own logits, whatever its head consists of."""

import pytest
import torch

from babyllama.data.windows import IGNORE_INDEX
from babyllama.errors import InputError
from babyllama.models.build import new_model
from babyllama.models.loading import load_model
from babyllama.models.logits import (
    Head,
    form_logits,
    hidden_states,
    output_head,
    refuse_unread_head,
    token_log_probabilities,
)
from babyllama.models.loss import cross_entropy_loss
from babyllama.recipe import LlamaShape, OtherShape

LLAMA = LlamaShape(
    model_type="llama", hidden_size=16, intermediate_size=24, num_hidden_layers=2,
    num_attention_heads=2,
)  # fmt: skip
SMALL = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1,
         "num_attention_heads": 2, "num_key_value_heads": 2}  # fmt: skip
UNUSUAL_HEADS = {
    "gptj": {"n_embd": 16, "n_layer": 1, "n_head": 2, "rotary_dim": 4},  # bias
    "phi": SMALL,  # bias
    "cohere": {**SMALL, "logit_scale": 0.3},
    "granite": {**SMALL, "logits_scaling": 8.0},
    "gemma2": {**SMALL, "head_dim": 8, "final_logit_softcapping": 2.0},
}


def unusual(architecture):
    """A model whose head is not a product alone, with logits of a trained model's size."""
    shape = OtherShape(
        model_type="other", architecture=architecture, settings=UNUSUAL_HEADS[architecture]
    )
    model = new_model(shape, 300, seed=0, separators=True).eval()
    head = model.get_output_embeddings()
    with torch.no_grad():
        head.weight.mul_(20)
        if head.bias is not None:
            head.bias.normal_(generator=torch.Generator().manual_seed(0))
    refuse_unread_head(model)
    return model


def random_head(seed=0, **parts):
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(20, 5, generator=generator, dtype=torch.float64)
    return Head(weight, torch.randn(20, generator=generator, dtype=torch.float64), **parts)


def test_hidden_states_and_head_give_the_models_own_logits(teachers):
    for folder in teachers:
        model = load_model(folder)
        input_ids = torch.arange(3, 11).reshape(2, 4)
        head = output_head(model)
        with torch.no_grad():
            expected = model(input_ids=input_ids).logits
            ours = hidden_states(model, input_ids) @ head.weight.T
        assert (head.bias, head.scale, head.softcap) == (None, 1.0, None)
        torch.testing.assert_close(ours, expected)


@pytest.mark.parametrize("architecture", UNUSUAL_HEADS)
def test_heads_with_bias_scale_or_softcap_give_the_models_own_logits(architecture):
    model = unusual(architecture)
    input_ids = torch.arange(3, 11).reshape(2, 4)
    with torch.no_grad():
        expected = model(input_ids=input_ids).logits
        states = hidden_states(model, input_ids).flatten(0, 1)
        ours = form_logits(states, output_head(model))
    torch.testing.assert_close(ours, expected.flatten(0, 1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("architecture", ["gptj", "cohere", "gemma2"])
def test_training_through_an_unusual_head_has_the_models_own_gradients(architecture):
    model = unusual(architecture).double()
    input_ids = torch.arange(3, 11).reshape(2, 4)
    labels = torch.cat([input_ids[:, 1:], torch.full((2, 1), -100)], dim=1)
    ours = cross_entropy_loss(hidden_states(model, input_ids), output_head(model), labels).total
    logits = model(input_ids=input_ids).logits.double()
    theirs = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
    # Gemma 2 takes its softcap in float32 whatever the model's precision.
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)
    parameters = list(model.parameters())
    for one, other in zip(
        torch.autograd.grad(ours, parameters), torch.autograd.grad(theirs, parameters), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)


def test_an_architecture_that_does_something_else_to_its_logits_is_refused():
    model = new_model(LLAMA, 300, seed=0, separators=True)
    head = model.get_output_embeddings()
    head.register_forward_hook(lambda _module, _inputs, logits: logits.abs())
    with pytest.raises(InputError, match="llama forms its logits in a way that babyllama does not"):
        refuse_unread_head(model)


def test_logits_are_the_product_then_the_bias_then_the_scale_then_the_softcap():
    head = random_head(scale=0.5, softcap=3.0)
    states = torch.randn(7, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    expected = 3.0 * torch.tanh(0.5 * (states @ head.weight.T + head.bias) / 3.0)
    torch.testing.assert_close(form_logits(states, head), expected)


def test_a_head_as_one_product_gives_the_same_logits():
    head = random_head(scale=0.5, softcap=3.0)
    states = torch.randn(7, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    product = head.as_product()
    assert (product.bias, product.scale, product.softcap) == (None, 1.0, 3.0)
    torch.testing.assert_close(
        form_logits(head.with_bias_column(states), product), form_logits(states, head)
    )


def test_a_plain_head_is_its_own_product():
    head = Head(torch.ones(4, 3))
    assert head.as_product().weight is head.weight
    states = torch.ones(2, 3)
    assert head.with_bias_column(states) is states


def test_logits_of_bfloat16_states_are_float32():
    states, weight = torch.ones(2, 3, dtype=torch.bfloat16), torch.ones(4, 3)
    assert form_logits(states, Head(weight)).dtype == torch.float32


def test_token_log_probabilities_equal_a_full_softmax():
    generator = torch.Generator().manual_seed(11)
    logits = torch.randn(50, 30, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, 30, (50,), generator=generator)
    labels[[3, 49]] = IGNORE_INDEX
    ours = token_log_probabilities(lambda part: logits[part], labels, chunk=7)
    expected = torch.log_softmax(logits, dim=-1).gather(1, labels.clamp(min=0)[:, None])[:, 0]
    expected[labels == IGNORE_INDEX] = 0
    torch.testing.assert_close(ours, expected)
