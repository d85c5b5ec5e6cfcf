"""What is measured at every predicted token, from logits that exist for one chunk at a time."""

from collections.abc import Callable, Mapping
from itertools import combinations

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from babyllama.scores.measures import DISAGREEMENT, PAIRWISE_KL

Values = dict[str, Tensor]  # by measure: a value for each token

NATS, ENTROPY, CONFIDENCE, RIGHT = "nats", "entropy", "confidence", "right"
AGREES, TEACHER_KL = "agrees", "teacher_kl"


def values_of(
    logits: Float[Tensor, "tokens vocab"],
    labels: Int64[Tensor, " tokens"],
    teachers: Float[Tensor, "tokens vocab"] | None = None,
) -> Values:
    """Each token's surprisal, the entropy of the prediction, its top token; and the teachers'.

    Args:
        labels: the tokens of the text.
        teachers: the teachers' logits, for agreement with them.

    Returns:
        nats: -log p(label). entropy: -sum_v p(v) log p(v), in nats. confidence: max_v p(v).
        right: whether the top token is the label. agrees: whether it is the teachers' top token.
        teacher_kl: KL(teachers || model) at T = 1, in nats.
    """
    logs = torch.log_softmax(logits, dim=-1)
    top = logs.max(dim=-1)
    found = {
        NATS: -logs.gather(1, labels[:, None])[:, 0],
        ENTROPY: -(logs.exp() * logs).sum(dim=-1),
        CONFIDENCE: top.values.exp(),
        RIGHT: (top.indices == labels).to(logs.dtype),
    }
    if teachers is not None:
        theirs = torch.log_softmax(teachers, dim=-1)
        found[AGREES] = (top.indices == theirs.argmax(dim=-1)).to(logs.dtype)
        found[TEACHER_KL] = kl(theirs, logs)
    return found


def kl(
    ours: Float[Tensor, "tokens vocab"], theirs: Float[Tensor, "tokens vocab"]
) -> Float[Tensor, " tokens"]:
    """KL(ours || theirs) of log-probabilities, in nats at each token."""
    return (ours.exp() * (ours - theirs)).sum(dim=-1)


def values_of_pairs(logs: Mapping[str, Float[Tensor, "tokens vocab"]]) -> Values:
    """Of each pair of models, by `disagreement/A/B`: whether the top tokens differ; pairwise KL.

    Args:
        logs: each model's log-probabilities, by its name.
    """
    tops = {name: each.argmax(dim=-1) for name, each in logs.items()}
    found: Values = {}
    for one, other in combinations(logs, 2):
        a, b = logs[one], logs[other]
        found[f"{DISAGREEMENT}/{one}/{other}"] = (tops[one] != tops[other]).to(a.dtype)
        found[f"{PAIRWISE_KL}/{one}/{other}"] = (kl(a, b) + kl(b, a)) / 2
    return found


def in_chunks(tokens: int, chunk: int, values: Callable[[slice], Values]) -> Values:
    """Values of many tokens, computed for a chunk at a time."""
    parts = [values(slice(start, start + chunk)) for start in range(0, tokens, chunk)]
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
