"""The gradient of a batch: by micro-batches, recomputed, and at SAM's point."""

import numpy as np
import pytest
import torch
from small_trainings import run, same, text_loss, with_training

from babyllama.data.windows import Batch, Windows
from babyllama.training.folder import start_model
from babyllama.training.gradient import Forward, accumulate, prepare
from babyllama.training.optimizer import sam_ascent
from babyllama.training.processes import Processes


def test_micro_batches_add_up_to_the_batch(tiny_recipe, tokens, tokenizer, tmp_path):
    part = with_training(tiny_recipe.pretraining("llama"), batch_size=32)
    _, full = run(part, tokens, tokenizer, tmp_path / "full")
    _, parts = run(with_training(part, micro_batch_size=8), tokens, tokenizer, tmp_path / "parts")
    for name in full:
        torch.testing.assert_close(full[name], parts[name], rtol=1e-2, atol=2e-4)


def test_recomputed_activations_change_nothing(tiny_recipe, tokens, tokenizer, tmp_path):
    part = with_training(tiny_recipe.pretraining("gpt2"), batch_size=64)  # with dropout
    _, kept = run(part, tokens, tokenizer, tmp_path / "kept")
    part = with_training(part, activation_checkpointing=True)
    _, recomputed = run(part, tokens, tokenizer, tmp_path / "recomputed")
    assert same(kept, recomputed)


def test_sams_update_is_that_of_the_gradient_at_the_worst_point_near(
    tiny_recipe, tokens, tokenizer
):
    part = with_training(tiny_recipe.pretraining("llama"), batch_size=4)
    model = start_model(part, tokens, tokenizer, seed=1)
    batch = Windows(tokens, "train", 16).at(0, batch_size=4, seed=1)
    forward, processes = Forward(model, torch.float32), Processes()

    def gradient():
        model.zero_grad()
        accumulate(forward, text_loss, batch, part.training, processes, dtype=torch.float32)
        return [parameter.grad.clone() for parameter in model.parameters()]

    here = gradient()
    norm = torch.cat([each.flatten() for each in here]).norm()
    with torch.no_grad():
        for parameter, each in zip(model.parameters(), here, strict=True):
            parameter += 0.5 * each / norm
    expected = gradient()
    with torch.no_grad():
        for parameter, each in zip(model.parameters(), here, strict=True):
            parameter -= 0.5 * each / norm
    gradient()
    descend = sam_ascent(model, 0.5)
    found = gradient()
    descend()
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)
    assert not torch.allclose(found[0], here[0], rtol=1e-2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_document_is_trained_without_those_before_it(tiny_recipe, tokens, tokenizer, dtype):
    part = with_training(tiny_recipe.pretraining("llama"), activation_checkpointing=True)
    model = start_model(part, tokens, tokenizer, seed=1)
    forward = prepare(model, part.training, dtype, Processes())
    separate, second = torch.tensor([[*range(6), *range(10)]]), []

    def loss(hidden, head, batch):
        second.append(hidden[:, 6:].detach())
        return text_loss(hidden, head, batch)

    for first in (3, 4):
        ids = torch.tensor([[first, *range(5, 20)]])
        for positions in (separate, None):
            forward(loss, Batch(np.zeros(1, np.int64), ids, ids, positions))[0].backward()

    apart, joined, other_apart, other_joined = second
    assert torch.equal(apart, other_apart)
    assert not torch.equal(joined, other_joined)
