"""Drawn tokens: unbiased, and by expectation, not by eye.

Systematic drawing is a piecewise constant function of one number u in [0, 1), so an expectation
over u is a finite sum: each piece's middle, weighed by the piece's length.
"""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from references import plain_loss, realistic_logits
from torch.nn import functional as F  # noqa: N812

from babyllama.models.ensemble import Mixture
from babyllama.models.logits import Head
from babyllama.models.loss import SparseTarget, distillation_loss
from babyllama.recipe import SampledSignal
from babyllama.signals.fidelity import angle
from babyllama.signals.sampled import Sampled, draw, inclusion_scale, uniform_of

TEMPERATURES = (1.0, 2.0)
ALL = slice(0, None)


def make_form(k, vocab, temperatures=TEMPERATURES):
    """A form whose mixture's logits are the states themselves."""
    identity = Mixture((Head(torch.eye(vocab, dtype=torch.float64)),), (1.0,))
    recipe = SampledSignal(kind="sampled", k=k, temperatures=temperatures)
    return Sampled(recipe, vocab, identity)


def make_logits(rows, vocab, seed):
    """Realistic logits that half a float holds exactly, so that nothing but the drawing errs."""
    z = realistic_logits((rows,), vocab, torch.Generator().manual_seed(seed))
    return ((z - z.amax(-1, keepdim=True)).clamp(min=-31) * 64).round() / 64


def drawn_from(z, temperatures):
    """The mean over the temperatures of softmax(z / T)."""
    return torch.stack([torch.softmax(z / temperature, -1) for temperature in temperatures]).mean(0)


def pieces_of_drawing(z, k, temperatures):
    """Middles and lengths of the pieces of [0, 1) within which one row draws the same tokens."""
    p = drawn_from(z, temperatures)
    kept = torch.clamp(inclusion_scale(p[None], k) * p, max=1)
    breaks = (kept.cumsum(-1) % 1).flatten().sort().values
    breaks = torch.cat([breaks.new_zeros(1), breaks, breaks.new_ones(1)])
    real = breaks.diff() > 1e-12  # the others are rounding between two breaks that are one
    return ((breaks[1:] + breaks[:-1]) / 2)[real], breaks.diff()[real]


@pytest.fixture
def every_draw():
    """(form, stored, lengths): all that one row of logits can be stored as, and how probably."""

    def draws(z, k, temperatures=TEMPERATURES):
        form = make_form(k, len(z), temperatures)
        middles, lengths = pieces_of_drawing(z, k, temperatures)
        stored = form.encode_at(z.expand(len(middles), -1), middles)
        return form, stored, lengths

    return draws


def whole(target, vocab):
    """A sketch's weights over the vocabulary."""
    none = torch.zeros(len(target.tokens), vocab, dtype=torch.float64)
    return none.scatter_add(1, target.tokens, target.weights.double())


@pytest.mark.parametrize("temperature", TEMPERATURES)
@pytest.mark.parametrize(("k", "vocab"), [(1, 40), (5, 40), (12, 300), (39, 40), (40, 40)])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_expectation_of_the_weights_is_the_distribution(
    every_draw, k, vocab, temperature, seed
):
    z = make_logits(1, vocab, seed)[0]
    form, stored, lengths = every_draw(z, k)
    expectation = lengths @ whole(form.targets(stored, temperature)(ALL), vocab)
    exact = torch.softmax(z / temperature, -1)
    torch.testing.assert_close(expectation, exact, rtol=2e-6, atol=1e-9)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("k", [1, 4, 12])
def test_weights_drawn_for_one_temperature_sum_to_one_in_every_draw(every_draw, k, temperature):
    form, stored, _ = every_draw(make_logits(1, 100, seed=2)[0], k, (temperature,))
    sums = form.targets(stored, temperature)(ALL).weights.sum(-1)
    torch.testing.assert_close(sums, torch.ones_like(sums), rtol=1e-6, atol=0)


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_no_weight_is_large_at_any_temperature_of_several(every_draw, temperature):
    z = make_logits(1, 100, seed=2)[0]
    form, stored, _ = every_draw(z, 12)
    c = float(inclusion_scale(drawn_from(z, TEMPERATURES)[None], 12))
    likely = torch.softmax(z / temperature, -1)[stored["tokens"].long()]
    weights = form.targets(stored, temperature)(ALL).weights
    bound = torch.maximum(likely, torch.full_like(likely, len(TEMPERATURES) / c))
    assert (weights <= bound * (1 + 1e-5)).all()


