"""The transform code of stored ensemble states: the whole vocabulary in a few dozen bytes a token.

States x give logits z = x @ head.T. What an error e of a state costs is, for small errors,

    KL(softmax(z / T) || softmax((z + head @ e) / T))  =  1/2 e^T M e,
    M = 1/T**2 head^T (diag p - p p^T) head.

Four things make few bytes enough. What the input token alone says of a state need not be stored,
since whoever reads the states knows the token. Coordinates are taken along the directions in which
the rest spreads most under the mean of M, and dealt into groups that each need the same number of
bits. A byte names one of 256 vectors for its group, so that decoding is a gather. And bytes are
chosen together, under each token's own M: where few words are likely, few directions matter.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import pairwise

import torch
from jaxtyping import Float, Float32, Int64, UInt8
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

_ENTRIES = 256  # what a byte can name
_CHUNK = 512  # tokens whose logits exist at once
_LIKELY = 48  # tokens of the vocabulary that a state's own metric sees one by one
_SWEEPS = 2  # times that encoding reconsiders every byte
_SHRINKAGE = 3.0  # states of a token at which its own mean counts half
_METRIC_TOKENS = 16_384
_KMEANS_TOKENS = 32_768
_KMEANS_ROUNDS = 12


@dataclass(frozen=True)
class Code:
    """How states are written and read back; tensors alone, so that it saves into one file.

    Attributes:
        basis: states come back as `decode(...) @ basis.T`. The last column is the mean state; what
            `decode` returns has a 1 there.
        analysis: coordinates of states are `(states - mean) @ analysis`.
        expected: the coordinates to expect of a state, less the mean's, by its input token; one
            row of zeros if the code was fitted without tokens.
        table: 256 vectors for each byte, which are summed within its group of coordinates.
        group_starts: the first byte of each group.
        temperature: T of the metric.
    """

    basis: Float32[Tensor, "hidden rank"]
    analysis: Float32[Tensor, "hidden coordinates"]
    expected: Float32[Tensor, "inputs coordinates"]
    table: Float32[Tensor, "bytes entries width"]
    group_starts: Int64[Tensor, " groups"]
    temperature: Float32[Tensor, ""]

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
    tokens: Int64[Tensor, " tokens"] | None = None,
    seed: int = 0,
) -> Code:
    """Learn from some states how to write such states in few bytes.

    Args:
        states: a sample, of 64k tokens or so, of what will be encoded.
        head: logits are `states @ head.T`.
        bytes_per_token: from 1 to 2 * hidden, what the states take in bfloat16.
        temperature: T > 0, at which the KL of the decoded states shall be small.
        tokens: the input token at each state, if whoever reads the code knows them.
        seed: where k-means starts. The same arguments give the same code on a processor.

    Raises:
        ValueError: bytes_per_token or temperature out of range.

    Source: reverse water-filling, Cover and Thomas 2006, section 10.3; product and residual
        quantisation, Jegou et al. 2011 and Chen et al. 2010; the choice of bytes one after another
        given all others, Besag's iterated conditional modes (1986), as in Babenko and Lempitsky
        2014.
    """
    hidden = states.shape[1]
    if not 1 <= bytes_per_token <= 2 * hidden:
        raise ValueError(
            f"bytes_per_token is {bytes_per_token}; it lies between 1 and {2 * hidden}, "
            f"which is what {hidden} numbers take in bfloat16"
        )
    if not temperature > 0:
        raise ValueError(f"temperature is {temperature}; it must be above 0")
    head = head.float()
    generator = torch.Generator(states.device).manual_seed(seed)
    metric = _metric(_some(states, _METRIC_TOKENS, generator), head, temperature)
    mean = states.mean(0)
    unforeseen, foreseen = states - mean, torch.zeros_like(states[:1])
    if tokens is not None:
        unforeseen, foreseen = _foresee(states - mean, tokens, head)
    directions, variances = _principal_directions(unforeseen, metric)
    starts = _group_starts(bytes_per_token, hidden).to(states.device)
    groups = _deal(variances, starts, bytes_per_token)
    analysis = _columns(directions, groups)
    coordinates = unforeseen @ analysis
    spread = coordinates.square().mean(0).clamp(min=torch.finfo(torch.float32).tiny)
    basis = (unforeseen.T @ coordinates) / len(states) / spread
    code = Code(
        basis=torch.cat([basis, mean[:, None]], dim=1),
        analysis=analysis,
        expected=foreseen @ analysis,
        table=states.new_zeros(bytes_per_token, _ENTRIES, groups.shape[1]),
        group_starts=starts,
        temperature=torch.tensor(temperature, dtype=torch.float32, device=states.device),
    )
    _cluster_groups(code, _some(coordinates, _KMEANS_TOKENS, generator), generator)
    return code


def encode(
    code: Code,
    states: Float32[Tensor, "tokens hidden"],
    *,
    head: Float[Tensor, "vocab hidden"] | None = None,
    tokens: Int64[Tensor, " tokens"] | None = None,
) -> UInt8[Tensor, "tokens bytes_per_token"]:
    """Write each state in `code.bytes_per_token` bytes.

    Args:
        head: as it was for `fit_code`. With it bytes are chosen under each token's own metric:
            a few times the work for a clearly smaller KL. Without it, under the mean metric.
        tokens: the input token at each state, if the code was fitted with them.

    Raises:
        ValueError: the code needs tokens.
    """
    mean = code.basis[:, -1]
    own_head = None if head is None else _OwnHead.of(code, head.float())
    expected = _expected(code, tokens).expand(len(states), -1)
    pieces = []
    for start in range(0, len(states), _CHUNK):
        part = slice(start, start + _CHUNK)
        coordinates = (states[part] - mean) @ code.analysis - expected[part]
        stored = _nearest_entries(code, coordinates)
        if own_head is not None:
            search = _Search.of(code, own_head, states[part], coordinates, stored)
            for _ in range(_SWEEPS):
                _sweep(code, search)
        pieces.append(stored.to(torch.uint8))
    return torch.cat(pieces)


def decode(
    code: Code,
    stored: UInt8[Tensor, "tokens bytes_per_token"],
    tokens: Int64[Tensor, " tokens"] | None = None,
) -> Float32[Tensor, "tokens rank"]:
    """Read coordinates back: logits are `decode(code, stored, tokens) @ (head @ code.basis).T`.

    Args:
        tokens: the input token at each state, if the code was fitted with them.

    Raises:
        ValueError: the code needs tokens.
    """
    coordinates = _expected(code, tokens) + _look_up(code, stored.long())
    return torch.cat([coordinates, coordinates.new_ones(len(stored), 1)], dim=1)


def code_tensors(code: Code) -> dict[str, Tensor]:
    """A code as named tensors, to save."""
    return {field.name: getattr(code, field.name).contiguous() for field in fields(code)}


def code_from(tensors: dict[str, Tensor]) -> Code:
    """The code that `code_tensors` named."""
    return Code(**{field.name: tensors[field.name] for field in fields(Code)})


def _expected(code: Code, tokens: Tensor | None) -> Tensor:
    """The coordinates to expect at each token; one row for all where the code knows no tokens."""
    if len(code.expected) == 1:
        return code.expected
    if tokens is None:
        raise ValueError("the code was fitted with the input tokens, so it is read with them")
    return code.expected[tokens]


def _look_up(code: Code, stored: Tensor) -> Tensor:
    """The coordinates that bytes stand for: each group's sum of its bytes' vectors."""
    tokens, count = stored.shape
    entries = stored + torch.arange(0, count * _ENTRIES, _ENTRIES, device=stored.device)
    bags = torch.arange(0, tokens * count, count, device=stored.device)[:, None] + code.group_starts
    sums = F.embedding_bag(entries.flatten(), code.table.flatten(0, 1), bags.flatten(), mode="sum")
    return sums.view(tokens, -1)


def _some(rows: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """At most `count` rows, drawn without replacement."""
    if len(rows) <= count:
        return rows
    return rows[torch.randperm(len(rows), generator=generator, device=rows.device)[:count]]


def _metric(states: Tensor, head: Tensor, temperature: float) -> Tensor:
    """The mean over tokens of M, of shape (hidden, hidden)."""
    mean_p = head.new_zeros(len(head))
    outer = head.new_zeros(head.shape[1], head.shape[1])
    for start in range(0, len(states), _CHUNK):
        p = torch.softmax(states[start : start + _CHUNK] @ head.T / temperature, dim=-1)
        mean_p += p.sum(0)
        expected = p @ head
        outer += expected.T @ expected
    second_moment = (head.T * mean_p) @ head
    return (second_moment - outer) / (len(states) * temperature**2)


def _foresee(centred: Tensor, tokens: Tensor, head: Tensor) -> tuple[Tensor, Tensor]:
    """What a token says of its state: a linear map of the token's row in the head, and on top the
    mean of the token's states, drawn towards the map's where the token is rare.

    Returns:
        unforeseen (tokens, hidden): what is left of each state when all others have been seen,
            so that it is as large as it will be for new states.
        foreseen (vocab, hidden).
    """
    features = head - head[tokens].mean(0)
    seen = features[tokens]
    gram = (seen.T @ seen).double()
    ridge = _SHRINKAGE * gram.diagonal().mean() / len(tokens) + torch.finfo(torch.float32).tiny
    inverse = torch.linalg.inv(gram + ridge * torch.eye(len(gram), device=gram.device)).float()
    foreseen = features @ (inverse @ (seen.T @ centred))
    # What would be left of a state, had the map been made without it.
    leverage = ((seen @ inverse) * seen).sum(1, keepdim=True)
    left = (centred - foreseen[tokens]) / (1 - leverage).clamp(min=0.01)
    counts = torch.bincount(tokens, minlength=len(head))[:, None].to(left.dtype)
    sums = torch.zeros_like(foreseen).index_add_(0, tokens, left)
    of_others = (sums[tokens] - left) / (counts[tokens] - 1 + _SHRINKAGE)
    return left - of_others, foreseen + sums / (counts + _SHRINKAGE)


def _principal_directions(centred: Tensor, metric: Tensor) -> tuple[Tensor, Tensor]:
    """Uncorrelated coordinates `centred @ directions`, in which the metric is the identity.

    Returns:
        directions (hidden, hidden), and variances in falling order: half their sum is the KL of
        the expected state, so far as the KL is quadratic.
    """
    values, vectors = torch.linalg.eigh(metric.double())
    whiten = vectors * values.clamp(min=0).sqrt()
    covariance = (centred.T @ centred).double() / len(centred)
    variances, rotation = torch.linalg.eigh(whiten.T @ covariance @ whiten)
    # What float32 sums cannot tell from zero is zero.
    variances = variances * (variances > 1e-8 * variances.max())
    return (whiten @ rotation).flip(1).float(), variances.flip(0).float()


def _group_starts(bytes_per_token: int, hidden: int) -> Tensor:
    """The first byte of each group: of one byte each, of more where bytes abound."""
    return torch.arange(0, bytes_per_token, 1 + 2 * bytes_per_token // (hidden + 1))


def _deal(variances: Tensor, starts: Tensor, bytes_per_token: int) -> Tensor:
    """Share coordinates out among groups so that all groups need as many bits a byte.

    Returns:
        (groups, width): the numbers of each group's coordinates; -1 fills the short ones.
    """
    bits = _water_filling(variances, 8 * bytes_per_token)
    sizes = [last - first for first, last in pairwise([*starts.tolist(), bytes_per_token])]
    hands: list[list[int]] = [[] for _ in sizes]
    load = [0.0] * len(sizes)
    for coordinate, need in enumerate(bits.tolist()):
        if need > 0:
            group = min(range(len(sizes)), key=load.__getitem__)
            load[group] += need / sizes[group]
            hands[group].append(coordinate)
    width = max(1, *(len(hand) for hand in hands))
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


def _groups(code: Code) -> Iterator[tuple[slice, range]]:
    """Each group's coordinates and bytes."""
    width = code.table.shape[2]
    starts = [*code.group_starts.tolist(), code.bytes_per_token]
    for group, (first, last) in enumerate(pairwise(starts)):
        yield slice(group * width, (group + 1) * width), range(first, last)


