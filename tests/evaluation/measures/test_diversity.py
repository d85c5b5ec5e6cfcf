"""How unlike the members of an ensemble are, against plain formulas in float64."""

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from babyllama.evaluation.measures import measure
from babyllama.evaluation.measures.diversity import diversity_of
from babyllama.models.ensemble import Mixture
from babyllama.models.logits import Head

WEIGHTS = (0.2, 0.3, 0.5)


def made_up(mean_of):
    generator = torch.Generator().manual_seed(2)
    heads = [torch.randn(9, 4, generator=generator, dtype=torch.float64) for _ in WEIGHTS]
    states = torch.randn(7, 12, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, 9, (7,), generator=generator)
    logs = [
        F.log_softmax(part @ head.T, dim=-1)
        for part, head in zip(states.split(4, dim=1), heads, strict=True)
    ]
    return Mixture(tuple(map(Head, heads)), WEIGHTS, mean_of), states, labels, logs


@pytest.mark.parametrize("mean_of", ["logits", "probabilities"])
def test_the_ensemble_is_better_than_its_members_mean_by_the_ambiguity(mean_of):
    mixture, states, labels, logs = made_up(mean_of)
    if mean_of == "logits":
        whole = F.log_softmax(sum(w * z for w, z in zip(WEIGHTS, logs, strict=True)), dim=-1)
    else:
        whole = sum(w * z.exp() for w, z in zip(WEIGHTS, logs, strict=True)).log()
    members = sum(w * F.nll_loss(z, labels) for w, z in zip(WEIGHTS, logs, strict=True))

    found = diversity_of(mixture, states, labels)
    assert float(found["ambiguity"].mean()) == pytest.approx(
        float(members - F.nll_loss(whole, labels))
    )
    assert float(found["ambiguity"].mean()) > 0
    if mean_of == "logits":  # at every token, whatever the label
        kl = sum(
            w * (whole.exp() * (whole - z)).sum(-1) for w, z in zip(WEIGHTS, logs, strict=True)
        )
        torch.testing.assert_close(found["ambiguity"], kl)


def test_disagreement_and_kl_are_means_over_all_pairs():
    mixture, states, labels, logs = made_up("logits")
    found = diversity_of(mixture, states, labels)
    differ, apart = 0, 0
    for a, b in ((0, 1), (0, 2), (1, 2)):
        differ += (logs[a].argmax(-1) != logs[b].argmax(-1)).double() / 3
        there = (logs[a].exp() * (logs[a] - logs[b])).sum(-1)
        back = (logs[b].exp() * (logs[b] - logs[a])).sum(-1)
        apart += (there + back) / 6
    torch.testing.assert_close(found["disagreement"], differ)
    torch.testing.assert_close(found["pairwise_kl"], apart)


def test_twice_the_same_model_has_no_diversity(two_models, text):
    found = {each.name: each for each in measure([two_models[0]] * 2, text)}
    for name in ("ambiguity", "disagreement", "pairwise_kl"):
        assert abs(found[name].totals).max() < 1e-3, name
    assert "ambiguity" not in {each.name for each in measure(two_models[:1], text)}