def test_likely_tokens_are_in_every_draw_with_their_exact_probability(every_draw):
    z = make_logits(1, 100, seed=3)[0]
    form, stored, _ = every_draw(z, 12)
    p = drawn_from(z, TEMPERATURES)
    certain = (inclusion_scale(p[None], 12)[0] * p > 1 + 1e-9).nonzero()[:, 0]
    assert 2 <= len(certain) < 12
    for temperature in TEMPERATURES:
        weights = whole(form.targets(stored, temperature)(ALL), 100)[:, certain]
        exact = torch.softmax(z / temperature, -1)[certain].expand_as(weights)
        torch.testing.assert_close(weights, exact, rtol=2e-6, atol=0)


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_the_expectation_of_loss_and_gradients_is_the_exact_one(every_draw, temperature):
    z = make_logits(1, 30, seed=4)[0]
    form, stored, lengths = every_draw(z, 5)
    generator = torch.Generator().manual_seed(5)
    hidden = torch.randn(1, 1, 6, generator=generator, dtype=torch.float64, requires_grad=True)
    head = torch.randn(30, 6, generator=generator, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([[7]])
    chosen = {"temperature": temperature, "alpha": 0.3, "reduction": "token_mean"}
    expected = [torch.zeros(()).double(), torch.zeros_like(hidden), torch.zeros_like(head)]
    for row, length in enumerate(lengths):
        here = {name: tensor[row : row + 1] for name, tensor in stored.items()}
        terms = distillation_loss(
            hidden, Head(head), labels, form.targets(here, temperature), **chosen
        )
        found = terms.kl, *torch.autograd.grad(terms.total, (hidden, head))
        expected = [sum_ + length * each for sum_, each in zip(expected, found, strict=True)]
    total, _, kl = plain_loss(hidden, head, labels, z[None, None], **chosen)
    exact = kl.detach(), *torch.autograd.grad(total, (hidden, head))
    assert float(expected[0]) == pytest.approx(float(exact[0]), abs=2e-3)  # entropy: half a float
    for one, other in zip(expected[1:], exact[1:], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 200), st.data(), st.integers(0, 2**31), st.floats(0.05, 40.0))
def test_the_inclusion_scale_fills_k_places(vocab, data, seed, spread):
    k = data.draw(st.integers(1, vocab))
    z = spread * torch.randn(8, vocab, generator=torch.Generator().manual_seed(seed)).double()
    p = torch.softmax(z, -1).clamp(min=1e-30)
    kept = torch.clamp(inclusion_scale(p, k) * p, max=1)
    torch.testing.assert_close(kept.sum(-1), torch.full((8,), float(k)).double())


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 200), st.data(), st.integers(0, 2**31), st.sampled_from([0.02, 0.3, 2.0]))
def test_k_distinct_tokens_are_kept_however_confident_the_teachers(vocab, data, seed, temperature):
    k = data.draw(st.integers(1, vocab))
    form = make_form(k, vocab, (temperature,))
    stored = form.encode(make_logits(16, vocab, seed).float(), torch.arange(16))
    tokens = stored["tokens"].long()
    assert tokens.shape == (16, k)
    assert int(tokens.max()) < vocab
    assert all(len(set(row)) == k for row in tokens.tolist())
    weights = form.targets(stored, temperature)(ALL).weights
    torch.testing.assert_close(weights.sum(-1), torch.ones(16), rtol=0.02, atol=0)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**31), st.integers(1, 20))
def test_many_draws_keep_each_token_as_often_as_asked(seed, k):
    generator = torch.Generator().manual_seed(seed)
    p = torch.softmax(torch.randn(1, 20, generator=generator).double(), -1)
    kept = torch.clamp(inclusion_scale(p, k) * p, max=1)
    points = (torch.arange(20_000).double() + 0.5) / 20_000
    drawn = draw(kept.expand(len(points), -1), k, points)
    share = torch.bincount(drawn.flatten(), minlength=20) / len(points)
    torch.testing.assert_close(share.double(), kept[0], rtol=0, atol=2e-3)


