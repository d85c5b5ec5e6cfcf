"""Decoders, one or several read as one, scored by the chain rule.

What texts share at their beginning is read once: sorted, they are packed into rows of trees, in
which a token sees its ancestors alone and stands at the position of its depth.

    The cat sees | a dog.        The cat sees a dog. ┐ the     cat  sees ┬ a dog.
    The cat sees | it.           The cat sees it.    ┘                   └ it.

Of 67,000 BLiMP pairs that leaves two thirds of the tokens. Next tokens are scored the same way:
logits are formed once for each token that has any scored after it.

A decoder that looks at more than mask and position (a recurrent one, or one whose positions come
from elsewhere) is noticed at the beginning and reads each text in a row of its own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice, takewhile
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from babyllama.evaluation.likelihood.encoding import EncodedText
from babyllama.models.ensemble import Ensemble
from babyllama.models.logits import CHUNK

if TYPE_CHECKING:
    from transformers import PretrainedConfig

# What a processor's caches hold; a card wants more at once.
_TOKENS_ON_CPU, _TOKENS_ON_CARD = 2048, 16_384
# Wider rows share more beginnings, but attention's products grow with the width.
_WIDTH = 64
_ROWS_AHEAD = 512


@dataclass
class PackedRow:
    """Texts packed as trees, in the order of a walk that visits a node before what follows it.

    Attributes:
        tokens: of each node.
        depths: how many nodes stand above it: its position.
        ends: the node after its last descendant, so that i sees j where j <= i < ends[j].
        edges: (node, next token) to the number of that pair: what is to be scored.
        texts: number of a text and the edges of its scored tokens.
    """

    tokens: list[int] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    edges: dict[tuple[int, int], int] = field(default_factory=dict)
    texts: list[tuple[int, list[int]]] = field(default_factory=list)


def pack(sequences: Sequence[EncodedText], *, width: int) -> Iterator[PackedRow]:
    """Pack texts, sorted by their tokens, into rows of at most `width` nodes.

    A longer text is a row alone. A width of 0 gives each text its own row.
    """
    row = PackedRow()
    path: list[int] = []  # nodes from the root to the last one
    above: list[int] = []  # their tokens
    for number, each in enumerate(sequences):
        ids = each.ids.tolist()
        inputs = ids[: max(0, each.stop - 1)]
        shared = _common(above, inputs)
        if row.texts and len(row.tokens) + len(inputs) - shared > width:
            _close(row, path, 0)
            yield row
            row, shared, path = PackedRow(), 0, []
        _close(row, path, shared)
        del path[shared:]
        first = len(row.tokens)
        path += range(first, first + len(inputs) - shared)
        row.tokens += inputs[shared:]
        row.depths += range(shared, len(inputs))
        row.ends += [0] * (len(inputs) - shared)
        above = inputs
        edges = row.edges
        scored = [
            edges.setdefault((path[at - 1], ids[at]), len(edges))
            for at in range(each.first, each.stop)
        ]
        row.texts.append((number, scored))
    if row.texts:
        _close(row, path, 0)
        yield row


def _common(one: list[int], other: list[int]) -> int:
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _close(row: PackedRow, path: list[int], depth: int) -> None:
    """Nothing more will follow the last nodes of the path."""
    for node in path[depth:]:
        row.ends[node] = len(row.tokens)


class Decoders:
    """An ensemble of decoders that reads texts packed.

    Args:
        tokens_at_once: nodes of a batch, padding included. It changes speed and memory alone.
    """

    def __init__(self, ensemble: Ensemble, *, tokens_at_once: int | None = None) -> None:
        on_cpu = ensemble.device.type == "cpu"
        self.ensemble = ensemble
        self.tokens_at_once = tokens_at_once or (_TOKENS_ON_CPU if on_cpu else _TOKENS_ON_CARD)
        self.width = _WIDTH if _reads_trees(ensemble) else 0

    @property
    def vocab_size(self) -> int:
        """Tokens that the models know."""
        return self.ensemble.mixture.vocab_size

    @property
    def dtype(self) -> torch.dtype:
        """What the models compute in."""
        return self.ensemble.dtype

    def score_tokens(
        self, sequences: Sequence[EncodedText]
    ) -> Iterator[tuple[int, Float64[np.ndarray, " scored"], np.ndarray]]:
        """Number of a text, log p of its scored tokens in nats, whether each was the likeliest.

        Args:
            sequences: distinct, sorted by their keys. They come back in another order.
        """
        for batch in _batches(pack(sequences, width=self.width), self.tokens_at_once):
            values, is_top = self._score(batch)
            start = 0
            for row in batch:
                for number, edges in row.texts:
                    at = np.array(edges, dtype=np.int64) + start
                    yield number, values[at], is_top[at]
                start += len(row.edges)

    @torch.no_grad()
    def _score(self, rows: Sequence[PackedRow]) -> tuple[Float64[np.ndarray, " edges"], np.ndarray]:
        """Every edge of the rows, one row after another."""
        device = self.ensemble.device
        width = max(1, max(len(row.tokens) for row in rows))
        nodes, labels = _edges(rows, width)
        if not len(nodes):
            return np.empty(0), np.empty(0, dtype=bool)
        if self.width:
            states = self.ensemble.states(**_trees(rows, width, self.ensemble.dtype, device))
        else:
            states = self.ensemble.states(_padded([row.tokens for row in rows], width).to(device))
        parents, index = torch.unique(nodes, return_inverse=True)
        return _log_probabilities(
            self.ensemble,
            states.flatten(0, 1)[parents.to(device)],
            index.to(device), labels.to(device),
        )  # fmt: skip


def _log_probabilities(
    ensemble: Ensemble,
    states: Tensor,
    index: Int64[Tensor, " edges"],
    labels: Int64[Tensor, " edges"],
) -> tuple[Float64[np.ndarray, " edges"], np.ndarray]:
    """log p(label) after the state of that index, a chunk of logits at a time, in float32."""
    values = torch.empty(len(labels), dtype=torch.float64, device=states.device)
    is_top = torch.empty(len(labels), dtype=torch.bool, device=states.device)
    order = torch.argsort(index)
    bounds = torch.searchsorted(
        index[order], torch.arange(0, len(states) + CHUNK, CHUNK, device=index.device)
    ).tolist()
    for number, start in enumerate(range(0, len(states), CHUNK)):
        log_p = torch.log_softmax(ensemble.mixture.logits(states[start : start + CHUNK]), dim=-1)
        edges = order[bounds[number] : bounds[number + 1]]
        parent = index[edges] - start
        own = log_p[parent, labels[edges]]
        is_top[edges] = own >= log_p.amax(dim=-1)[parent]
        values[edges] = own.double()
    return values.cpu().numpy(), is_top.cpu().numpy()


def _batches(rows: Iterator[PackedRow], tokens_at_once: int) -> Iterator[Sequence[PackedRow]]:
    """Rows of about one width, padded to the widest; only so many rows exist at a time."""
    while ready := list(islice(rows, _ROWS_AHEAD)):
        ready.sort(key=lambda row: -len(row.tokens))
        start = 0
        while start < len(ready):
            count = max(1, tokens_at_once // max(1, len(ready[start].tokens)))
            yield ready[start : start + count]
            start += count


def _edges(
    rows: Sequence[PackedRow], width: int
) -> tuple[Int64[Tensor, " edges"], Int64[Tensor, " edges"]]:
    """Where in the flattened batch the token stands before each edge, and the edge's label."""
    pairs = [
        (number * width + node, label)
        for number, row in enumerate(rows)
        for node, label in row.edges
    ]
    found = torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2)
    return found[:, 0].contiguous(), found[:, 1].contiguous()


