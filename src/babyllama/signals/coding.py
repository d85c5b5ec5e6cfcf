"""The transform code of stored ensemble states: the whole vocabulary in a few dozen bytes a token.

States x give logits z = x @ head.T. What an error e of a state costs is, for small errors,

    KL(softmax(z / T) || softmax((z + head @ e) / T))  =  1/2 e^T M e,
    M = 1/T**2 head^T (diag p - p p^T) head,

so coordinates are taken along the directions in which the states spread most under the mean of M,
dealt into groups that each need the same number of bits, and each group is written as a few bytes.
A byte names one of 256 vectors, and a group is the sum of its bytes' vectors: decoding is a gather
and a sum, one `embedding_bag`, and logits are one product with a narrow head.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import torch
from jaxtyping import Float, Float32, Int64, UInt8
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

_ENTRIES = 256  # what a byte can name
_BYTES_PER_GROUP = 4
_CHUNK = 2048  # tokens whose logits exist at once
_METRIC_TOKENS = 16_384
_KMEANS_TOKENS = 32_768
_KMEANS_ROUNDS = 12


@dataclass(frozen=True)
class Code:
    """How states are written and read back; tensors alone, so that it saves into one file.

    Attributes:
        basis: states come back as `decode(code, stored) @ basis.T`. The last column is the mean
            state; what `decode` returns has a 1 there.
        analysis: coordinates of states are `(states - mean) @ analysis`.
        table: 256 vectors for each byte, which are summed within its group of coordinates.
        group_starts: the first byte of each group.
    """

    basis: Float32[Tensor, "hidden rank"]
    analysis: Float32[Tensor, "hidden coordinates"]
    table: Float32[Tensor, "bytes entries width"]
    group_starts: Int64[Tensor, " groups"]

    @property
    def rank(self) -> int:
        """Columns of what `decode` returns."""
        return self.basis.shape[1]

    @property
    def bytes_per_token(self) -> int:
        """What a token takes."""
        return self.table.shape[0]


def fit_code(
    states: Float32[Tensor, "tokens hidden"],
    head: Float[Tensor, "vocab hidden"],
    *,
    bytes_per_token: int,
    temperature: float,
    seed: int = 0,
) -> Code:
    """Learn from some states how to write such states in few bytes.

    Args:
        states: a sample, of 64k tokens or so, of what will be encoded.
        head: logits are `states @ head.T`.
        bytes_per_token: from 1 to 2 * hidden, what the states take in bfloat16.
        temperature: T > 0, at which the KL of the decoded states shall be small. Codes for T = 2
            are nearly as good at T = 1 and the other way round.
        seed: where k-means starts. The same arguments give the same code.

    Raises:
        ValueError: bytes_per_token or temperature out of range.

    Source: reverse water-filling, Cover and Thomas 2006, section 10.3; product and residual
        quantisation, Jegou et al. 2011 and Chen et al. 2010.
    """
    hidden = states.shape[1]
    if not 1 <= bytes_per_token <= 2 * hidden:
        raise ValueError(
            f"bytes_per_token is {bytes_per_token}; it lies between 1 and {2 * hidden}, "
            f"which is what {hidden} numbers take in bfloat16"
        )
    if not temperature > 0:
        raise ValueError(f"temperature is {temperature}; it must be above 0")
    generator = torch.Generator(states.device).manual_seed(seed)
    mean = states.mean(0)
    metric = _metric(_some(states, _METRIC_TOKENS, generator), head.float(), temperature)
    directions, variances = _principal_directions(states - mean, metric)
    groups = _deal(variances, bytes_per_token)
    analysis = _columns(directions, groups)
    coordinates = (states - mean) @ analysis
    spread = coordinates.square().mean(0).clamp(min=torch.finfo(torch.float32).tiny)
    basis = ((states - mean).T @ coordinates) / len(states) / spread
    starts = torch.arange(0, bytes_per_token, _BYTES_PER_GROUP, device=states.device)
    code = Code(
        basis=torch.cat([basis, mean[:, None]], dim=1),
        analysis=analysis,
        table=states.new_zeros(bytes_per_token, _ENTRIES, groups.shape[1]),
        group_starts=starts,
    )
    _fit_table(code, _some(coordinates, _KMEANS_TOKENS, generator), generator)
    return code


def encode(
    code: Code, states: Float32[Tensor, "tokens hidden"]
) -> UInt8[Tensor, "tokens bytes_per_token"]:
    """Write each state in `code.bytes_per_token` bytes."""
    stored = torch.empty(len(states), code.bytes_per_token, dtype=torch.uint8, device=states.device)
    mean = code.basis[:, -1]
    for start in range(0, len(states), _CHUNK):
        part = slice(start, start + _CHUNK)
        coordinates = (states[part] - mean) @ code.analysis
        for group, width, first, last in _groups(code):
            residual = coordinates[:, group * width : (group + 1) * width]
            for byte in range(first, last):
                nearest = _nearest(residual, code.table[byte])
                residual = residual - code.table[byte][nearest]
                stored[part, byte] = nearest.to(torch.uint8)
    return stored


def decode(
    code: Code, stored: UInt8[Tensor, "tokens bytes_per_token"]
) -> Float32[Tensor, "tokens rank"]:
    """Read coordinates back: logits are `decode(code, stored) @ (head @ code.basis).T`."""
    tokens, count = stored.shape
    entries = stored.long() + torch.arange(0, count * _ENTRIES, _ENTRIES, device=stored.device)
    bags = torch.arange(0, tokens * count, count, device=stored.device)[:, None] + code.group_starts
    sums = F.embedding_bag(
        entries.flatten(), code.table.flatten(0, 1), bags.flatten(), mode="sum"
    ).view(tokens, -1)
    return torch.cat([sums, sums.new_ones(tokens, 1)], dim=1)


def code_tensors(code: Code) -> dict[str, Tensor]:
    """A code as named tensors, to save."""
    return {field.name: getattr(code, field.name).contiguous() for field in fields(code)}


def code_from(tensors: dict[str, Tensor]) -> Code:
    """The code that `code_tensors` named."""
    return Code(**{field.name: tensors[field.name] for field in fields(Code)})


def _some(rows: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """At most `count` rows, drawn without replacement."""
    if len(rows) <= count:
        return rows
    return rows[torch.randperm(len(rows), generator=generator, device=rows.device)[:count]]


def _metric(states: Tensor, head: Tensor, temperature: float) -> Tensor:
    """The mean over tokens of M, of shape (hidden, hidden)."""
    mean_p = head.new_zeros(len(head))
    outer = head.new_zeros(head.shape[1], head.shape[1])
    for chunk in states.split(_CHUNK):
        p = torch.softmax(chunk @ head.T / temperature, dim=-1)
        mean_p += p.sum(0)
        expected = p @ head
        outer += expected.T @ expected
    second_moment = (head.T * mean_p) @ head
    return (second_moment - outer) / (len(states) * temperature**2)


def _principal_directions(centred: Tensor, metric: Tensor) -> tuple[Tensor, Tensor]:
    """Uncorrelated coordinates `centred @ directions`, in which M is the identity.

    Returns:
        directions (hidden, hidden), and variances in falling order: half their sum is the KL of
        the mean state, so far as the KL is quadratic.
    """
    values, vectors = torch.linalg.eigh(metric.double())
    whiten = vectors * values.clamp(min=0).sqrt()
    covariance = (centred.T @ centred).double() / len(centred)
    variances, rotation = torch.linalg.eigh(whiten.T @ covariance @ whiten)
    directions = (whiten @ rotation).flip(1)
    return directions.float(), variances.clamp(min=0).flip(0).float()


def _deal(variances: Tensor, bytes_per_token: int) -> Tensor:
    """Share coordinates out among groups of bytes so that all groups need as many bits a byte.

    Returns:
        (groups, width): the numbers of each group's coordinates; -1 fills the short ones.
    """
    bits = _water_filling(variances, 8 * bytes_per_token)
    sizes = [
        min(_BYTES_PER_GROUP, bytes_per_token - first)
        for first in range(0, bytes_per_token, _BYTES_PER_GROUP)
    ]
    hands: list[list[int]] = [[] for _ in sizes]
    load = [0.0] * len(sizes)
    for coordinate, need in enumerate(bits.tolist()):
        if need > 0:
            group = min(range(len(sizes)), key=load.__getitem__)
            load[group] += need / sizes[group]
            hands[group].append(coordinate)
    width = max(1, *map(len, hands), 1)
    return torch.tensor([hand + [-1] * (width - len(hand)) for hand in hands])


def _water_filling(variances: Tensor, bits: float) -> Tensor:
    """Bits of each coordinate, 1/2 log2(variance / level), for the level at which they add up."""
    log_variances = variances.double().clamp(min=1e-30).log2()
    # With n coordinates above the level, it is where their bits alone add up.
    counts = torch.arange(1, len(variances) + 1, device=variances.device)
    levels = (log_variances.cumsum(0) - 2 * bits) / counts
    level = levels[log_variances >= levels][-1]
    return (log_variances - level).clamp(min=0) / 2 * (variances > 0)


def _columns(directions: Tensor, groups: Tensor) -> Tensor:
    """The directions in the order of the groups, zeros where a group is short."""
    numbers = groups.flatten().to(directions.device)
    return directions[:, numbers.clamp(min=0)] * (numbers >= 0)


def _groups(code: Code) -> Iterator[tuple[int, int, int, int]]:
    """Each group's number and width, and its bytes [first, last)."""
    starts = [*code.group_starts.tolist(), code.bytes_per_token]
    for group, (first, last) in enumerate(zip(starts, starts[1:], strict=False)):
        yield group, code.table.shape[2], first, last


