"""Label smoothing: the loss is the textbook's, and a matched epsilon has the teachers' entropy."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional as F  # noqa: N812

from babyllama.data.windows import IGNORE_INDEX, Batch, Windows
from babyllama.errors import InputError
from babyllama.models.ensemble import load_ensemble
from babyllama.models.logits import Head
from babyllama.recipe import EQUAL_WEIGHTS, Mixing, Smoothing
from babyllama.training.pretraining import pretrain, pretrain_smoothed
from babyllama.training.smoothing import (
    MatchedTeachers,
    fixed_distribution,
    matched_epsilon,
    smoothed_loss,
    target_entropy,
    teachers_entropy,
)

VOCAB, WIDTH = 11, 4
UNIFORM = np.full(VOCAB, 1 / VOCAB)
UNIGRAM = np.array([0, 6, 4, 3, 2, 2, 1, 1, 1, 0, 0]) / 20  # some tokens never occur


@pytest.mark.parametrize("fixed", [UNIFORM, UNIGRAM], ids=["uniform", "unigram"])
@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.7])
def test_the_gradient_is_that_of_the_textbooks_smoothed_cross_entropy(fixed, epsilon):
    generator = torch.Generator().manual_seed(1)
    hidden = torch.randn(2, 6, WIDTH, generator=generator, dtype=torch.float64).requires_grad_()
    weight = torch.randn(VOCAB, WIDTH, generator=generator, dtype=torch.float64).requires_grad_()
    labels = torch.randint(0, VOCAB, (2, 6), generator=generator)
    labels[:, -1] = IGNORE_INDEX

    batch = Batch(np.zeros(2, np.int64), labels, labels)
    ours = smoothed_loss(epsilon, fixed)(hidden, Head(weight), batch)

    log_q = F.log_softmax(hidden @ weight.T, dim=-1)[:, :-1].flatten(0, 1)
    u = torch.from_numpy(fixed)
    target = (1 - epsilon) * F.one_hot(labels[:, :-1].flatten(), VOCAB) + epsilon * u
    plain = -(target * log_q).sum(-1).mean()
    entropy = -torch.special.xlogy(u, u).sum()  # what makes the second term a KL

    torch.testing.assert_close(ours.total, plain - epsilon * entropy, rtol=1e-6, atol=1e-6)
    for one, other in zip(
        torch.autograd.grad(ours.total, (hidden, weight)),
        torch.autograd.grad(plain, (hidden, weight)),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("fixed", [UNIFORM, UNIGRAM], ids=["uniform", "unigram"])
def test_the_matched_epsilon_gives_the_target_the_asked_entropy(fixed):
    label = np.eye(VOCAB)[:, None]
    target = 0.7 * label + 0.3 * fixed
    by_label = -(target * np.log(np.where(target > 0, target, 1))).sum((-1, -2))
    assert target_entropy(0.3, fixed, UNIGRAM) == pytest.approx((UNIGRAM * by_label).sum())
    assert target_entropy(0.0, fixed, UNIGRAM) == 0

    entropy = target_entropy(0.3, fixed, UNIGRAM)
    assert matched_epsilon(entropy, fixed, UNIGRAM) == pytest.approx(0.3, abs=1e-9)
    with pytest.raises(InputError, match=r"is 9\.000 nats per token, and no epsilon gives"):
        matched_epsilon(9.0, fixed, UNIGRAM)


def test_targets_are_smoothed_towards_the_frequencies_or_towards_all_tokens_alike():
    towards_text = fixed_distribution(Smoothing(towards="unigram", epsilon=0.1), UNIGRAM)
    assert towards_text.tolist() == UNIGRAM.tolist()
    assert fixed_distribution(Smoothing(epsilon=0.1), UNIGRAM).tolist() == UNIFORM.tolist()


@pytest.mark.parametrize("mean_of", ["logits", "probabilities"])
def test_the_teachers_entropy_is_that_of_their_mean(teachers, tokens, mean_of):
    mixing = Mixing(mean_of=mean_of, weights=(0.25, 0.75))
    found = teachers_entropy(MatchedTeachers(teachers, mixing, 2.0), tokens, 16)

    windows = Windows(tokens, "train", 16)
    batch = next(windows.evenly_spaced(256, 256))
    logits = [
        load_ensemble([each], device=torch.device("cpu")).logits(batch.input_ids)[:, :-1].double()
        for each in teachers
    ]
    if mean_of == "logits":
        p = torch.softmax((0.25 * logits[0] + 0.75 * logits[1]) / 2, dim=-1)
    else:
        p = 0.25 * torch.softmax(logits[0] / 2, -1) + 0.75 * torch.softmax(logits[1] / 2, -1)
    assert found == pytest.approx(float(-(p * p.log()).sum(-1).mean()), rel=1e-5)


def test_epsilon_zero_is_the_twin_bit_for_bit_and_a_matched_one_is_not(
    tiny_recipe, tokens, tokenizer, teachers, tmp_path
):
    part, folders = tiny_recipe.pretraining("twin"), [tmp_path / each for each in "abc"]
    for folder in folders:
        folder.mkdir()
    pretrain(part, tokens, tokenizer, folders[0], seed=5)
    nothing = Smoothing(epsilon=0.0)
    pretrain_smoothed(part, tokens, tokenizer, folders[1], seed=5, smoothing=nothing)
    facts = pretrain_smoothed(
        part, tokens, tokenizer, folders[2], seed=5,
        smoothing=Smoothing(epsilon="matched"),
        teachers=MatchedTeachers(teachers, EQUAL_WEIGHTS, 2.0),
    )  # fmt: skip

    twin, same, other = (load_file(folder / "model.safetensors") for folder in folders)
    assert all(torch.equal(twin[name], same[name]) for name in twin)
    assert not all(torch.equal(twin[name], other[name]) for name in twin)
    entropy = teachers_entropy(MatchedTeachers(teachers, EQUAL_WEIGHTS, 2.0), tokens, 16)
    assert facts["smoothing"]["entropy"] == pytest.approx(entropy)
    assert 0 < facts["smoothing"]["epsilon"] < 1
