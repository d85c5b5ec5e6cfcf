"""The fused loss against the textbook's, and the laws that need no reference."""

import math
from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from references import plain_loss, realistic_logits
from torch.utils._python_dispatch import TorchDispatchMode

from babyllama.data.windows import IGNORE_INDEX
from babyllama.models import loss as losses
from babyllama.models import precision
from babyllama.models.logits import Head
from babyllama.models.loss import SparseTarget, chunk_size, cross_entropy_loss, distillation_loss
from babyllama.models.precision import bf16_matmul
from babyllama.training.compilation import can_compile

sizes = st.tuples(st.integers(1, 3), st.integers(2, 9), st.integers(3, 40), st.integers(2, 12))


def make_case(batch, window, vocab, width, seed, near=1.0, dtype=torch.float64):
    """A student near its teachers: hidden states and a head that nearly give their logits."""
    generator = torch.Generator().manual_seed(seed)
    z_bar = realistic_logits((batch, window), vocab, generator)
    head = torch.randn(vocab, width, generator=generator, dtype=torch.float64)
    fitted = torch.linalg.lstsq(head, z_bar.flatten(0, 1).T).solution.T
    hidden = fitted.reshape(batch, window, width)
    hidden = hidden + near * torch.randn(hidden.shape, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, vocab, (batch, window), generator=generator)
    labels[:, -1] = IGNORE_INDEX
    return hidden.to(dtype), head.to(dtype), labels, z_bar.to(dtype)


def fused(hidden, head, labels, z_bar, *, chunk=256, softcap=None, **settings_):
    head = Head(head, softcap=softcap)
    flat = None if z_bar is None else z_bar.flatten(0, 1)
    logits = None if flat is None else lambda part: flat[part]
    return distillation_loss(hidden, head, labels, logits, chunk=chunk, **settings_)


def with_gradients(loss, hidden, head):
    hidden, head = hidden.clone().requires_grad_(), head.clone().requires_grad_()
    value = loss(hidden, head)
    return value.detach(), *torch.autograd.grad(value, (hidden, head))


@settings(deadline=None, max_examples=60)
@given(
    sizes,
    st.integers(0, 2**31),
    st.floats(0.0, 1.0),
    st.floats(0.3, 8.0),
    st.sampled_from(["window_sum", "token_mean"]),
    st.integers(1, 30),
)
def test_value_and_both_gradients_equal_the_textbook(
    size, seed, alpha, temperature, reduction, chunk
):
    hidden, head, labels, z_bar = make_case(*size, seed)
    chosen = {"alpha": alpha, "temperature": temperature, "reduction": reduction}
    ours = with_gradients(
        lambda h, w: fused(h, w, labels, z_bar, chunk=chunk, **chosen).total, hidden, head
    )
    theirs = with_gradients(lambda h, w: plain_loss(h, w, labels, z_bar, **chosen)[0], hidden, head)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.skipif(
    not can_compile() or torch.backends.cpu.get_cpu_capability() == "DEFAULT",
    reason="torch.compile needs a C++ compiler, and fails if ATEN_CPU_CAPABILITY=default is forced",
)
@pytest.mark.parametrize(("alpha", "softcap"), [(0.0, None), (0.5, None), (1.0, None), (0.5, 4.0)])
def test_compiled_and_plain_agree_to_the_last_ragged_chunk(alpha, softcap):
    hidden, head, labels, z_bar = make_case(2, 40, 60, 8, seed=20)
    results = [
        with_gradients(
            lambda h, w, c=compiled: fused(
                h, w, labels, z_bar, alpha=alpha, temperature=2.0, reduction="window_sum",
                softcap=softcap, chunk=32, compiled=c,
            ).total,
            hidden, head,
        )
        for compiled in (False, True)
    ]  # fmt: skip
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_a_chunk_that_is_passed_over_in_parts_gives_what_small_chunks_give():
    """9,000 rows of 60 float64 logits are more than a pass works on at once."""
    hidden, head, labels, z_bar = make_case(9, 1_000, 60, 8, seed=21)
    chosen = {"alpha": 0.5, "temperature": 2.0, "reduction": "token_mean"}
    at_once, in_chunks = (
        with_gradients(
            lambda h, w, c=chunk: fused(h, w, labels, z_bar, chunk=c, **chosen).total, hidden, head
        )
        for chunk in (9_000, 3_000)
    )
    assert z_bar.numel() * z_bar.itemsize > losses._CACHED_BYTES
    for one, other in zip(at_once, in_chunks, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-11)


class Watch(TorchDispatchMode):
    """Counts operations, and notes the most elements that one of them gave."""

    def __init__(self):
        super().__init__()
        self.calls = Counter()
        self.largest = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        self.calls[func.overloadpacket.__name__] += 1
        if isinstance(result, torch.Tensor):
            self.largest = max(self.largest, result.numel())
        return result


