"""The likeliest tokens: what is kept is exact, what is not follows one mean."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from references import realistic_logits

from babyllama.models.ensemble import Mixture
from babyllama.models.logits import Head
from babyllama.recipe import TopKSignal
from babyllama.signals.topk import TopK, fit, mean_rest

TEMPERATURES = (0.7, 1.0, 2.0)
ALL = slice(0, None)


def plain_mixture(vocab):
    """A mixture whose logits are the states themselves."""
    return Mixture((Head(torch.eye(vocab, dtype=torch.float64)),), (1.0,))


def make_logits(rows, vocab, seed):
    return realistic_logits((rows,), vocab, torch.Generator().manual_seed(seed))


def fitted(k, vocab, sample, temperatures=TEMPERATURES):
    recipe = TopKSignal(kind="topk", k=k, temperatures=temperatures)
    return fit(recipe, plain_mixture(vocab), sample)


def read(form, z, temperature):
    """What a form gives back of some logits, as probabilities."""
    stored = form.encode(z, torch.arange(len(z)))
    return torch.softmax(form.targets(stored, temperature)(ALL).double() / temperature, -1)


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 60), st.data(), st.integers(0, 2**31), st.sampled_from(TEMPERATURES))
def test_kept_probabilities_and_the_mass_of_the_rest_are_exact(vocab, data, seed, temperature):
    k = data.draw(st.integers(1, vocab))
    z = make_logits(9, vocab, seed)
    form = fitted(k, vocab, make_logits(50, vocab, seed + 1))
    p, found = torch.softmax(z / temperature, -1), read(form, z, temperature)
    kept = z.topk(k).indices
    # Half a float holds a logit x below the top to x / 2048.
    depth = (z.amax(-1) - z.gather(1, kept).amin(-1))[:, None]
    error = depth / 2048 / temperature + 1e-5
    exact, ours = p.gather(1, kept), found.gather(1, kept)
    # Twice: where rounding lifts the kept sum above 1, the distribution is scaled back to 1.
    assert ((ours - exact).abs() <= 2.2 * error * exact + 1e-6).all()
    assert ((ours.sum(-1) - exact.sum(-1)).abs() <= 1.1 * error[:, 0] + 1e-6).all()


def test_all_tokens_kept_give_the_whole_distribution_back():
    z = make_logits(20, 50, seed=1)
    for temperature in TEMPERATURES:
        found = read(fitted(50, 50, z), z, temperature)
        exact = torch.softmax(z / temperature, -1)
        torch.testing.assert_close(found, exact, rtol=0.02, atol=1e-6)


def test_the_rest_is_spread_as_the_mean_of_rests():
    z, vocab, k = make_logits(6, 40, seed=2), 40, 5
    form = fitted(k, vocab, make_logits(300, vocab, seed=3))
    for number, temperature in enumerate(TEMPERATURES):
        found = read(form, z, temperature)
        beyond = torch.ones(6, vocab, dtype=torch.bool).scatter_(1, z.topk(k).indices, False)
        for row in range(6):
            ours = found[row][beyond[row]]
            mean = form.rest[number][beyond[row]]
            torch.testing.assert_close(ours / ours.sum(), mean / mean.sum(), rtol=1e-4, atol=0)


def test_the_mean_of_rests_is_that_over_the_whole_sample():
    sample, k = make_logits(1100, 30, seed=4), 4  # more than two chunks
    rest = mean_rest(k, TEMPERATURES, plain_mixture(30), sample)
    for row, temperature in zip(rest, TEMPERATURES, strict=True):
        p = torch.softmax(sample / temperature, -1).scatter(1, sample.topk(k).indices, 0.0)
        torch.testing.assert_close(row, p.mean(0) / p.mean(0).sum(), rtol=1e-6, atol=1e-12)


def test_the_mean_of_rests_fits_better_than_an_even_one():
    z, vocab = make_logits(400, 60, seed=5), 60
    form = fitted(5, vocab, make_logits(400, vocab, seed=6))
    flat = torch.full((3, vocab), 1 / vocab).double()
    even = TopK(form.recipe, flat, plain_mixture(vocab))
    p = torch.softmax(z, -1)
    ours, theirs = ((p * (p / read(each, z, 1.0)).log()).sum(-1).mean() for each in (form, even))
    assert 0 < ours < theirs


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_the_mean_of_probabilities_is_kept_at_its_one_temperature(temperature):
    generator = torch.Generator().manual_seed(7)
    heads = tuple(torch.randn(50, width, generator=generator).double() for width in (6, 9))
    mixture = Mixture(tuple(map(Head, heads)), (0.3, 0.7), "probabilities")
    states = torch.randn(40, 15, generator=generator).double()
    recipe = TopKSignal(
        kind="topk", k=50, temperatures=(temperature,), mean_of="probabilities", weights=(0.3, 0.7)
    )
    one, other = (
        torch.softmax(part @ head.T / temperature, -1)
        for part, head in zip(states.split([6, 9], -1), heads, strict=True)
    )
    found = read(fit(recipe, mixture, states), states, temperature)
    torch.testing.assert_close(found, 0.3 * one + 0.7 * other, rtol=0.02, atol=1e-6)


def test_a_token_costs_what_is_stored_of_it():
    form = fitted(7, 40, make_logits(10, 40, seed=8))
    stored = form.encode(make_logits(12, 40, seed=9).float(), torch.arange(12))
    assert sum(tensor.nbytes for tensor in stored.values()) == 12 * form.sizes.bytes_per_token
