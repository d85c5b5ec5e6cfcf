"""AdamW's groups and the schedule."""

import pytest
import torch

from babyllama.models import new_model
from babyllama.recipe import GPT2Shape, TrainingRecipe
from babyllama.training.optimizer import learning_rate, make_optimizer

RECIPE = TrainingRecipe(
    epochs=1, batch_size=2, learning_rate=0.1, warmup_steps=10, weight_decay=0.3
)


def test_warm_up_is_linear_and_the_decay_half_a_cosine_to_zero():
    rates = [learning_rate(step, 110, RECIPE) for step in range(111)]
    assert rates[0] == pytest.approx(0.01)
    assert rates[9] == pytest.approx(0.1)
    assert rates[60] == pytest.approx(0.05)
    assert rates[110] == pytest.approx(0.0)
    assert rates[10:] == sorted(rates[10:], reverse=True)


def test_a_schedule_shorter_than_its_warm_up_still_rises():
    assert learning_rate(2, 5, RECIPE) == pytest.approx(0.03)


def test_weight_decay_spares_norms_biases_and_embeddings():
    shape = GPT2Shape(model_type="gpt2", n_embd=8, n_inner=16, n_layer=1, n_head=1)
    model = new_model(shape, 300, seed=0, separators=True)
    groups = make_optimizer(model, RECIPE).param_groups
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    decayed = {names[id(p)] for p in groups[0]["params"]}
    spared = {names[id(p)] for p in groups[1]["params"]}
    assert groups[0]["weight_decay"] == 0.3
    assert groups[1]["weight_decay"] == 0.0
    assert {"transformer.h.0.attn.c_attn.weight", "transformer.h.0.mlp.c_fc.weight"} <= decayed
    assert {"transformer.wte.weight", "transformer.wpe.weight", "transformer.ln_f.weight"} <= spared
    assert decayed | spared == set(names.values())
    assert all(p.ndim >= 2 for p in groups[0]["params"])
    assert isinstance(groups[0]["params"][0], torch.nn.Parameter)
