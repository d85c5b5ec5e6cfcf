"""The copying probe against a plain loop, and on a model that can only copy."""

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from babyllama.evaluation.measures.copying import (
    SEQUENCES,
    copying_gain,
    repeated_random,
    repeated_text,
)
from babyllama.models.ensemble import Ensemble, Mixture, load_ensemble
from babyllama.models.logits import Head
from babyllama.scores.measures import measured

CPU = torch.device("cpu")


def test_sequences_are_two_equal_halves_of_text_or_of_random_tokens_of_it(text):
    half = text.window // 2
    random, spans = repeated_random(text, {0, 1, 2}), repeated_text(text)
    assert random.shape == spans.shape == (SEQUENCES, 2 * half)
    for each in (random, spans):
        assert torch.equal(each[:, :half], each[:, half:])
    assert not np.isin(random, [0, 1, 2]).any()
    assert (text.frequencies[random] > 0).all()
    assert torch.equal(random, repeated_random(text, {0, 1, 2}))
    assert torch.equal(spans[0, :half], text.windows.read(np.array([0])).input_ids[0, :half])


def test_the_gain_is_that_of_a_plain_loop_in_float64(two_models, text):
    sequences = repeated_text(text)[:5]
    half = sequences.shape[1] // 2
    model = AutoModelForCausalLM.from_pretrained(two_models[0], dtype=torch.float64).eval()
    gains = []
    for row in sequences:
        with torch.no_grad():
            logs = torch.log_softmax(model(input_ids=row[None]).logits[0], -1)
        nats = [-float(logs[at - 1, row[at]]) for at in range(1, 2 * half)]
        first, second = nats[: half - 1], nats[half:]
        gains.append(sum(first) - sum(second))
    found = copying_gain("copying/text", load_ensemble(two_models[:1], device=CPU), sequences)
    assert found.counts.tolist() == [half - 1.0] * 5
    assert found.totals[0] == pytest.approx(gains, rel=1e-4, abs=1e-3)


class Copier(Ensemble):
    """Predicts what followed the last occurrence of the current token; else all alike."""

    def states(self, input_ids):
        found = torch.zeros(*input_ids.shape, self.mixture.vocab_size)
        for row, ids in enumerate(input_ids.tolist()):
            for at, token in enumerate(ids):
                if token in ids[:at]:
                    last = at - 1 - ids[:at][::-1].index(token)
                    found[row, at, ids[last + 1]] = 20.0
        return found


def test_a_model_that_copies_gains(text):
    copier = Copier((), Mixture((Head(torch.eye(320)),), (1.0,)), torch.float32)
    random = repeated_random(text, ())
    assert measured(copying_gain("copying/random", copier, random)).value > 4.0
    reversed_halves = torch.cat([random[:, :8], random[:, :8].flip(1)], dim=1)
    assert measured(copying_gain("copying/random", copier, reversed_halves)).value < 1.0
