"""Perplexity of dev text: the mean cross-entropy over dev windows.

Unlike the dev score of the training loop, it scores ensembles as well, and computes in the
evaluation's precision.
"""

import math
from pathlib import Path

import torch

from babyllama.console import ProgressBar
from babyllama.data.windows import IGNORE_INDEX, Windows
from babyllama.models.ensemble import Ensemble, refuse_unread_windows


@torch.no_grad()
def dev_perplexity(
    ensemble: Ensemble,
    tokens: Path,
    *,
    window: int,
    max_windows: int = 8192,
    tokens_at_once: int = 2048,
) -> dict[str, float]:
    """Score at most `max_windows` windows, evenly spaced over the dev tokens.

    Args:
        window: tokens of a window.
        tokens_at_once: tokens of a batch. It changes only speed and memory.

    Returns:
        cross_entropy in nats per token; perplexity = exp(cross_entropy); nats_per_word, with which
        models with different tokenizers can be compared; tokens, the number of scored tokens.

    Raises:
        InputError: less dev text than one window; a model that cannot read such windows.
    """
    windows = Windows(tokens, "dev", window)
    refuse_unread_windows(ensemble, window, separate=windows.separates_documents)
    device = ensemble.device
    total = torch.zeros((), dtype=torch.float64, device=device)
    scored = 0
    with ProgressBar("dev", min(max_windows, len(windows)), "windows") as bar:
        for batch in windows.evenly_spaced(max_windows, max(1, tokens_at_once // window)):
            labels = batch.labels.to(device).flatten()
            states = ensemble.states_of(batch).flatten(0, 1)
            # Summed in float64: positions without a label add 0.
            total += ensemble.mixture.log_probabilities(states, labels).double().sum()
            scored += int((labels != IGNORE_INDEX).sum())
            bar.advance(len(batch.starts))
    cross_entropy = -float(total) / scored
    header = windows.header
    return {
        "cross_entropy": cross_entropy,
        "perplexity": math.exp(cross_entropy),
        "nats_per_word": cross_entropy * header["dev_tokens"] / header["dev_words"],
        "tokens": scored,
    }
