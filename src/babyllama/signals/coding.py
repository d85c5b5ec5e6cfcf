"""The transform code of stored ensemble states: all logits from a few dozen bytes per token.

States x give logits z = x @ head.T. What an error e of a state costs is, for small errors,

    KL(softmax(z / T) || softmax((z + head @ e) / T))  =  1/2 e^T M e,
    M = 1/T**2 head^T (diag p - p p^T) head.

Four ideas make a few bytes enough. What the input token predicts of a state is not stored, since
the reader knows the token. Coordinates of the residual are taken along its directions of largest
variance under the mean of M, and assigned to groups that need the same number of bits. A byte names
one of 256 vectors of its group, so decoding is a table look-up. And the bytes of a token are chosen
together, under its own M: where few words are likely, few directions matter.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import pairwise

import torch
from jaxtyping import Float, Float32, Int64, UInt8
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from babyllama.models.logits import CHUNK
from babyllama.signals.code_fitting import (
    ENTRIES,
    assign_to_groups,
    cluster,
    columns_by_group,
    group_starts,
    mean_metric,
    nearest_centre,
    predict_from_tokens,
    principal_directions,
    subsample,
)

_SWEEPS = 2  # rounds in which encoding reconsiders every byte
_METRIC_TOKENS = 16_384
_KMEANS_TOKENS = 32_768


@dataclass(frozen=True)
class Code:
    """How states are written and read back. All fields are tensors, so it saves into one file.

    Attributes:
        basis: states are read back as `decode(...) @ basis.T`. Its last column is the mean state,
            for which `decode` returns a 1.
        analysis: coordinates of states are `(states - mean) @ analysis`.
        expected: the coordinates that each input token predicts; one row of zeros if the code was
            fitted without tokens.
        table: 256 vectors for each byte; the vectors of a group's bytes are summed.
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
        """Columns that `decode` returns."""
        return self.basis.shape[1]

    @property
    def bytes_per_token(self) -> int:
        """Bytes of an encoded token."""
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
    """Learn from a sample of states how to write such states in few bytes.

    Args:
        states: a sample, of about 64k tokens, of what will be encoded.
        head: logits are `states @ head.T`.
        bytes_per_token: from 1 to 2 * hidden, which is what the states take in bfloat16.
        temperature: T > 0, at which the KL of the decoded states is minimised.
        tokens: the input token at each state, if the reader knows them.
        seed: where k-means starts. The same arguments give the same code on a CPU.

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
            f"bytes_per_token is {bytes_per_token}; it must be between 1 and {2 * hidden}, "
            f"which is what {hidden} numbers take in bfloat16"
        )
    if not temperature > 0:
        raise ValueError(f"temperature is {temperature}; it must be above 0")
    head = head.float()
    generator = torch.Generator(states.device).manual_seed(seed)
    metric = mean_metric(subsample(states, _METRIC_TOKENS, generator), head, temperature)
    mean = states.mean(0)
    residuals, predicted = states - mean, torch.zeros_like(states[:1])
    if tokens is not None:
        residuals, predicted = predict_from_tokens(states - mean, tokens, head)
    directions, variances = principal_directions(residuals, metric)
    starts = group_starts(bytes_per_token, hidden).to(states.device)
    groups = assign_to_groups(variances, starts, bytes_per_token)
    analysis = columns_by_group(directions, groups)
    coordinates = residuals @ analysis
    variance = coordinates.square().mean(0).clamp(min=torch.finfo(torch.float32).tiny)
    basis = (residuals.T @ coordinates) / len(states) / variance
    code = Code(
        basis=torch.cat([basis, mean[:, None]], dim=1),
        analysis=analysis,
        expected=predicted @ analysis,
        table=states.new_zeros(bytes_per_token, ENTRIES, groups.shape[1]),
        group_starts=starts,
        temperature=torch.tensor(temperature, dtype=torch.float32, device=states.device),
    )
    _cluster_groups(code, subsample(coordinates, _KMEANS_TOKENS, generator), generator)
    return code


def encode(
    code: Code,
    states: Float32[Tensor, "tokens hidden"],
    *,
    head: Float[Tensor, "vocab hidden"] | None = None,
    tokens: Int64[Tensor, " tokens"] | None = None,
    likely: int = 48,
) -> UInt8[Tensor, "tokens bytes_per_token"]:
    """Write each state in `code.bytes_per_token` bytes.

    Args:
        head: the head that the code was fitted with. With it, bytes are chosen under each token's
            own metric, which takes a few times the work for a clearly smaller KL; without it, under
            the mean metric.
        tokens: the input token at each state, if the code was fitted with them.
        likely: next tokens that a state's own metric counts one by one.

    Raises:
        ValueError: the code needs tokens.
    """
    mean = code.basis[:, -1]
    own_head = None if head is None else _OwnHead.of(code, head.float())
    expected = _expected(code, tokens).expand(len(states), -1)
    pieces = []
    for start in range(0, len(states), CHUNK):
        part = slice(start, start + CHUNK)
        coordinates = (states[part] - mean) @ code.analysis - expected[part]
        stored = _nearest_entries(code, coordinates)
        if own_head is not None:
            search = _Search.of(code, own_head, states[part], coordinates, stored, likely)
            for _ in range(_SWEEPS):
                _sweep(code, search)
        pieces.append(stored.to(torch.uint8))
    return torch.cat(pieces)


def decode(
    code: Code,
    stored: UInt8[Tensor, "tokens bytes_per_token"],
    tokens: Int64[Tensor, " tokens"] | None = None,
) -> Float32[Tensor, "tokens rank"]:
    """The coordinates of encoded states; logits are `decode(...) @ (head @ code.basis).T`.

    Args:
        tokens: the input token at each state, if the code was fitted with them.

    Raises:
        ValueError: the code needs tokens.
    """
    coordinates = _expected(code, tokens) + _look_up(code, stored.long())
    return torch.cat([coordinates, coordinates.new_ones(len(stored), 1)], dim=1)


def code_tensors(code: Code) -> dict[str, Tensor]:
    """A code as named tensors to save."""
    return {field.name: getattr(code, field.name).contiguous() for field in fields(code)}


def code_from(tensors: dict[str, Tensor]) -> Code:
    """The code of such tensors."""
    return Code(**{field.name: tensors[field.name] for field in fields(Code)})


def _expected(code: Code, tokens: Tensor | None) -> Tensor:
    """The predicted coordinates at each token; one row for all if the code uses no tokens."""
    if len(code.expected) == 1:
        return code.expected
    if tokens is None:
        raise ValueError("the code was fitted with the input tokens, so reading it needs them")
    return code.expected[tokens]


def _look_up(code: Code, stored: Tensor) -> Tensor:
    """The coordinates of encoded states: for each group the sum of its bytes' vectors."""
    tokens, count = stored.shape
    entries = stored + torch.arange(0, count * ENTRIES, ENTRIES, device=stored.device)
    bags = torch.arange(0, tokens * count, count, device=stored.device)[:, None] + code.group_starts
    sums = F.embedding_bag(entries.flatten(), code.table.flatten(0, 1), bags.flatten(), mode="sum")
    return sums.view(tokens, -1)


