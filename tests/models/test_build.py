"""Models from recipes and from folders."""

import pytest
import torch
from transformers import AutoConfig

from babyllama.errors import InputError
from babyllama.models.build import (
    configuration,
    flops_per_token,
    new_model,
    parameter_count,
    planned_flops_per_token,
    positions_of,
    product_shapes,
    refuse_short_positions,
    shortest_positions,
)
from babyllama.models.loading import load_model
from babyllama.models.logits import hidden_states, output_head
from babyllama.recipe import LlamaShape, OtherShape, load_recipe

LLAMA = LlamaShape(
    model_type="llama", hidden_size=16, intermediate_size=24, num_hidden_layers=2,
    num_attention_heads=2,
)  # fmt: skip
CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("llama", 359_973_888),
        ("gpt2", 704_928_768),
        ("distilled", 58_343_936),
        ("twin", 58_343_936),
    ],
)
def test_the_papers_models_have_the_papers_sizes(name, parameters):
    recipe = load_recipe("strict-small")
    assert parameter_count(recipe.pretraining(name).model, 16_000) == parameters


def test_the_same_seed_gives_the_same_weights():
    models = [new_model(LLAMA, 300, seed=seed, separators=True) for seed in (1, 1, 2)]
    heads = [output_head(model) for model in models]
    assert torch.equal(heads[0].weight, heads[1].weight)
    assert not torch.equal(heads[0].weight, heads[2].weight)


def test_a_model_that_never_sees_separators_does_not_name_them():
    assert new_model(LLAMA, 300, seed=0, separators=False).config.bos_token_id is None
    assert new_model(LLAMA, 300, seed=0, separators=True).config.bos_token_id == 1


def test_any_causal_architecture_of_transformers_can_be_made():
    shape = OtherShape(
        model_type="other", architecture="gpt_neox",
        settings={"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
                  "intermediate_size": 32, "max_position_embeddings": 32},
    )  # fmt: skip
    model = new_model(shape, 300, seed=0, separators=True)
    assert hidden_states(model, torch.zeros(1, 4, dtype=torch.int64)).shape == (1, 4, 16)


def test_an_unknown_architecture_is_refused_by_name():
    shape = OtherShape(model_type="other", architecture="llamma")
    with pytest.raises(InputError, match="llamma"):
        new_model(shape, 300, seed=0, separators=True)


def test_flops_count_every_weight_matrix_once(teachers):
    for folder in teachers:
        model = load_model(folder)
        counted = sum(rows * columns for rows, columns in product_shapes(model))
        matrices = sum(
            p.numel()
            for name, p in model.named_parameters()
            if p.ndim == 2 and not any(part in name for part in ("embed", "wte", "wpe"))
        )
        head = output_head(model).weight.numel()
        tied = model.config.tie_word_embeddings
        assert counted == matrices + (head if tied else 0)
        assert flops_per_token(model) == 2 * counted


def test_a_planned_model_costs_what_the_made_one_does():
    made = new_model(LLAMA, 300, seed=0, separators=True)
    assert planned_flops_per_token(LLAMA, 300) == flops_per_token(made)


def test_a_window_longer_than_the_positions_is_refused(tiny_recipe):
    part = tiny_recipe.pretraining("gpt2")
    training = part.training.model_copy(update={"window": 65})
    with pytest.raises(InputError, match=r"window is 65.*64 positions"):
        refuse_short_positions(part.model_copy(update={"training": training}), "gpt2")


@pytest.mark.parametrize(
    ("architecture", "settings", "said"),
    [
        ("t5", {}, "cannot be made"),  # no decoder alone
        ("gpt_neox", {"hidden_size": 10, "num_attention_heads": 3}, "number of attention"),
        ("gpt_neo", {"pad_token_id": 5_000}, "settings.pad_token_id is 5000"),
        ("llama", {"vocab_size": 50}, "settings.vocab_size is 50"),
        ("llamma", {}, "model llamma cannot be made"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(architecture, settings, said):
    shape = OtherShape(model_type="other", architecture=architecture, settings=settings)
    with pytest.raises(InputError, match=said) as raised:
        new_model(shape, 300, seed=0, separators=True)
    assert len(str(raised.value)) < 500  # a library may list all that it knows
    with pytest.raises(InputError):
        parameter_count(shape, 300)


def test_positions_are_what_the_model_can_see_and_shifted_ones_are_counted():
    roberta = AutoConfig.for_model("roberta", max_position_embeddings=66, pad_token_id=1)
    llama = configuration(LLAMA, 300, separators=True)
    assert positions_of(roberta) == 64
    assert positions_of(llama) == 256
    assert positions_of(AutoConfig.for_model("t5")) is None
    assert shortest_positions([llama, roberta]) == 64
    assert shortest_positions([AutoConfig.for_model("t5")]) is None


def test_a_configuration_names_separators_only_where_the_text_has_them():
    assert configuration(LLAMA, 300, separators=True).eos_token_id == 2
    assert configuration(LLAMA, 300, separators=False).eos_token_id is None
