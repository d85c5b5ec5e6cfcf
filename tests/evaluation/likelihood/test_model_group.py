"""Several models averaged as one, against the definition in float64."""

from types import SimpleNamespace

import pytest
import torch

from babyllama.evaluation.likelihood.model_group import ModelGroup

LOGITS = torch.randn(2, 3, 5, 7, generator=torch.Generator().manual_seed(1))  # of two models


def group(mean_of, weights, sizes=(7, 7)):
    models = [
        SimpleNamespace(device=torch.device("cpu"), number=n, config=SimpleNamespace(vocab_size=s))
        for n, s in enumerate(sizes)
    ]
    return ModelGroup(models, weights, mean_of, torch.float32)


@pytest.mark.parametrize("weights", [(0.5, 0.5), (0.9, 0.1), (0.0, 1.0)])
@pytest.mark.parametrize("mean_of", ["logits", "probabilities"])
def test_models_are_averaged_by_their_weights(mean_of, weights):
    found = group(mean_of, weights).log_probabilities(lambda model: LOGITS[model.number].clone())
    shares = torch.tensor(weights, dtype=torch.float64)[:, None, None, None]
    if mean_of == "logits":
        expected = torch.log_softmax((shares * LOGITS.double()).sum(0), dim=-1)
    else:
        expected = (shares * torch.softmax(LOGITS.double(), dim=-1)).sum(0).log()
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), expected, atol=1e-6, rtol=1e-6)


def test_log_probabilities_are_float32_even_of_bfloat16_logits():
    found = group("logits", (0.5, 0.5)).log_probabilities(
        lambda model: LOGITS[model.number].bfloat16()
    )
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.exp().sum(-1), torch.ones(3, 5), atol=1e-6, rtol=0)


def test_the_vocabulary_is_that_of_the_smallest_model():
    assert group("logits", (0.5, 0.5), sizes=(9, 7)).vocab_size == 7