def _groups(code: Code) -> Iterator[tuple[slice, range]]:
    """Each group's coordinates and bytes."""
    width = code.table.shape[2]
    starts = [*code.group_starts.tolist(), code.bytes_per_token]
    for group, (first, last) in enumerate(pairwise(starts)):
        yield slice(group * width, (group + 1) * width), range(first, last)


def _cluster_groups(code: Code, coordinates: Tensor, generator: torch.Generator) -> None:
    """Fill the table: a byte's vectors are the centres of the residuals of the bytes before it."""
    for columns, group in _groups(code):
        left = coordinates[:, columns]
        for byte in group:
            code.table[byte] = cluster(left, generator)
            left = left - code.table[byte][nearest_centre(left, code.table[byte])]


def _nearest_entries(code: Code, coordinates: Tensor) -> Tensor:
    """Bytes chosen under the mean metric, which is the identity in these coordinates."""
    stored = torch.empty(
        len(coordinates), code.bytes_per_token, dtype=torch.int64, device=coordinates.device
    )
    for columns, group in _groups(code):
        left = coordinates[:, columns]
        for byte in group:
            stored[:, byte] = nearest_centre(left, code.table[byte])
            left = left - code.table[byte][stored[:, byte]]
    return stored


@dataclass(frozen=True)
class _OwnHead:
    """The head over T without the mean of its rows, and its rows in coordinates.

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
    """The bytes of a chunk of tokens, and their error under each token's own metric

        M = rows^T (diag p - p p^T) rows + rest * identity

    where the rows are the likely tokens' rows of the head in coordinates. All other tokens count
    as under the mean metric, which is the identity.

    Attributes:
        stored: (tokens, bytes), updated by the search.
        likely, p: (tokens, likely), the likeliest next tokens and their probabilities.
        rest: (tokens, 1), the probability of all other tokens.
        logit_error: (tokens, likely), of the decoded `stored`.
        error: (tokens, coordinates), of the decoded `stored`.
        metrics: M within each group, computed when it is first needed.
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
        code: Code,
        own_head: _OwnHead,
        states: Tensor,
        coordinates: Tensor,
        stored: Tensor,
        likely_tokens: int,
    ) -> "_Search":
        z = states @ own_head.head.T
        p, likely = torch.softmax(z, dim=-1).topk(min(likely_tokens, z.shape[1]), sorted=False)
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
    """Choose every byte again, one after another, given all others."""
    for number, (columns, group) in enumerate(_groups(code)):
        rows = search.own_head.group_rows[number][search.likely]
        metric = search.metric(number, rows)
        for byte in group:
            mean = (search.p * search.logit_error).sum(1, keepdim=True)
            pull = search.p * (search.logit_error - mean)
            gradient = (pull[:, None, :] @ rows)[:, 0] + search.rest * search.error[:, columns]
            current = code.table[byte][search.stored[:, byte]]
            # Of all vectors c, the best one has M c = target.
            target = (metric @ current[:, :, None])[:, :, 0] - gradient
            chosen = _cheapest(metric, target, code.table[byte])
            step = code.table[byte][chosen] - current
            search.stored[:, byte] = chosen
            search.logit_error += (rows @ step[:, :, None])[:, :, 0]
            search.error[:, columns] += step


def _cheapest(metric: Tensor, target: Tensor, entries: Tensor) -> Tensor:
    """The entry c of least c^T M c - 2 c^T target for each token, by one product."""
    row, column = torch.triu_indices(metric.shape[1], metric.shape[1], device=metric.device)
    squares = entries[:, row] * entries[:, column] * torch.where(row == column, 1.0, 2.0)
    terms = torch.cat([metric[:, row, column], target], dim=1)
    return (terms @ torch.cat([squares, -2 * entries], dim=1).T).argmin(1)