def watched(windows, *, alpha):
    hidden, head, labels, _ = make_case(1, 32, 200, 8, seed=22)
    hidden, labels = hidden.repeat(windows, 1, 1), labels.repeat(windows, 1)
    flat, teacher_head = hidden.flatten(0, 1).clone(), head.clone()
    hidden.requires_grad_(), head.requires_grad_()
    with Watch() as watch:
        distillation_loss(
            hidden, Head(head), labels, lambda part: flat[part] @ teacher_head.T,
            alpha=alpha, temperature=2.0, reduction="token_mean", chunk=32,
        ).total.backward()  # fmt: skip
    return watch


def test_memory_does_not_grow_with_the_batch():
    assert watched(2, alpha=0.5).largest == watched(8, alpha=0.5).largest == 32 * 200


@pytest.mark.parametrize(("alpha", "softmaxes"), [(0.0, 2), (0.5, 3), (1.0, 1)])
def test_the_half_of_the_loss_that_weighs_nothing_is_not_computed(alpha, softmaxes):
    assert watched(4, alpha=alpha).calls["_softmax"] == 4 * softmaxes


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_nothing_waits_for_the_device(alpha):
    """Tensors without data raise where code asks for a value."""
    hidden = torch.empty(2, 20, 8, device="meta", requires_grad=True)
    head = torch.empty(30, 8, device="meta", requires_grad=True)
    labels = torch.empty(2, 20, device="meta", dtype=torch.int64)
    z_bar = torch.empty(40, 30, device="meta")
    distillation_loss(
        hidden, Head(head), labels, lambda part: z_bar[part],
        alpha=alpha, temperature=2.0, reduction="token_mean", chunk=16,
    ).total.backward()  # fmt: skip
    assert hidden.grad.shape == hidden.shape


def test_a_larger_vocabulary_takes_smaller_chunks_of_the_same_memory():
    cpu = torch.device("cpu")
    sizes_ = [chunk_size(vocab, cpu) for vocab in (1_000, 4_000, 16_000, 50_000)]
    assert sizes_ == sorted(sizes_, reverse=True)
    assert sizes_[-1] * 50_000 * 4 <= 32 * 2**20
    assert chunk_size(1_000_000, cpu) == 128  # below that products read the heads too often


@pytest.mark.parametrize("reduction", ["window_sum", "token_mean"])
def test_logged_terms_are_nats_per_token_under_both_reductions(reduction):
    hidden, head, labels, z_bar = make_case(2, 6, 20, 5, seed=1)
    chosen = {"alpha": 0.3, "temperature": 2.0, "reduction": reduction}
    terms = fused(hidden, head, labels, z_bar, **chosen)
    _, cross_entropy, kl = plain_loss(hidden, head, labels, z_bar, **chosen)
    torch.testing.assert_close(terms.cross_entropy, cross_entropy)
    torch.testing.assert_close(terms.kl, kl)


def test_terms_for_the_log_carry_no_gradient_and_scoring_takes_none():
    hidden, head, labels, z_bar = make_case(2, 6, 20, 5, seed=1)
    hidden.requires_grad_(), head.requires_grad_()
    terms = fused(hidden, head, labels, z_bar, alpha=0.5, temperature=2.0, reduction="token_mean")
    assert terms.total.requires_grad
    assert not terms.cross_entropy.requires_grad
    assert not terms.kl.requires_grad
    with torch.no_grad():
        assert not cross_entropy_loss(hidden, Head(head), labels).total.requires_grad


def test_window_sum_weighs_kl_by_the_window():
    hidden, head, labels, z_bar = make_case(3, 8, 20, 5, seed=2)
    labels = labels.clamp(min=0)  # with every position labelled the two differ by a factor alone
    totals = {
        reduction: fused(
            hidden, head, labels, z_bar, alpha=0.0, temperature=2.0, reduction=reduction
        ).total
        for reduction in ("window_sum", "token_mean")
    }
    torch.testing.assert_close(totals["window_sum"], 8 * totals["token_mean"])


def test_kl_is_zero_when_the_student_equals_its_teachers():
    hidden, head, labels, _ = make_case(2, 5, 30, 6, seed=3)
    terms = fused(
        hidden, head, labels, hidden @ head.T, alpha=0.0, temperature=1.7, reduction="token_mean"
    )
    assert abs(float(terms.kl)) < 1e-12


def test_alpha_one_is_cross_entropy_and_never_asks_the_teachers():
    hidden, head, labels, _ = make_case(2, 5, 30, 6, seed=4)

    def refuse(_part):
        raise AssertionError("the teachers were asked")

    terms = distillation_loss(
        hidden, Head(head), labels, refuse, temperature=2.0, alpha=1.0, reduction="window_sum"
    )
    twin = cross_entropy_loss(hidden, Head(head), labels)
    assert torch.equal(terms.total, twin.total)
    chosen = {"temperature": 1.0, "alpha": 1.0, "reduction": "token_mean"}
    torch.testing.assert_close(twin.total, plain_loss(hidden, head, labels, None, **chosen)[0])


