"""How unlike the teachers are, and what that is worth to their ensemble.

    ambiguity = sum_k w_k CE_k - CE of the ensemble

in nats per token: an ensemble is better than the weighted mean of its members by exactly this, and
it is never below 0. Under the mean of logits it is sum_k w_k KL(ensemble || p_k) at every token.
Sources: Krogh and Vedelsby 1995; Heskes 1998 for the KL.
"""

from itertools import combinations

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from babyllama.evaluation.measures.token_values import Values, values_of_pairs
from babyllama.models.ensemble import Mixture
from babyllama.models.logits import form_logits
from babyllama.scores.measures import AMBIGUITY, DISAGREEMENT, PAIRWISE_KL


def diversity_of(
    mixture: Mixture, states: Float[Tensor, "tokens hidden"], labels: Int64[Tensor, " tokens"]
) -> Values:
    """Ambiguity, disagreement and pairwise KL of two or more members, for each token.

    Args:
        states: of all members side by side, as the mixture reads them.
        labels: the tokens of the text.

    Returns:
        `ambiguity`; `disagreement` and `pairwise_kl`, as means over all pairs of members.
    """
    parts = torch.split(states, list(mixture.widths), dim=-1)
    logs = {
        str(number): torch.log_softmax(form_logits(part, head), dim=-1)
        for number, (part, head) in enumerate(zip(parts, mixture.heads, strict=True))
    }
    whole = torch.log_softmax(mixture.logits(states), dim=-1)
    members = sum(
        weight * _nats(each, labels)
        for weight, each in zip(mixture.weights, logs.values(), strict=True)
    )
    pairs = values_of_pairs(logs)
    count = len([*combinations(logs, 2)])
    means = {
        measure: torch.stack([each for name, each in pairs.items() if name.startswith(measure)])
        for measure in (DISAGREEMENT, PAIRWISE_KL)
    }
    return {
        AMBIGUITY: members - _nats(whole, labels),
        **{name: each.sum(0) / count for name, each in means.items()},
    }


def _nats(logs: Tensor, labels: Tensor) -> Tensor:
    return -logs.gather(1, labels[:, None])[:, 0]