def _cluster_groups(code: Code, coordinates: Tensor, generator: torch.Generator) -> None:
    """Set the table: each byte's vectors are the centres of what the bytes before it left over."""
    for columns, group in _groups(code):
        left = coordinates[:, columns]
        for byte in group:
            code.table[byte] = _cluster(left, generator)
            left = left - code.table[byte][_nearest(left, code.table[byte])]


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


def _nearest_entries(code: Code, coordinates: Tensor) -> Tensor:
    """Bytes by the mean metric, in which all coordinates count the same and none sees another."""
    stored = torch.empty(
        len(coordinates), code.bytes_per_token, dtype=torch.int64, device=coordinates.device
    )
    for columns, group in _groups(code):
        left = coordinates[:, columns]
        for byte in group:
            stored[:, byte] = _nearest(left, code.table[byte])
            left = left - code.table[byte][stored[:, byte]]
    return stored


@dataclass(frozen=True)
class _OwnHead:
    """The head over T, less what it says of all tokens alike; and its rows in coordinates.

    Attributes:
        group_rows: (groups, vocab, width), each group's part of the rows.
    """

    head: Tensor
    rows: Tensor
    group_rows: Tensor

    @staticmethod
    def of(code: Code, head: Tensor) -> "_OwnHead":
        head = (head - head.mean(0)) / code.temperature
        rows = head @ code.basis
        width = code.table.shape[2]
        group_rows = rows[:, :-1].reshape(len(head), -1, width).transpose(0, 1).contiguous()
        return _OwnHead(head, rows, group_rows)


