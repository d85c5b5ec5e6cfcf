"""The copying probe: how much better a model predicts tokens when it sees them a second time.

A sequence is followed by itself. Over 1 to L - 1 of its L tokens (the first has no context the
first time),

    gain = mean nats the first time - mean nats the second time

Of random tokens the second half can only be predicted by looking back, as induction heads do. Spans
of dev text repeat what the model can predict from the language as well, so their gain is smaller.

Source: Olsson et al. 2022, In-context Learning and Induction Heads (repeated random tokens).
Goyal, Lopez-Paz and Ahuja 2025, Distilled Pretraining (arXiv 2509.01649), report that distillation
impairs what induction heads do.
"""

from collections.abc import Collection

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from babyllama.evaluation.measures.dev_text import DevText
from babyllama.models.ensemble import Ensemble
from babyllama.scores.measures import Sums

SEQUENCES = 32  # of each kind
_SEED = 0
_SEQUENCES_AT_ONCE = 16


def repeated_text(text: DevText) -> Int64[Tensor, "sequences tokens"]:
    """Spans of half a window, evenly spaced over the dev text, each followed by itself."""
    half = text.window // 2
    spans = [
        batch.input_ids[:, :half]
        for batch in text.windows.evenly_spaced(SEQUENCES, _SEQUENCES_AT_ONCE)
    ]
    return torch.cat(spans).repeat(1, 2)


def repeated_random(text: DevText, special: Collection[int]) -> Int64[Tensor, "sequences tokens"]:
    """Sequences of half a window of random tokens, each followed by itself.

    Tokens are drawn uniformly from those that the training text has, none twice if there are
    enough. The draw depends on these tokens alone, so all models of a run get the same.

    Args:
        special: tokens that are not text, such as BOS.
    """
    seen = np.setdiff1d(np.flatnonzero(text.frequencies), list(special))
    generator, half = np.random.default_rng(_SEED), text.window // 2
    has_repeats = len(seen) < half
    drawn = [generator.choice(seen, size=half, replace=has_repeats) for _ in range(SEQUENCES)]
    return torch.from_numpy(np.stack(drawn).astype(np.int64)).repeat(1, 2)


@torch.no_grad()
def copying_gain(name: str, model: Ensemble, sequences: Int64[Tensor, "sequences tokens"]) -> Sums:
    """The gain of each sequence.

    Args:
        sequences: two equal halves of at least two tokens.
    """
    half = sequences.shape[1] // 2
    totals = []
    for start in range(0, len(sequences), _SEQUENCES_AT_ONCE):
        rows = sequences[start : start + _SEQUENCES_AT_ONCE].to(model.device)
        states = model.states(rows)[:, :-1]
        logs = model.mixture.log_probabilities(states.flatten(0, 1), rows[:, 1:].flatten())
        nats = -logs.double().reshape(len(rows), -1)
        totals.append(nats[:, : half - 1].sum(1) - nats[:, half:].sum(1))
    found = torch.cat(totals).cpu().numpy()
    return Sums(name, found[None], np.full(len(sequences), float(half - 1)))
