"""Parameter groups, Muon's share, skipped updates, and the ascent of SAM."""

import pytest
import torch
from torch import nn

from babyllama.models.build import new_model
from babyllama.recipe import GPT2Shape, LlamaShape, TrainingRecipe
from babyllama.training.optimizer import make_optimizer, sam_ascent

GPT2 = GPT2Shape(model_type="gpt2", n_embd=8, n_inner=16, n_layer=1, n_head=1)
LLAMA = LlamaShape(
    model_type="llama",
    hidden_size=8,
    intermediate_size=12,
    num_hidden_layers=1,
    num_attention_heads=2,
)


def recipe(**optimizer):
    return TrainingRecipe.model_validate(
        {"epochs": 1, "batch_size": 2, "learning_rate": 0.1, "optimizer": optimizer}
    )


def named_groups(model, optimizer):
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return [
        ({names[id(p)] for p in group["params"]}, group["weight_decay"])
        for group in optimizer.param_groups
    ]


def test_weight_decay_leaves_out_norms_biases_and_embeddings():
    model = new_model(GPT2, 300, seed=0, separators=True)
    optimizer = make_optimizer(model, recipe(kind="adamw", weight_decay=0.3))
    (decayed, strength), (spared, none) = named_groups(model, optimizer)
    assert (strength, none) == (0.3, 0.0)
    assert {"transformer.h.0.attn.c_attn.weight", "transformer.h.0.mlp.c_fc.weight"} <= decayed
    assert {"transformer.wte.weight", "transformer.wpe.weight", "transformer.ln_f.weight"} <= spared
    assert decayed | spared == {name for name, _ in model.named_parameters()}


def test_a_recipe_can_let_everything_decay():
    model = new_model(GPT2, 300, seed=0, separators=True)
    optimizer = make_optimizer(model, recipe(kind="adamw", weight_decay=0.3, decay="all"))
    assert [strength for _, strength in named_groups(model, optimizer)] == [0.3, 0.3]


@pytest.mark.parametrize("kind", ["muon", "sam"])
def test_muon_takes_the_blocks_matrices_and_adamw_the_rest(kind):
    model = new_model(LLAMA, 300, seed=0, separators=True)
    muon = {"kind": "muon", "weight_decay": 0.1, "rest": {"weight_decay": 0.2, "beta2": 0.95}}
    chosen = muon if kind == "muon" else {"kind": "sam", "around": muon}
    optimizer = make_optimizer(model, recipe(**chosen))
    assert [type(part).__name__ for part in optimizer.parts] == ["Muon", "AdamW"]
    (inner, _), (head, decay), (others, _) = named_groups(model, optimizer)
    assert all(".layers.0." in name and "norm" not in name for name in inner)
    assert len(inner) == 7
    assert head == {"lm_head.weight"}
    assert decay == 0.2
    assert "model.embed_tokens.weight" in others
    assert optimizer.parts[1].param_groups[0]["betas"] == (0.9, 0.95)


def test_muons_update_is_as_large_as_adamws():
    matrix = nn.Parameter(torch.randn(64, 48, generator=torch.Generator().manual_seed(0)))
    block = nn.Module()
    block.layers = nn.ModuleList([nn.Module()])
    block.layers[0].weight = matrix
    optimizer = make_optimizer(block, recipe(kind="muon"))
    before = matrix.detach().clone()
    matrix.grad = torch.randn(64, 48, generator=torch.Generator().manual_seed(1))
    optimizer.set_learning_rate(0.1)
    optimizer.parts[0].step()
    root_mean_square = (matrix - before).square().mean().sqrt()
    assert 0.1 * 0.15 < root_mean_square < 0.1 * 0.3  # AdamW's is about 0.2 of its rate


@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_an_update_that_is_to_be_skipped_is_not_made(kind):
    model = new_model(LLAMA, 300, seed=0, separators=True)
    optimizer = make_optimizer(model, recipe(kind=kind))
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, torch.nan)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    optimizer.step(torch.ones(()))
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step(torch.zeros(()))
    assert not any(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_sam_ascends_rho_along_the_gradient_and_returns_to_the_same_bits():
    generator = torch.Generator().manual_seed(0)
    model = nn.Linear(5, 3)
    gradients = []
    for parameter in model.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator)
        parameter.grad = torch.randn(parameter.shape, generator=generator)
        gradients.append(parameter.grad.clone())
    before = [parameter.detach().clone() for parameter in model.parameters()]
    descend = sam_ascent(model, 0.05)
    norm = torch.cat([gradient.flatten() for gradient in gradients]).norm()
    for old, parameter, gradient in zip(before, model.parameters(), gradients, strict=True):
        torch.testing.assert_close(parameter.detach(), old + 0.05 * gradient / norm)
        assert parameter.grad is None
    descend()
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