@dataclass
class _Search:
    """Bytes of a chunk of tokens, and how wrong they are by each token's own metric

        M = rows^T (diag p - p p^T) rows + rest * identity

    over the likely tokens' rows of the head in coordinates; what is left of the probability
    counts as the mean metric does, which is the identity.

    Attributes:
        stored: (tokens, bytes), changed as the search goes on.
        likely, p: (tokens, likely), the likeliest next tokens and their probabilities.
        rest: (tokens, 1), what they leave of the probability.
        logit_error: (tokens, likely), of what `stored` decodes to.
        error: (tokens, coordinates), likewise.
        metrics: M within each group, once it has been asked for.
    """

    own_head: _OwnHead
    stored: Tensor
    likely: Tensor
    p: Tensor
    rest: Tensor
    logit_error: Tensor
    error: Tensor
    metrics: dict[int, Tensor]

    @staticmethod
    def of(
        code: Code, own_head: _OwnHead, states: Tensor, coordinates: Tensor, stored: Tensor
    ) -> "_Search":
        z = states @ own_head.head.T
        p, likely = torch.softmax(z, dim=-1).topk(min(_LIKELY, z.shape[1]), sorted=False)
        error = _look_up(code, stored) - coordinates
        mean = code.basis[:, -1]
        decoded = error + (states - mean) @ code.analysis
        z -= decoded @ own_head.rows[:, :-1].T + own_head.rows[:, -1]
        return _Search(
            own_head=own_head,
            stored=stored,
            likely=likely,
            p=p,
            rest=(1 - p.sum(1, keepdim=True)).clamp(min=0),
            logit_error=-z.gather(1, likely),
            error=error,
            metrics={},
        )

    def metric(self, group: int, rows: Tensor) -> Tensor:
        """M within a group of coordinates, (tokens, width, width)."""
        if group not in self.metrics:
            weighted = rows * self.p[:, :, None]
            mean = weighted.sum(1)
            metric = weighted.transpose(1, 2) @ rows
            metric -= mean[:, :, None] * mean[:, None, :]
            metric.diagonal(dim1=1, dim2=2).add_(self.rest)
            self.metrics[group] = metric
        return self.metrics[group]


