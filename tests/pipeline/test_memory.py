"""Memory of a training: compared with real forward passes and with numbers counted by hand."""

import psutil
import pytest
import torch

from babyllama.models import precision
from babyllama.models.build import new_model
from babyllama.models.logits import hidden_states
from babyllama.pipeline.memory import Taught, training_memory
from babyllama.recipe import PretrainingRecipe

CPU = torch.device("cpu")
VOCAB = 320


def part_of(recipe, name="llama", **training):
    part = recipe.pretraining(name)
    changed = {**part.training.model_dump(), "batch_size": 4, **training}
    return PretrainingRecipe.model_validate({**part.model_dump(), "training": changed})


def really_kept(part):
    """Bytes that an eager forward pass on real tensors keeps, and those of its parameters."""
    model = new_model(part.model, VOCAB, seed=0, separators=True).train()
    model.set_attn_implementation("eager")
    own = {parameter.data_ptr() for parameter in model.parameters()}
    kept = {}
    with torch.autograd.graph.saved_tensors_hooks(
        lambda tensor: kept.setdefault(tensor.untyped_storage().data_ptr(), tensor), lambda t: t
    ):
        hidden = hidden_states(model, torch.zeros(4, 16, dtype=torch.int64))
    assert hidden.requires_grad
    sizes = {at: tensor.untyped_storage().nbytes() for at, tensor in kept.items() if at not in own}
    return sum(sizes.values()), sum(4 * parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_the_parts_are_what_a_real_pass_keeps_and_what_is_counted_by_hand(tiny_recipe, name):
    part = part_of(tiny_recipe, name)
    predicted = training_memory(part, VOCAB, CPU)
    activations, weights = really_kept(part)
    assert predicted.activations == pytest.approx(activations, rel=1e-3)  # alignment
    assert predicted.weights == predicted.gradients == weights
    assert (predicted.optimizer, predicted.copies) == (2 * weights, 0)
    width = 16 if name == "llama" else 24
    chunk = 4 * 16  # four windows of sixteen tokens: fewer than a chunk may have
    assert predicted.loss == 4 * chunk * VOCAB + 4 * width * (VOCAB + chunk)
    assert predicted.teachers == 0
    assert predicted.total == 4 * weights + predicted.activations + predicted.loss


@pytest.mark.parametrize("rounds", [True, False])
def test_bfloat16_is_counted_before_anything_was_computed(tiny_recipe, monkeypatch, rounds):
    """The trial of how products are rounded needs real tensors, the count has none."""
    precision._onednn_is_exact.cache_clear()
    monkeypatch.setattr(precision, "_bfloat16_is_fast", lambda _device: rounds)
    exact = precision._onednn_is_exact()
    precision._onednn_is_exact.cache_clear()
    training_memory.cache_clear()
    predicted = training_memory(part_of(tiny_recipe, precision="bfloat16"), VOCAB, CPU)
    training_memory.cache_clear()
    chunk = 4 * 16
    block = 4 * chunk * VOCAB
    expected = block + 4 * 16 * (VOCAB + chunk) + (block // 2 if rounds and exact else 0)
    assert predicted.loss == expected


def test_activations_grow_in_proportion_to_the_micro_batch_and_nothing_else_does(tiny_recipe):
    small, large = (
        training_memory(part_of(tiny_recipe, micro_batch_size=size), VOCAB, CPU) for size in (1, 4)
    )
    fixed = (4 * small.activations - large.activations) / 3  # rotary tables, the causal mask
    assert 0 <= fixed < 0.05 * small.activations
    assert small.weights + small.gradients == large.weights + large.gradients
    assert small.optimizer == large.optimizer


def test_checkpointed_activations_are_the_blocks_inputs_and_one_block(tiny_recipe):
    plain = training_memory(part_of(tiny_recipe), VOCAB, CPU)
    deep = part_of(tiny_recipe, activation_checkpointing=True)
    checkpointed = training_memory(deep, VOCAB, CPU)
    block_input = 4 * (4 * 16 * 16)
    one_block = plain.activations - checkpointed.activations + 2 * block_input  # of two
    assert checkpointed.activations < 0.7 * plain.activations
    assert one_block > 10 * block_input


@pytest.mark.parametrize(
    ("changes", "copies"),
    [
        ({}, 0),
        ({"average": {"kind": "ema"}}, 1),
        ({"optimizer": {"kind": "sam"}}, 1),
        ({"optimizer": {"kind": "sam"}, "average": {"kind": "ema"}}, 2),
    ],
)
def test_copies_of_the_weights_are_counted(tiny_recipe, changes, copies):
    predicted = training_memory(part_of(tiny_recipe, **changes), VOCAB, CPU)
    assert predicted.copies == copies * predicted.weights


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch 2.9 has Muon")
def test_muon_keeps_one_number_for_each_in_the_blocks_matrices(tiny_recipe):
    predicted = training_memory(part_of(tiny_recipe, optimizer={"kind": "muon"}), VOCAB, CPU)
    matrices = 2 * (4 * 16 * 16 + 3 * 16 * 24)  # of two LLaMA blocks
    assert predicted.optimizer == 2 * predicted.weights - 4 * matrices


def test_teachers_take_their_weights_where_they_run_and_their_states_and_heads(tiny_recipe):
    part = part_of(tiny_recipe)
    alone = training_memory(part, VOCAB, CPU)
    states = 4 * 40 * (VOCAB + 4 * 16)  # heads and states of both
    stored = training_memory(part, VOCAB, CPU, Taught(40))
    assert stored.teachers == states
    online = training_memory(part, VOCAB, CPU, Taught(40, running=1000))
    assert online.teachers == states + 4 * 1000
    assert online.loss == alone.loss + 4 * 4 * 16 * VOCAB  # the teachers' logits


def test_a_large_model_is_not_allocated(tiny_recipe):
    part = part_of(tiny_recipe, window=64)
    training_memory(part, VOCAB, CPU)  # imports what is imported once
    shape = part.model.model_copy(update={"hidden_size": 4096, "intermediate_size": 16_384})
    before = psutil.Process().memory_info().rss
    predicted = training_memory(part.model_copy(update={"model": shape}), 32_000, CPU)
    assert predicted.total > 10 * 2**30
    assert psutil.Process().memory_info().rss - before < 50 * 2**20


def test_a_mixture_of_experts_is_not_guessed_at(tiny_recipe):
    shape = {
        "model_type": "other",
        "architecture": "mixtral",
        "settings": {
            "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1,
            "num_attention_heads": 2, "num_key_value_heads": 2, "num_local_experts": 2,
        },
    }  # fmt: skip
    part = PretrainingRecipe.model_validate({**part_of(tiny_recipe).model_dump(), "model": shape})
    assert training_memory(part, VOCAB, CPU) is None
