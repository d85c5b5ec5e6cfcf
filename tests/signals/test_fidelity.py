"""Fidelity: nothing lost is nothing reported, and what loses more is reported as worse."""

import math

import pytest
import torch
from references import plain_loss
from torch.nn import functional as F  # noqa: N812

from babyllama.models.ensemble import Mixture
from babyllama.models.logits import Head
from babyllama.recipe import HiddenSignal, SampledSignal, TopKSignal
from babyllama.signals import topk
from babyllama.signals.fidelity import angle, measure_fidelity
from babyllama.signals.kinds import kind_of

VOCAB, WIDTHS = 120, (10, 14)


@pytest.fixture(scope="module")
def mixture():
    """Two teachers of which the first says how frequent a token is."""
    generator = torch.Generator().manual_seed(0)
    heads = [0.6 * torch.randn(VOCAB, width, generator=generator) for width in WIDTHS]
    heads[0][:, 0] = -torch.arange(1, VOCAB + 1).log()
    return Mixture(tuple(map(Head, heads)), (0.5, 0.5))


@pytest.fixture(scope="module")
def states():
    """As bfloat16 holds them; the first column is nearly constant."""
    generator = torch.Generator().manual_seed(1)
    made = 2 * torch.randn(1500, sum(WIDTHS), generator=generator)
    made[:, 0] = 2 + 0.1 * made[:, 0]
    return made.bfloat16().float()


def fidelity(recipe, mixture, states):
    return measure_fidelity(kind_of(recipe).fit(recipe, mixture, states), mixture, states)


def test_a_lossless_form_has_no_kl_and_no_angle(mixture, states):
    found = fidelity(HiddenSignal(kind="hidden"), mixture, states)
    assert found["bytes_per_token"] == 2 * sum(WIDTHS)
    assert found["tokens"] == 1500
    assert found["tokens_per_second_read"] > 0
    assert list(found["temperatures"]) == ["1", "2"]
    for measured in found["temperatures"].values():
        assert measured["kl"] == pytest.approx(0, abs=1e-6)
        assert measured["gradient_angle"] == pytest.approx(0, abs=0.01)
        assert measured["gradient_norm_ratio"] == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (HiddenSignal(kind="hidden", precision="int8"),
         HiddenSignal(kind="hidden", bytes_per_token=12)),
        (HiddenSignal(kind="hidden", bytes_per_token=12),
         HiddenSignal(kind="hidden", bytes_per_token=4)),
        (TopKSignal(kind="topk", k=60), TopKSignal(kind="topk", k=6)),
    ],
)  # fmt: skip
def test_a_worse_form_measures_worse(mixture, states, better, worse):
    ours, theirs = (fidelity(each, mixture, states)["temperatures"] for each in (better, worse))
    for temperature in ("1", "2"):
        assert ours[temperature]["kl"] < 0.8 * theirs[temperature]["kl"]
        assert ours[temperature]["gradient_angle"] < 0.8 * theirs[temperature]["gradient_angle"]


def test_a_sketch_has_a_gradient_but_no_kl(mixture, states):
    recipes = [SampledSignal(kind="sampled", k=k) for k in (VOCAB, 20, 4)]
    all_of_it, some, few = (fidelity(each, mixture, states)["temperatures"] for each in recipes)
    for temperature in ("1", "2"):
        assert few[temperature]["kl"] is None
        angles = [each[temperature]["gradient_angle"] for each in (all_of_it, some, few)]
        assert angles == sorted(angles)
        assert angles[0] < 0.2 < angles[1]


def test_the_temperatures_that_are_served_are_measured(mixture, states):
    recipe = TopKSignal(kind="topk", k=6, temperatures=(2.0, 4.0))
    assert list(fidelity(recipe, mixture, states)["temperatures"]) == ["2", "4"]
    recipe = SampledSignal(kind="sampled", k=6, temperatures=(4.0,))
    assert list(fidelity(recipe, mixture, states)["temperatures"]) == ["4"]


def test_the_kl_is_the_textbooks(mixture, states):
    form = topk.fit(TopKSignal(kind="topk", k=9), mixture, states)
    read = form.targets(form.encode(states, torch.arange(1500)), 2.0)(slice(0, 1500)).double()
    exact = states.double() @ mixture.head.weight.double().T
    labels = torch.zeros(1, 1500, dtype=torch.long)
    # The KL from the exact logits to those read: the read ones are the "student's".
    *_, kl = plain_loss(
        read[None], torch.eye(VOCAB).double(), labels, exact[None],
        temperature=2.0, alpha=0.0, reduction="token_mean",
    )  # fmt: skip
    found = measure_fidelity(form, mixture, states)["temperatures"]["2"]["kl"]
    assert found == pytest.approx(float(kl), rel=1e-4)


def test_angle_and_length_of_gradients():
    one, other = torch.tensor([[3.0, 0.0]]), torch.tensor([[1.0, 1.0]])
    found = angle(one, other)
    assert found["gradient_angle"] == pytest.approx(45)
    assert found["gradient_norm_ratio"] == pytest.approx(3 / math.sqrt(2))
    assert angle(one, F.normalize(one))["gradient_angle"] == 0
    assert angle(one, -one)["gradient_angle"] == pytest.approx(180)