def test_what_is_stored_depends_on_the_seeds_alone_whatever_the_batch():
    z, seeds = make_logits(1300, 60, seed=6), torch.arange(10_000, 11_300)
    form = make_form(7, 60)
    together = form.encode(z, seeds)
    order = torch.randperm(1300, generator=torch.Generator().manual_seed(7))
    pieces = [form.encode(z[part], seeds[part]) for part in order.split(97)]
    for name, tensor in together.items():
        assert torch.equal(torch.cat([piece[name] for piece in pieces]), tensor[order]), name
    other = form.encode(z, seeds + 1)["tokens"].long()
    assert (other != together["tokens"].long()).any()


def test_uniform_numbers_are_spread_evenly_and_neighbours_do_not_follow_each_other():
    u = uniform_of(torch.arange(100_000))
    assert 0 < float(u.min()) < float(u.max()) < 1
    assert float(torch.histc(u.float(), 100, 0, 1).std()) < 1.3 * math.sqrt(1000)
    assert abs(float(torch.corrcoef(torch.stack([u[1:], u[:-1]]))[0, 1])) < 0.01
    assert len(u.unique()) > 99_990


@pytest.mark.parametrize(("temperature", "at_most"), [(1.0, 0.7), (2.0, 1.0)])
@pytest.mark.parametrize("seed", range(4))
def test_the_variance_is_below_that_of_drawing_with_replacement(
    every_draw, seed, temperature, at_most
):
    z = make_logits(1, 300, seed)[0]
    form, stored, lengths = every_draw(z, 12, (temperature,))
    weights = whole(form.targets(stored, temperature)(ALL), 300)
    p = torch.softmax(z / temperature, -1)
    ours = float(lengths @ (weights - p).square().sum(-1))
    # As published: N draws, weight count / N; N such that 12 tokens are distinct on average.
    distinct = [float((1 - (1 - p) ** n).sum()) for n in range(1, 2000)]
    draws = np.interp(12, distinct, range(1, 2000))
    theirs = float((p * (1 - p)).sum() / draws)
    assert ours < at_most * theirs


def test_sampled_12_points_where_the_exact_gradient_points_and_top_12_does_not():
    """The poster's two claims in miniature: angle and length of the gradient (2503.16870)."""
    tokens, vocab, width = 8000, 1000, 16
    generator = torch.Generator().manual_seed(8)
    hidden = torch.randn(tokens, width, generator=generator, dtype=torch.float64)
    hidden[:, 0] = 1
    head = 0.5 * torch.randn(vocab, width, generator=generator, dtype=torch.float64)
    head[:, 0] = -torch.arange(1, vocab + 1).double().log()  # frequent and rare tokens
    z = hidden @ head.T
    noise = torch.randn(vocab, width, generator=generator, dtype=torch.float64)
    student = head + 0.3 * noise  # calibrated on the whole, and wrong in no one direction

    def gradient(targets):
        w = student.clone().requires_grad_()
        loss = distillation_loss(
            hidden[None], Head(w), torch.zeros(1, tokens, dtype=torch.long), targets,
            temperature=1.0, alpha=0.0, reduction="token_mean",
        )  # fmt: skip
        return torch.autograd.grad(loss.total, w)[0]

    def top_12(part):
        values, kept = z[part].topk(12)
        return SparseTarget(kept, F.softmax(values, -1), torch.zeros(len(values)).double())

    form = make_form(12, vocab)
    stored = form.encode(z, torch.arange(tokens))
    exact = gradient(lambda part: z[part])
    ours = angle(gradient(form.targets(stored, 1.0)), exact)
    top = angle(gradient(top_12), exact)
    assert ours["gradient_angle"] < top["gradient_angle"] / 3
    assert ours["gradient_norm_ratio"] == pytest.approx(1, abs=0.1)
    assert top["gradient_norm_ratio"] > 1.5
