"""The guard: no update of a step that diverged is made, and the message helps."""

import math

import numpy as np
import pytest
import torch
from small_trainings import lines, run, text_loss, with_training

from babyllama.data.tokenizer import load_tokenizer
from babyllama.data.windows import Windows
from babyllama.models.loss import LossTerms
from babyllama.training.checkpoints import Checkpoints, Progress
from babyllama.training.guard import Diverged

OFTEN = {"checkpoint_every": 3}


def diverging_at(call, factor, *, seen=None):
    """A loss that is multiplied by `factor` at one call, counted from 1, and once only."""
    calls = []

    def loss(hidden, head, batch):
        terms = text_loss(hidden, head, batch)
        if torch.is_grad_enabled():
            calls.append(1)
            if seen is not None:
                seen.append(head.weight.detach().clone())
            if len(calls) == call:
                return LossTerms(terms.total * factor, terms.cross_entropy * factor, terms.kl)
        return terms

    return loss


@pytest.mark.parametrize("factor", [math.nan, math.inf])
@pytest.mark.parametrize("optimizer", ["adamw", "muon", "sam"])
def test_a_loss_that_is_not_finite_stops_before_the_update(
    factor, optimizer, tiny_recipe, tokens, tokenizer, tmp_path
):
    part = with_training(tiny_recipe.pretraining("llama"), optimizer={"kind": optimizer}, **OFTEN)
    seen = []
    call = 9 if optimizer == "sam" else 5  # which takes two gradients a step
    with pytest.raises(Diverged, match=r"at step 4 loss is (nan|inf)") as raised:
        run(part, tokens, tokenizer, tmp_path / "m", diverging_at(call, factor, seen=seen))
    # One more step was computed before the numbers arrived, from the weights before the update.
    last = seen[-2] if optimizer == "sam" else seen[-1]
    assert torch.equal(last, seen[call - 1])
    message = str(raised.value)
    assert "step-00000003.safetensors" in message
    assert "Learning rate 0.00299, gradient norm nan" in message
    assert "windows at tokens " in message
    assert "on_divergence=rewind" in message


def test_the_first_of_the_windows_that_diverged_is_shown_as_text(
    tiny_recipe, tokens, tokenizer, tmp_path
):
    part = tiny_recipe.pretraining("llama")
    batch = Windows(tokens, "train", 16).at(4, batch_size=16, seed=1)
    text = load_tokenizer(tokenizer).decode(batch.input_ids[0].tolist())
    with pytest.raises(Diverged) as raised:
        run(part, tokens, tokenizer, tmp_path / "m", diverging_at(5, math.nan))
    assert repr(text) in str(raised.value)
    assert str(batch.starts[0]) in str(raised.value)


def test_a_loss_far_above_the_recent_ones_stops(tiny_recipe, tokens, tokenizer, tmp_path):
    part = with_training(tiny_recipe.pretraining("llama"), batch_size=8, checkpoint_every=99)
    with pytest.raises(Diverged, match=r"at step 79 the loss is .*, was about"):
        run(part, tokens, tokenizer, tmp_path / "m", diverging_at(80, 2.0))
    part = with_training(part, batch_size=32)
    run(part, tokens, tokenizer, tmp_path / "early", diverging_at(20, 10.0))  # too few recent ones


def test_a_rewind_leaves_the_windows_out_and_is_logged(tiny_recipe, tokens, tokenizer, tmp_path):
    part = with_training(tiny_recipe.pretraining("llama"), on_divergence="rewind", **OFTEN)
    facts, _ = run(part, tokens, tokenizer, tmp_path / "m", diverging_at(8, math.nan))
    assert facts["skipped_steps"] == [7]
    logged = lines(tmp_path / "m")
    steps = [line["step"] for line in logged if "loss" in line]
    assert steps == [step for step in range(1, facts["steps"] + 1) if step != 8]
    read = Windows(tokens, "train", 16)
    words = [read.words_of_steps(epoch, batch_size=16, seed=1) for epoch in range(2)]
    counted = np.concatenate(words).cumsum()  # of every step, whether it was skipped or not
    assert [line["words"] for line in logged if "loss" in line] == [counted[k - 1] for k in steps]
    rewinds = [line for line in logged if "rewound_from" in line]
    assert [(line["step"], line["rewound_from"]) for line in rewinds] == [(6, 7)]
    assert "loss is nan" in rewinds[0]["reason"]


def test_a_rewound_run_that_is_killed_resumes_to_the_same_bits(
    tiny_recipe, tokens, tokenizer, tmp_path
):
    part = with_training(tiny_recipe.pretraining("gpt2"), on_divergence="rewind", **OFTEN)
    divergences = 0

    def windows_that_diverge(hidden, head, batch):
        """These windows always diverge."""
        nonlocal divergences
        terms = text_loss(hidden, head, batch)
        if torch.is_grad_enabled() and int(batch.starts[0]) == bad:
            divergences += 1
            return LossTerms(terms.total * math.nan, terms.cross_entropy, terms.kl)
        return terms

    bad = int(Windows(tokens, "train", 16).at(10, batch_size=16, seed=1).starts[0])
    facts, uninterrupted = run(
        part, tokens, tokenizer, tmp_path / "uninterrupted", windows_that_diverge
    )
    assert facts["skipped_steps"][0] == 10
    assert divergences == len(facts["skipped_steps"])

    left = iter(range(30))

    def cut(hidden, head, batch):
        if torch.is_grad_enabled() and next(left, None) is None:
            raise KeyboardInterrupt
        return windows_that_diverge(hidden, head, batch)

    with pytest.raises(KeyboardInterrupt):
        run(part, tokens, tokenizer, tmp_path / "cut", cut)
    again, resumed = run(part, tokens, tokenizer, tmp_path / "cut", windows_that_diverge)
    assert again["skipped_steps"] == facts["skipped_steps"]
    assert all(torch.equal(uninterrupted[name], resumed[name]) for name in uninterrupted)


def test_a_training_that_keeps_diverging_stops(tiny_recipe, tokens, tokenizer, tmp_path):
    part = with_training(tiny_recipe.pretraining("llama"), on_divergence="rewind", **OFTEN)

    def diverging(hidden, head, batch):
        terms = text_loss(hidden, head, batch)
        return LossTerms(terms.total * math.nan, terms.cross_entropy, terms.kl)

    with pytest.raises(Diverged):
        run(part, tokens, tokenizer, tmp_path / "m", diverging)


def test_a_rewind_to_the_start_forgets_the_optimisers_state(
    tiny_recipe, tokens, tokenizer, tmp_path, monkeypatch
):
    part = with_training(
        tiny_recipe.pretraining("llama"), on_divergence="rewind", checkpoint_every=100
    )
    facts, rewound = run(part, tokens, tokenizer, tmp_path / "a", diverging_at(8, math.nan))
    assert facts["skipped_steps"] == [7]
    monkeypatch.setattr(Checkpoints, "load", lambda _: Progress(skipped=(7,)))
    _, left_out = run(part, tokens, tokenizer, tmp_path / "b")
    assert all(torch.equal(rewound[name], left_out[name]) for name in rewound)
