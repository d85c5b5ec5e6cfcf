"""How a transform code is fitted: metric, prediction, directions, groups and clusters."""

from itertools import pairwise

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from babyllama.models.logits import CHUNK

ENTRIES = 256  # what a byte can name
_SHRINKAGE = 3.0  # states of a token at which its own mean counts half
_KMEANS_ROUNDS = 12


def subsample(
    rows: Float[Tensor, "rows columns"], count: int, generator: torch.Generator
) -> Float[Tensor, "some columns"]:
    """At most `count` rows, drawn without replacement."""
    if len(rows) <= count:
        return rows
    return rows[torch.randperm(len(rows), generator=generator, device=rows.device)[:count]]


def mean_metric(
    states: Float[Tensor, "tokens hidden"], head: Float[Tensor, "vocab hidden"], temperature: float
) -> Float[Tensor, "hidden hidden"]:
    """The mean over tokens of M = 1/T**2 head^T (diag p - p p^T) head."""
    mean_p = head.new_zeros(len(head))
    outer = head.new_zeros(head.shape[1], head.shape[1])
    for start in range(0, len(states), CHUNK):
        p = torch.softmax(states[start : start + CHUNK] @ head.T / temperature, dim=-1)
        mean_p += p.sum(0)
        expected = p @ head
        outer += expected.T @ expected
    second_moment = (head.T * mean_p) @ head
    return (second_moment - outer) / (len(states) * temperature**2)


def predict_from_tokens(
    centred: Float[Tensor, "tokens hidden"],
    tokens: Int64[Tensor, " tokens"],
    head: Float[Tensor, "vocab hidden"],
) -> tuple[Float[Tensor, "tokens hidden"], Float[Tensor, "vocab hidden"]]:
    """Predict states from their input tokens.

    The prediction is a linear map of the token's row in the head plus the mean residual of the
    token's states, shrunk towards zero if the token is rare.

    Returns:
        residuals: of each state predicted from all others, so that they are as large as for new
            states.
        predicted: for each token.
    """
    features = head - head[tokens].mean(0)
    seen = features[tokens]
    gram = (seen.T @ seen).double()
    ridge = _SHRINKAGE * gram.diagonal().mean() / len(tokens) + torch.finfo(torch.float32).tiny
    inverse = torch.linalg.inv(gram + ridge * torch.eye(len(gram), device=gram.device)).float()
    predicted = features @ (inverse @ (seen.T @ centred))
    # The residual of a state had the map been fitted without it.
    leverage = ((seen @ inverse) * seen).sum(1, keepdim=True)
    left = (centred - predicted[tokens]) / (1 - leverage).clamp(min=0.01)
    counts = torch.bincount(tokens, minlength=len(head))[:, None].to(left.dtype)
    sums = torch.zeros_like(predicted).index_add_(0, tokens, left)
    of_others = (sums[tokens] - left) / (counts[tokens] - 1 + _SHRINKAGE)
    return left - of_others, predicted + sums / (counts + _SHRINKAGE)


def principal_directions(
    centred: Float[Tensor, "tokens hidden"], metric: Float[Tensor, "hidden hidden"]
) -> tuple[Float[Tensor, "hidden hidden"], Float[Tensor, " hidden"]]:
    """Uncorrelated coordinates `centred @ directions`, in which the metric is the identity.

    Returns:
        directions (hidden, hidden), and variances in falling order: half their sum is the KL of
        the expected state, so far as the KL is quadratic.
    """
    values, vectors = torch.linalg.eigh(metric.double())
    whiten = vectors * values.clamp(min=0).sqrt()
    covariance = (centred.T @ centred).double() / len(centred)
    variances, rotation = torch.linalg.eigh(whiten.T @ covariance @ whiten)
    # Variances below the rounding of float32 sums are 0.
    variances = variances * (variances > 1e-8 * variances.max())
    return (whiten @ rotation).flip(1).float(), variances.flip(0).float()


def group_starts(bytes_per_token: int, hidden: int) -> Int64[Tensor, " groups"]:
    """The first byte of each group: groups have one byte, or more where there are many bytes."""
    return torch.arange(0, bytes_per_token, 1 + 2 * bytes_per_token // (hidden + 1))


def assign_to_groups(
    variances: Float[Tensor, " hidden"], starts: Int64[Tensor, " groups"], bytes_per_token: int
) -> Int64[Tensor, "groups width"]:
    """Assign coordinates to groups so that all groups need about the same bits per byte.

    Returns:
        the numbers of each group's coordinates, padded with -1.
    """
    bits = water_filling(variances, 8 * bytes_per_token)
    sizes = [last - first for first, last in pairwise([*starts.tolist(), bytes_per_token])]
    members: list[list[int]] = [[] for _ in sizes]
    load = [0.0] * len(sizes)
    for coordinate, need in enumerate(bits.tolist()):
        if need > 0:
            group = min(range(len(sizes)), key=load.__getitem__)
            load[group] += need / sizes[group]
            members[group].append(coordinate)
    width = max(1, *(len(member) for member in members))
    return torch.tensor([member + [-1] * (width - len(member)) for member in members])


def water_filling(variances: Float[Tensor, " hidden"], bits: float) -> Float[Tensor, " hidden"]:
    """Bits of each coordinate, max(0, 1/2 log2(variance / level)), which sum to `bits`.

    Variances are in falling order.
    """
    log_variances = variances.double().clamp(min=1e-30).log2()
    # The level if exactly the n largest coordinates are above it, for each n.
    counts = torch.arange(1, len(variances) + 1, device=variances.device)
    levels = (log_variances.cumsum(0) - 2 * bits) / counts
    level = levels[log_variances >= levels][-1]
    return (log_variances - level).clamp(min=0) / 2 * (variances > 0)


def columns_by_group(
    directions: Float[Tensor, "hidden hidden"], groups: Int64[Tensor, "groups width"]
) -> Float[Tensor, "hidden coordinates"]:
    """The directions in the order of the groups, with zeros for the padding."""
    numbers = groups.flatten().to(directions.device)
    return directions[:, numbers.clamp(min=0)] * (numbers >= 0)


def cluster(
    points: Float[Tensor, "tokens width"], generator: torch.Generator
) -> Float[Tensor, "entries width"]:
    """The centres of k-means; a centre that loses all its points does not move."""
    order = torch.randperm(len(points), generator=generator, device=points.device)
    centres = points[order[torch.arange(ENTRIES, device=points.device) % len(points)]].clone()
    for _ in range(_KMEANS_ROUNDS):
        nearest = nearest_centre(points, centres)
        counts = torch.bincount(nearest, minlength=ENTRIES)[:, None]
        sums = torch.zeros_like(centres).index_add_(0, nearest, points)
        centres = torch.where(counts > 0, sums / counts.clamp(min=1), centres)
    return centres


def nearest_centre(
    points: Float[Tensor, "tokens width"], centres: Float[Tensor, "entries width"]
) -> Int64[Tensor, " tokens"]:
    """The number of the nearest centre of each point."""
    half_norms = centres.square().sum(1) / 2
    return torch.addmm(half_norms, points, centres.T, alpha=-1).argmin(1)
