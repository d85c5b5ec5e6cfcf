"""Causal models, scored by the chain rule.

A prefix that several texts share is computed once: sorted texts are packed into rows of trees
(prefix trees), in which a token attends to its ancestors only and its position is its depth.

    The cat sees a dog.  ┐   The cat sees ┬ a dog.
    The cat sees it.     ┘                └ it.

That leaves two thirds of the tokens of 67,000 BLiMP pairs. Logits are shared as well: they are
computed once for each token that is followed by a scored token.

A model that cannot be packed (a recurrent one, one that ignores the mask or the positions, or one
with a sliding window) is detected when it is loaded, and gets each text in a row of its own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
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

# What fits into a CPU's caches; a GPU needs larger batches.
_TOKENS_ON_CPU, _TOKENS_ON_CARD = 2048, 16_384
# Wider rows share more prefixes, but attention costs more.
_WIDTH = 64
_ROWS_AHEAD = 512


@dataclass
class PackedRow:
    """Texts packed as prefix trees; the nodes are in depth-first order, parents first.

    Attributes:
        tokens: the token of each node.
        depths: the number of ancestors of each node, which is its position.
        ends: the node after each node's last descendant; i attends to j if j <= i < ends[j].
        edges: numbers the scored pairs (node, next token).
        texts: the number of each text and the edges of its scored tokens.
    """

    tokens: list[int] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    edges: dict[tuple[int, int], int] = field(default_factory=dict)
    texts: list[tuple[int, list[int]]] = field(default_factory=list)


def pack(sequences: Sequence[EncodedText], *, width: int) -> Iterator[PackedRow]:
    """Pack texts, sorted by their tokens, into rows of at most `width` nodes.

    A longer text gets a row of its own. With a width of 0 every text does.
    """
    row = PackedRow()
    path: list[int] = []  # nodes from the root to the last node
    previous: list[int] = []  # their tokens
    for number, each in enumerate(sequences):
        ids = each.ids.tolist()
        inputs = ids[: max(0, each.stop - 1)]
        shared = _common_prefix(previous, inputs)
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
        previous = inputs
        edges = row.edges
        scored = [
            edges.setdefault((path[at - 1], ids[at]), len(edges))
            for at in range(each.first, each.stop)
        ]
        row.texts.append((number, scored))
    if row.texts:
        _close(row, path, 0)
        yield row


def _common_prefix(one: list[int], other: list[int]) -> int:
    """The length of the longest common prefix."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _close(row: PackedRow, path: list[int], depth: int) -> None:
    """Mark the nodes of the path below `depth` as complete."""
    for node in path[depth:]:
        row.ends[node] = len(row.tokens)


class Decoders:
    """An ensemble of decoders, or a single one.

    Args:
        tokens_at_once: nodes of a batch, with padding. It changes only speed and memory.
    """

    def __init__(self, ensemble: Ensemble, *, tokens_at_once: int | None = None) -> None:
        on_cpu = ensemble.device.type == "cpu"
        self.ensemble = ensemble
        self.tokens_at_once = tokens_at_once or (_TOKENS_ON_CPU if on_cpu else _TOKENS_ON_CARD)
        self.width = _WIDTH if _reads_trees(ensemble) else 0

    @property
    def vocab_size(self) -> int:
        """The size of the vocabulary."""
        return self.ensemble.mixture.vocab_size

    @property
    def dtype(self) -> torch.dtype:
        """The data type in which the models compute."""
        return self.ensemble.dtype

    def in_float32(self) -> "Decoders":
        """The same models, computing in float32."""
        ensemble = replace(self.ensemble, dtype=torch.float32)
        return Decoders(ensemble, tokens_at_once=self.tokens_at_once)

    def score_tokens(
        self, sequences: Sequence[EncodedText]
    ) -> Iterator[tuple[int, Float64[np.ndarray, " scored"], np.ndarray]]:
        """Score distinct texts, sorted by their keys; see `LikelihoodModel`."""
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
        """Score every edge of the rows, row by row."""
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
    """log p(label) given the state with that index, computed in float32, by chunks of states."""
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
    """Batches of rows of similar width, made from `_ROWS_AHEAD` rows at a time."""
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
    """Each edge's node, by its index in the flattened batch, and its next token."""
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
    """A model's inputs for rows of trees; padding attends only to itself."""
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
    """Whether two texts in one row get the same states as each text in a row of its own."""
    # A tree's mask replaces a sliding window, which the short texts below would not show.
    if any(_has_window(model.config) for model in ensemble.models):
        return False
    last = ensemble.mixture.vocab_size - 1
    texts = [[1 % last, 5 % last, 7 % last, 2 % last], [1 % last, 5 % last, 3 % last, last]]
    rows = [PackedRow(texts[0] + texts[1][2:], [0, 1, 2, 3, 2, 3], [6, 6, 4, 4, 6, 6])]
    try:
        packed = ensemble.states(**_trees(rows, 6, ensemble.dtype, ensemble.device))[0]
    except Exception:  # the architecture takes no such mask or no positions
        return False
    alone = ensemble.states(torch.tensor(texts, device=ensemble.device))
    found = torch.stack([packed[:4], packed[[0, 1, 4, 5]]])
    tolerance = 1e-4 if ensemble.dtype == torch.float32 else 0.05
    return bool((found - alone).abs().max() <= tolerance * alone.abs().max())


def _has_window(config: "PretrainedConfig") -> bool:
    layers = set(getattr(config, "layer_types", None) or ("full_attention",))
    windows = (getattr(config, name, None) for name in ("sliding_window", "attention_chunk_size"))
    return layers != {"full_attention"} or any(windows)