def _padded(rows: Sequence[Sequence[int]], width: int) -> Int64[Tensor, "rows width"]:
    found = np.zeros((len(rows), width), dtype=np.int64)
    for number, row in enumerate(rows):
        found[number, : len(row)] = row
    return torch.from_numpy(found)


def _trees(
    rows: Sequence[PackedRow], width: int, dtype: torch.dtype, device: torch.device
) -> dict[str, Tensor]:
    """What a model needs to read the rows as trees; padding sees itself alone."""
    ends = _padded([row.ends for row in rows], width).to(device)
    node = torch.arange(width, device=device)
    ends = torch.maximum(ends, node + 1)
    sees = (node <= node[:, None]) & (node[:, None] < ends[:, None, :])
    hidden = torch.zeros(sees.shape, dtype=torch.float32, device=device)
    hidden.masked_fill_(~sees, torch.finfo(dtype).min)
    return {
        "input_ids": _padded([row.tokens for row in rows], width).to(device),
        "position_ids": _padded([row.depths for row in rows], width).to(device),
        "attention_mask": hidden[:, None].to(dtype),
    }


@torch.no_grad()
def _reads_trees(ensemble: Ensemble) -> bool:
    """Whether two texts packed into one row get the states that each gets alone.

    A model that sees a window of the last tokens only would be given all of a text's instead.
    """
    if any(_has_window(model.config) for model in ensemble.models):
        return False
    last = ensemble.mixture.vocab_size - 1
    texts = [[1 % last, 5 % last, 7 % last, 2 % last], [1 % last, 5 % last, 3 % last, last]]
    rows = [PackedRow(texts[0] + texts[1][2:], [0, 1, 2, 3, 2, 3], [6, 6, 4, 4, 6, 6])]
    try:
        packed = ensemble.states(**_trees(rows, 6, ensemble.dtype, ensemble.device))[0]
    except Exception:  # an architecture that takes no such mask or no positions
        return False
    alone = ensemble.states(torch.tensor(texts, device=ensemble.device))
    found = torch.stack([packed[:4], packed[[0, 1, 4, 5]]])
    slack = 1e-4 if ensemble.dtype == torch.float32 else 0.05
    return bool((found - alone).abs().max() <= slack * alone.abs().max())


def _has_window(config: "PretrainedConfig") -> bool:
    layers = set(getattr(config, "layer_types", None) or ("full_attention",))
    windows = (getattr(config, name, None) for name in ("sliding_window", "attention_chunk_size"))
    return layers != {"full_attention"} or any(windows)
