"""Dev scores: what they are, and what they choose."""

import math

import pytest
import torch
from small_trainings import dev_of, lines, run, with_training

from babyllama.data.windows import Windows
from babyllama.models.loading import load_model
from babyllama.models.loss import LossTerms
from babyllama.training import dev_scores, loop
from babyllama.training.folder import start_model
from babyllama.training.guard import Diverged
from babyllama.training.pretraining import pretrain


def test_dev_cross_entropy_is_the_mean_over_predicted_tokens(tiny_recipe, tokens, tokenizer):
    part = tiny_recipe.pretraining("llama")
    model = start_model(part, tokens, tokenizer, seed=0)
    windows = Windows(tokens, "dev", 16)
    total, count = 0.0, 0
    with torch.no_grad():
        for batch in windows.evenly_spaced(10**6, 1):
            logits = model(input_ids=batch.input_ids).logits[0, :-1].double()
            picked = torch.log_softmax(logits, -1).gather(1, batch.input_ids[0, 1:, None])
            total, count = total - float(picked.sum()), count + 15
    ours = dev_of(model, windows, part.training)
    assert ours == pytest.approx(total / count, rel=1e-5)


def test_the_text_is_learnt_and_the_best_epoch_kept(tiny_recipe, tokens, tokenizer, tmp_path):
    part = with_training(tiny_recipe.pretraining("llama"), epochs=6)
    (tmp_path / "m").mkdir()
    facts = pretrain(part, tokens, tokenizer, tmp_path / "m", seed=0)
    logged = lines(tmp_path / "m")
    dev = [line["dev_cross_entropy"] for line in logged if "dev_cross_entropy" in line]
    assert dev[-1] < 0.6 * logged[0]["loss"]
    assert facts["dev_cross_entropy"] == min(dev)
    assert facts["best_epoch"] == dev.index(min(dev)) + 1
    model = load_model(tmp_path / "m")
    windows = Windows(tokens, "dev", 16)
    again = dev_of(model, windows, part.training)
    assert again == pytest.approx(min(dev), rel=1e-4)


def test_a_later_epoch_that_is_worse_does_not_become_the_model(
    tiny_recipe, tokens, tokenizer, tmp_path, monkeypatch
):
    scores = iter([2.0, 1.0, 1.5])
    monkeypatch.setattr(loop, "dev_cross_entropy", lambda *_: next(scores))
    part = with_training(tiny_recipe.pretraining("llama"), batch_size=64, epochs=3)
    facts, _ = run(part, tokens, tokenizer, tmp_path / "m")
    assert (facts["best_epoch"], facts["dev_cross_entropy"]) == (2, 1.0)


def test_a_dev_score_that_is_not_finite_stops_the_training(
    tiny_recipe, tokens, tokenizer, tmp_path
):
    part = with_training(tiny_recipe.pretraining("llama"), batch_size=64)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            dev_scores, "cross_entropy_loss",
            lambda *_: LossTerms(*(torch.tensor(math.nan) for _ in range(3))),
        )  # fmt: skip
        with pytest.raises(Diverged, match="m: dev cross-entropy is nan after epoch 1"):
            run(part, tokens, tokenizer, tmp_path / "m")