def _fit_table(code: Code, coordinates: Tensor, generator: torch.Generator) -> None:
    """Each byte's vectors are the centres of what the bytes before it left over."""
    for group, width, first, last in _groups(code):
        residual = coordinates[:, group * width : (group + 1) * width]
        for byte in range(first, last):
            centres = _cluster(residual, generator)
            code.table[byte] = centres
            residual = residual - centres[_nearest(residual, centres)]


def _cluster(points: Tensor, generator: torch.Generator) -> Tensor:
    """k-means; a centre that loses all its points stays where it is."""
    order = torch.randperm(len(points), generator=generator, device=points.device)
    centres = points[order[torch.arange(_ENTRIES, device=points.device) % len(points)]].clone()
    for _ in range(_KMEANS_ROUNDS):
        nearest = _nearest(points, centres)
        counts = torch.bincount(nearest, minlength=_ENTRIES)[:, None]
        sums = torch.zeros_like(centres).index_add_(0, nearest, points)
        centres = torch.where(counts > 0, sums / counts.clamp(min=1), centres)
    return centres


def _nearest(points: Tensor, centres: Tensor) -> Tensor:
    """The number of the centre next to each point."""
    half_norms = centres.square().sum(1) / 2
    return torch.addmm(half_norms, points, centres.T, alpha=-1).argmin(1)
