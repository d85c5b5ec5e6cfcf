"""Averaged weights: what they are, and when they become the model."""

import pytest
import torch
from safetensors.torch import load_file
from small_trainings import lines, run, with_training
from torch import nn

from babyllama.recipe import ExponentialAverage
from babyllama.training.average import MovingAverage, weights_of


def test_a_moving_average_is_the_recursion_written_out():
    model = nn.Linear(3, 2)
    average = MovingAverage(model, ExponentialAverage(kind="ema", decay=0.8))
    expected = model.weight.detach().double()
    for step in range(1, 9):
        with torch.no_grad():
            model.weight += 0.1 * step
        average.update(step)
        decay = min(0.8, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * model.weight.detach().double()
    torch.testing.assert_close(average.tensors["weight"].double(), expected)


def test_the_models_own_weights_come_back_to_the_same_bits():
    model = nn.Linear(3, 2)
    own = [parameter.detach().clone() for parameter in model.parameters()]
    with weights_of(model, {"weight": torch.ones(2, 3), "bias": torch.ones(2)}):
        assert float(model.weight.detach().sum()) == 6
    assert all(torch.equal(a, b) for a, b in zip(own, model.parameters(), strict=True))


def test_the_mean_of_the_last_epochs_is_scored_and_kept_if_it_is_best(
    tiny_recipe, tokens, tokenizer, tmp_path
):
    """At so high a rate, held to the end, weights jump around their mean, which is better."""
    part = with_training(
        tiny_recipe.pretraining("llama"), epochs=4, learning_rate=0.03, keep=1,
        schedule={"kind": "linear", "final": 1.0}, average={"kind": "last", "epochs": 2},
    )  # fmt: skip
    kept = tmp_path / "kept"
    from babyllama.training import average

    ends = []
    original = average.EpochAverage.after_epoch

    def remember(self, epoch, processes):
        ends.append({name: p.detach().clone() for name, p in self._model.named_parameters()})
        return original(self, epoch, processes)

    average.EpochAverage.after_epoch = remember
    try:
        facts, _ = run(part, tokens, tokenizer, kept)
    finally:
        average.EpochAverage.after_epoch = original
    scores = [line for line in lines(kept) if "averaged_dev_cross_entropy" in line]
    assert len(scores) == 4
    assert facts["best_is_averaged"]
    assert facts["dev_cross_entropy"] == min(
        min(line["dev_cross_entropy"], line["averaged_dev_cross_entropy"]) for line in scores
    )
    best = facts["best_epoch"] - 1
    stored = load_file(kept / "model.safetensors")
    for name, value in stored.items():
        torch.testing.assert_close(value, (ends[best - 1][name] + ends[best][name]) / 2)
    left = sorted(path.name for path in (kept / "checkpoints").glob("epoch-*"))
    # One more than is averaged, since the only checkpoint may be an epoch old.
    assert left == [f"epoch-000{number}.safetensors" for number in (2, 3, 4)]


def test_without_an_average_none_is_logged(tiny_recipe, tokens, tokenizer, tmp_path):
    facts, _ = run(with_training(tiny_recipe.pretraining("llama"), batch_size=32), tokens,
                   tokenizer, tmp_path / "m")  # fmt: skip
    assert facts["best_is_averaged"] is False
    assert not [line for line in lines(tmp_path / "m") if "averaged_dev_cross_entropy" in line]


@pytest.mark.parametrize("decay", [0.5, 0.99])
def test_the_moving_average_is_scored_too(decay, tiny_recipe, tokens, tokenizer, tmp_path):
    part = with_training(
        tiny_recipe.pretraining("llama"), batch_size=32, average={"kind": "ema", "decay": decay}
    )
    facts, _ = run(part, tokens, tokenizer, tmp_path / "m")
    scores = [line for line in lines(tmp_path / "m") if "averaged_dev_cross_entropy" in line]
    assert len(scores) == 2
    assert facts["best_is_averaged"] == (
        min(line["averaged_dev_cross_entropy"] for line in scores)
        < min(line["dev_cross_entropy"] for line in scores)
    )
