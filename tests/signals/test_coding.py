"""The transform code: what a few bytes per token keep of an ensemble's states."""

from dataclasses import dataclass, replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from babyllama.signals.coding import Code, code_from, code_tensors, decode, encode, fit_code

VOCAB = 200


@dataclass(frozen=True)
class Sample:
    """What an ensemble said of some tokens."""

    states: Tensor
    head: Tensor
    tokens: Tensor | None

    @property
    def logits(self) -> Tensor:
        return self.states @ self.head.T


def ensemble(count: int, hidden: int = 32, seed: int = 0) -> Sample:
    """States as language models have them: a part that the input token decides, clusters, a long
    tail of directions; columns of two sizes, as if of two teachers; a last column of ones."""
    shared = torch.Generator().manual_seed(11)
    own = torch.Generator().manual_seed(seed)
    decay = torch.arange(1, hidden + 1) ** -0.7
    mixing = torch.linalg.qr(torch.randn(hidden, hidden, generator=shared))[0]
    of_token = torch.randn(VOCAB, hidden, generator=shared) * decay
    of_cluster = torch.randn(12, hidden, generator=shared) * decay
    head = torch.randn(VOCAB, hidden, generator=shared)
    tokens = (VOCAB * torch.rand(count, generator=own) ** 2).long()
    clusters = torch.randint(0, 12, (count,), generator=own)
    noise = torch.randn(count, hidden, generator=own) * decay
    states = (of_token[tokens] + of_cluster[clusters] + noise) @ mixing
    sizes = torch.where(torch.arange(hidden) < hidden // 2, 1.0, 20.0)
    states, head = states * sizes * 2, head / sizes
    states[:, -1] = 1
    return Sample(states, head, tokens)


def fit(sample: Sample, count: int, *, T: float = 2.0, seed: int = 0) -> Code:
    return fit_code(
        sample.states, sample.head,
        bytes_per_token=count, temperature=T, tokens=sample.tokens, seed=seed,
    )  # fmt: skip


def write(code: Code, sample: Sample) -> Tensor:
    return encode(code, sample.states, head=sample.head, tokens=sample.tokens)


def read(code: Code, sample: Sample) -> Tensor:
    return decode(code, write(code, sample), sample.tokens)


def kl(code: Code, sample: Sample, T: float = 2.0) -> float:
    """What training on the code reads against the truth, in nats per token."""
    return divergence(sample.logits, read(code, sample) @ (sample.head @ code.basis).T, T)


def divergence(z: Tensor, z_hat: Tensor, T: float) -> float:
    log_p, log_q = (torch.log_softmax(logits / T, dim=-1) for logits in (z, z_hat))
    return float((log_p.exp() * (log_p - log_q)).sum(-1).mean())


def plain_pca(sample: Tensor, states: Tensor, coordinates: int) -> Tensor:
    """Principal components of the states, 8 bits each: the code that needs no thought."""
    mean = sample.mean(0)
    directions = torch.linalg.svd(sample - mean, full_matrices=False)[2][:coordinates].T
    y = (states - mean) @ directions
    step = ((sample - mean) @ directions).abs().amax(0) / 127
    return (y / step).round().clamp(-128, 127) * step @ directions.T + mean


def test_error_falls_as_bytes_grow() -> None:
    sample, held_out = ensemble(2000), ensemble(400, seed=1)
    errors = [kl(fit(sample, count), held_out) for count in (1, 3, 8, 16, 32)]
    assert all(more < less / 1.5 for less, more in pairwise(errors))
    assert errors[-1] < 1e-3


@pytest.mark.parametrize("T", [1.0, 2.0])
def test_it_beats_plain_pca_by_far_at_the_same_bytes(T: float) -> None:
    sample, held_out = ensemble(2000), ensemble(400, seed=1)
    plain = plain_pca(sample.states, held_out.states, 8) @ held_out.head.T
    assert kl(fit(sample, 8, T=T), held_out, T) < divergence(held_out.logits, plain, T) / 10


@pytest.mark.parametrize(("T", "likely", "share"), [(1.0, 48, 0.5), (3.0, 8, 0.86)])
def test_choosing_bytes_by_the_tokens_own_metric_lowers_the_kl(
    T: float, likely: int, share: float
) -> None:
    code, held_out = fit(ensemble(2000), 8, T=T), ensemble(400, seed=1)
    states, tokens = held_out.states, held_out.tokens
    found = [
        divergence(
            held_out.logits, decode(code, stored, tokens) @ (held_out.head @ code.basis).T, T
        )
        for stored in (
            encode(code, states, head=held_out.head, tokens=tokens, likely=likely),
            encode(code, states, tokens=tokens),  # under the mean metric
        )
    ]
    assert found[0] < share * found[1]


def test_the_last_byte_is_the_best_of_all_under_the_tokens_own_metric() -> None:
    T, sample = 5.0, replace(ensemble(300), tokens=None)
    sample = replace(sample, head=sample.head[:40])  # few enough that all of them are looked at
    code = fit(sample, 5, T=T)
    chosen = write(code, sample)[:20]
    tried = chosen.repeat_interleave(256, 0)
    tried[:, -1] = torch.arange(256).repeat(20)
    decoded = decode(code, tried).double() @ code.basis.double().T
    head = sample.head.double() / T
    errors = (decoded.view(20, 256, -1) - sample.states[:20, None].double()) @ head.T
    p = torch.softmax(sample.states[:20].double() @ head.T, dim=-1)[:, None]
    costs = (p * errors.square()).sum(-1) - (p * errors).sum(-1).square()
    picked = costs.gather(1, chosen[:, -1:].long())[:, 0]
    assert torch.allclose(picked, costs.amin(1), rtol=1e-4)


def test_what_the_input_token_predicts_takes_no_bytes() -> None:
    sample, held_out = ensemble(2000), ensemble(400, seed=1)
    blind = fit(replace(sample, tokens=None), 4)
    assert kl(fit(sample, 4), held_out) < 0.8 * kl(blind, replace(held_out, tokens=None))


def test_a_constant_column_comes_back_exactly() -> None:
    sample = ensemble(500)
    code = fit(sample, 6)
    decoded = read(code, sample) @ code.basis.T
    assert torch.equal(decoded[:, -1], sample.states[:, -1])


def test_other_teacher_weights_read_the_same_code() -> None:
    sample = ensemble(500)
    code = fit(sample, 64)
    weights = torch.where(torch.arange(sample.head.shape[1]) < 16, 1.5, 0.5)
    logits = read(code, sample) @ (sample.head * weights @ code.basis).T
    assert divergence(sample.states @ (sample.head * weights).T, logits, 1.0) < 1e-3


def test_the_same_arguments_give_the_same_code_and_bytes() -> None:
    sample = ensemble(500)
    first, second = fit(sample, 5, seed=3), fit(sample, 5, seed=3)
    for name, tensor in code_tensors(first).items():
        assert torch.equal(tensor, code_tensors(second)[name])
    assert torch.equal(write(first, sample), write(second, sample))
    assert not torch.equal(first.table, fit(sample, 5, seed=4).table)


def test_a_code_survives_as_tensors() -> None:
    sample = ensemble(500)
    code = fit(sample, 5)
    again = code_from({name: tensor.clone() for name, tensor in code_tensors(code).items()})
    assert again.bytes_per_token == code.bytes_per_token == 5
    assert again.rank == code.rank == read(code, sample).shape[1]
    assert torch.equal(read(again, sample), read(code, sample))


@pytest.mark.parametrize("hidden", [16, 23])
@pytest.mark.parametrize("count", [1, 7, 11, 16, 17, 31, 32])
def test_every_byte_is_used(hidden: int, count: int) -> None:
    sample = ensemble(600, hidden)
    stored = write(fit(sample, count), sample)
    assert stored.shape == (600, count)
    assert all(len(column.unique()) > 1 for column in stored.T)


@pytest.mark.parametrize("count", [2, 40])
def test_few_tokens_give_a_code(count: int) -> None:
    code = fit(ensemble(count), 8)
    assert torch.isfinite(read(code, ensemble(50, seed=1))).all()


def test_states_that_never_change_come_back() -> None:
    sample = ensemble(100)
    sample = replace(sample, states=sample.states[:1].repeat(100, 1))
    assert kl(fit(sample, 4), sample) < 1e-5


def test_chunks_change_nothing() -> None:
    sample = ensemble(1100)
    code = fit(sample, 4)
    late = Sample(sample.states[700:], sample.head, sample.tokens[700:])
    agree = (write(code, sample)[700:] == write(code, late)).float().mean()
    assert agree > 0.99  # but for ties that rounding decides


@pytest.mark.parametrize("count", [0, -1, 65])
def test_bytes_out_of_range_are_refused(count: int) -> None:
    with pytest.raises(
        ValueError, match=f"bytes_per_token is {count}; it must be between 1 and 64"
    ):
        fit(ensemble(50), count)


@pytest.mark.parametrize("T", [0.0, -1.0, float("nan")])
def test_a_temperature_that_is_not_positive_is_refused(T: float) -> None:
    with pytest.raises(ValueError, match="it must be above 0"):
        fit(ensemble(50), 4, T=T)


def test_a_code_that_needs_the_tokens_says_so() -> None:
    sample = ensemble(50)
    code = fit(sample, 4)
    with pytest.raises(ValueError, match="fitted with the input tokens"):
        decode(code, write(code, sample))
    with pytest.raises(ValueError, match="fitted with the input tokens"):
        encode(code, sample.states, head=sample.head)