def _sweep(code: Code, search: _Search) -> None:
    """Choose every byte anew, one after another, given all others."""
    for number, (columns, group) in enumerate(_groups(code)):
        rows = search.own_head.group_rows[number][search.likely]
        metric = search.metric(number, rows)
        for byte in group:
            mean = (search.p * search.logit_error).sum(1, keepdim=True)
            pull = search.p * (search.logit_error - mean)
            gradient = (pull[:, None, :] @ rows)[:, 0] + search.rest * search.error[:, columns]
            current = code.table[byte][search.stored[:, byte]]
            # The best vector c, were it free, has M c = wish.
            wish = (metric @ current[:, :, None])[:, :, 0] - gradient
            chosen = _cheapest(metric, wish, code.table[byte])
            step = code.table[byte][chosen] - current
            search.stored[:, byte] = chosen
            search.logit_error += (rows @ step[:, :, None])[:, :, 0]
            search.error[:, columns] += step


def _cheapest(metric: Tensor, wish: Tensor, entries: Tensor) -> Tensor:
    """The entry c of least c^T M c - 2 c^T wish for each token, by one product."""
    row, column = torch.triu_indices(metric.shape[1], metric.shape[1], device=metric.device)
    squares = entries[:, row] * entries[:, column] * torch.where(row == column, 1.0, 2.0)
    terms = torch.cat([metric[:, row, column], wish], dim=1)
    return (terms @ torch.cat([squares, -2 * entries], dim=1).T).argmin(1)