def test_permuting_the_vocabulary_changes_nothing():
    hidden, head, labels, z_bar = make_case(2, 5, 30, 6, seed=5)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(0))
    moved = torch.argsort(order)[labels.clamp(min=0)].where(labels != IGNORE_INDEX, labels)
    chosen = {"alpha": 0.4, "temperature": 2.0, "reduction": "token_mean"}
    torch.testing.assert_close(
        fused(hidden, head, labels, z_bar, **chosen).total,
        fused(hidden, head[order], moved, z_bar[..., order], **chosen).total,
    )


def test_at_high_temperature_the_kl_is_half_the_squared_distance_of_centred_logits():
    hidden, head, labels, z_bar = make_case(2, 5, 30, 6, seed=6)
    labels = labels.clamp(min=0)
    temperature = 1e4
    total = fused(
        hidden, head, labels, z_bar, alpha=0.0, temperature=temperature, reduction="token_mean"
    ).total
    difference = hidden @ head.T - z_bar
    centred = difference - difference.mean(-1, keepdim=True)
    torch.testing.assert_close(total, centred.square().mean(-1).mean() / 2, rtol=1e-3, atol=0)


def test_ignored_positions_change_neither_value_nor_gradient():
    hidden, head, labels, z_bar = make_case(2, 6, 20, 5, seed=7)
    labels[0, 2] = IGNORE_INDEX
    chosen = {"alpha": 0.5, "temperature": 2.0, "reduction": "token_mean"}
    before = fused(hidden, head, labels, z_bar, **chosen).total
    changed = hidden.clone()
    changed[0, 2] += 10
    assert torch.equal(before, fused(changed, head, labels, z_bar, **chosen).total)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_softcapped_logits_have_the_textbooks_value_and_gradients(alpha):
    hidden, head, labels, z_bar = make_case(2, 6, 20, 5, seed=21)
    chosen = {"temperature": 2.0, "reduction": "token_mean"}

    def textbook(h, w):
        z = 4.0 * torch.tanh(h @ w.T / 4.0)
        identity = torch.eye(20, dtype=torch.float64)
        return plain_loss(z, identity, labels, z_bar, alpha=alpha, **chosen)[0]

    ours = with_gradients(
        lambda h, w: fused(h, w, labels, z_bar, alpha=alpha, softcap=4.0, chunk=5, **chosen).total,
        hidden, head,
    )  # fmt: skip
    for one, other in zip(ours, with_gradients(textbook, hidden, head), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("reduction", ["window_sum", "token_mean"])
@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_a_sketch_that_keeps_every_token_is_the_exact_loss(temperature, reduction):
    hidden, head, labels, z_bar = make_case(2, 6, 20, 5, seed=22)
    chosen = {"alpha": 0.4, "temperature": temperature, "reduction": reduction}
    flat = z_bar.flatten(0, 1)
    log_p = torch.log_softmax(flat / temperature, -1)
    order = torch.randperm(20, generator=torch.Generator().manual_seed(0)).expand(12, 20)

    def sketch(part):
        return SparseTarget(
            order[part], log_p.exp()[part].gather(1, order[part]),
            -(log_p.exp() * log_p).sum(-1)[part],
        )  # fmt: skip

    sketched = with_gradients(
        lambda h, w: distillation_loss(h, Head(w), labels, sketch, chunk=5, **chosen).total,
        hidden,
        head,
    )
    exact = with_gradients(lambda h, w: plain_loss(h, w, labels, z_bar, **chosen)[0], hidden, head)
    for one, other in zip(sketched, exact, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_a_sketch_has_the_gradient_of_its_own_value():
    hidden, head, labels, _ = make_case(1, 4, 12, 3, seed=23)
    weights = torch.tensor([[0.7, 0.2], [0.5, 0.9], [1.0, 0.1], [0.3, 0.3]], dtype=torch.float64)
    tokens = torch.tensor([[3, 1], [0, 11], [5, 6], [2, 7]])

    def loss(h):
        return distillation_loss(
            h, Head(head), labels,
            lambda part: SparseTarget(tokens[part], weights[part], weights[part].sum(-1)),
            alpha=0.3, temperature=2.0, reduction="window_sum", chunk=3,
        ).total  # fmt: skip

    assert torch.autograd.gradcheck(loss, hidden.clone().requires_grad_())


def test_a_batch_without_labels_has_no_loss_rather_than_no_number():
    hidden, head, labels, _ = make_case(1, 4, 20, 5, seed=8)
    terms = cross_entropy_loss(hidden, Head(head), torch.full_like(labels, IGNORE_INDEX))
    assert float(terms.total) == 0.0


def test_confident_teachers_and_far_students_stay_finite():
    hidden, head, labels, z_bar = make_case(1, 4, 20, 5, seed=9, dtype=torch.float32)
    total, *gradients = with_gradients(
        lambda h, w: (
            fused(
                h, w, labels, z_bar * 50, alpha=0.5, temperature=1.0, reduction="token_mean"
            ).total
        ),
        hidden * 30,
        head,
    )
    assert all(bool(torch.isfinite(each).all()) for each in (total, *gradients))


def test_bfloat16_states_lose_no_more_than_the_plain_formula_does():
    hidden, head, labels, z_bar = make_case(4, 32, 500, 32, seed=10, near=0.1)
    hidden, head = hidden.bfloat16().double(), head.bfloat16().double()
    chosen = {"alpha": 0.0, "temperature": 2.0, "reduction": "token_mean"}
    _, exact, _ = with_gradients(
        lambda h, w: plain_loss(h, w, labels, z_bar, **chosen)[0], hidden, head
    )
    _, plain, _ = with_gradients(
        lambda h, w: plain_loss(h, w, labels, z_bar.bfloat16(), **chosen)[0],
        hidden.bfloat16(), head.bfloat16(),
    )  # fmt: skip
    with bf16_matmul():
        _, ours, _ = with_gradients(
            lambda h, w: fused(h, w, labels, z_bar.float(), **chosen).total,
            hidden.bfloat16(), head.bfloat16(),
        )  # fmt: skip
    error = lambda gradient: float((gradient.double() - exact).norm() / exact.norm())  # noqa: E731
    assert error(ours) < error(plain) / 2
    assert error(ours) < 0.02


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("softcap", [None, 20.0])
def test_states_of_bfloat16_before_a_head_of_float32(monkeypatch, fast, softcap):
    """As in a training under autocast: with a bias, in chunks, against the textbook in float64."""
    monkeypatch.setattr(precision, "_bfloat16_is_fast", lambda _device: fast)
    hidden, head, labels, z_bar = make_case(4, 32, 500, 32, seed=11, near=0.1)
    hidden, bias = hidden.bfloat16().double(), head[:, 0] / 10
    chosen = {"alpha": 0.5, "temperature": 2.0, "reduction": "token_mean"}

    def gradients(loss, *parameters):
        parameters = [each.clone().requires_grad_() for each in parameters]
        return torch.autograd.grad(loss(*parameters), parameters)

    def plain(states, weight, shift):
        logits = states @ weight.T + shift
        logits = logits if softcap is None else softcap * torch.tanh(logits / softcap)
        return plain_loss(logits, torch.eye(len(weight)).double(), labels, z_bar, **chosen)[0]

    def ours(states, weight, shift):
        flat = z_bar.float().flatten(0, 1)
        return distillation_loss(
            states, Head(weight, bias=shift, softcap=softcap), labels, lambda part: flat[part],
            chunk=50, **chosen,
        ).total  # fmt: skip

    exact = gradients(plain, hidden, head, bias)
    found = gradients(ours, hidden.bfloat16(), head.float(), bias.float())
    assert [each.dtype for each in found] == [torch.bfloat16, torch.float32, torch.float32]
    for one, other in zip(found, exact, strict=True):
        assert (one.double() - other).norm() < 0.01 * other.norm()


@pytest.mark.parametrize(
    ("temperature", "alpha", "named"),
    [(0.0, 0.5, "temperature"), (-1.0, 0.5, "temperature"), (1.0, 1.5, "alpha"),
     (math.nan, 0.5, "temperature"), (1.0, -0.1, "alpha")],
)  # fmt: skip
def test_settings_out_of_range_are_refused(temperature, alpha, named):
    hidden, head, labels, z_bar = make_case(1, 3, 10, 4, seed=12)
    with pytest.raises(ValueError, match=named):
        fused(hidden, head, labels, z_bar, temperature=temperature, alpha=alpha,
              reduction="token_mean")  # fmt: skip


def test_different_vocabularies_are_refused_with_both_sizes():
    hidden, head, labels, z_bar = make_case(1, 3, 10, 4, seed=13)
    with pytest.raises(ValueError, match=r"10.*9"):
        fused(hidden, head, labels, z_bar[..., :9], temperature=1.0, alpha=0.5,
              reduction="token_mean")  # fmt: skip


def test_teachers_are_needed_below_alpha_one():
    hidden, head, labels, _ = make_case(1, 3, 10, 4, seed=14)
    with pytest.raises(ValueError, match="teachers are needed"):
        fused(hidden, head, labels, None, temperature=1.0, alpha=0.5, reduction="token_mean")
