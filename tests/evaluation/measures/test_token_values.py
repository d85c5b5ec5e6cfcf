"""Values at each token against the textbook's formulas in float64."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from references import realistic_logits

from babyllama.evaluation.measures.token_values import in_chunks, kl, values_of


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 7), st.integers(2, 40), st.integers(0, 99))
def test_each_value_is_the_textbooks(tokens, vocab, seed):
    generator = torch.Generator().manual_seed(seed)
    ours, theirs = (realistic_logits([tokens], vocab, generator) for _ in range(2))
    labels = torch.randint(vocab, (tokens,), generator=generator)
    found = values_of(ours.float(), labels, theirs.float())
    p, q = torch.softmax(ours, -1), torch.softmax(theirs, -1)
    for at in range(tokens):
        expected = {
            "nats": -p[at, labels[at]].log(),
            "entropy": -(p[at] * p[at].log()).sum(),
            "confidence": p[at].max(),
            "right": float(p[at].argmax() == labels[at]),
            "agrees": float(p[at].argmax() == q[at].argmax()),
            "teacher_kl": (q[at] * (q[at] / p[at]).log()).sum(),
        }
        for name, value in expected.items():
            assert float(found[name][at]) == pytest.approx(float(value), rel=1e-4, abs=1e-5), name


def test_a_model_agrees_with_itself_and_chunks_change_nothing():
    logits = realistic_logits([9], 30, torch.Generator().manual_seed(1))
    labels = torch.arange(9)
    alone = values_of(logits, labels, logits)
    assert alone["agrees"].all()
    assert alone["teacher_kl"].abs().max() < 1e-12
    cut = in_chunks(9, 4, lambda part: values_of(logits[part], labels[part], logits[part]))
    for name, value in alone.items():
        torch.testing.assert_close(cut[name], value)
    assert kl(torch.log_softmax(logits, -1), torch.log_softmax(logits + 3, -1)).abs().max() < 1e-12
