"""The windows that a training reads; for a curriculum by loss, the losses of their tokens."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32

from babyllama.console import ProgressBar, print_status
from babyllama.data.difficulty import windows_in_order
from babyllama.data.windows import IGNORE_INDEX, Windows
from babyllama.models.ensemble import load_ensemble, refuse_other_vocabulary, refuse_unread_windows
from babyllama.models.precision import pick_device
from babyllama.recipe import LossOrder, TrainingRecipe
from babyllama.runs.artefact import Facts
from babyllama.runs.kept import kept
from babyllama.runs.unfinished import SCRATCH
from babyllama.training.processes import Processes

_TOKENS_AT_ONCE = 2048


def training_windows(
    recipe: TrainingRecipe,
    tokens: Path,
    tokenizer: Path,
    out: Path,
    *,
    corpus: Path | None = None,
    seed: int,
) -> Windows:
    """The training windows of a model, in the order that its recipe asks for.

    Args:
        out: the folder of the training. A curriculum by loss keeps there what it has measured, so
            that a resumed training and all its processes have the same order.
        corpus: as of `windows_in_order`.

    Raises:
        InputError: what `windows_in_order` raises; a model for the losses that has another
            vocabulary or cannot read the windows.
    """
    losses = None
    if isinstance(recipe.order, LossOrder):
        losses = _kept_losses(recipe.order.model, tokens, tokenizer, recipe.window, out)
    return windows_in_order(recipe, tokens, tokenizer, corpus=corpus, losses=losses, seed=seed)


def token_losses(
    model: Path, tokens: Path, tokenizer: Path, window: int
) -> Float32[np.ndarray, " tokens"]:
    """-ln p of each training token under a model, in nats, given the tokens before it.

    The text is read once, in windows one after another. A window's first token has no loss, nor
    have the tokens after the last full window: they are NaN.

    Raises:
        InputError: the model has another vocabulary, or cannot read the windows.
    """
    refuse_other_vocabulary(model, tokenizer)
    windows = Windows(tokens, "train", window)
    ensemble = load_ensemble([model], device=pick_device())
    refuse_unread_windows(ensemble, window, separate=windows.separates_documents)
    losses = np.full(windows.stream_tokens, np.nan, np.float32)
    at_once = max(1, _TOKENS_AT_ONCE // window)
    with ProgressBar("losses of the windows", len(windows), "windows") as bar, torch.no_grad():
        for batch in windows.evenly_spaced(len(windows), at_once):
            labels = batch.labels.to(ensemble.device).flatten()
            states = ensemble.states_of(batch).flatten(0, 1)
            found = ensemble.mixture.log_probabilities(states, labels).neg().cpu().numpy()
            is_scored = (batch.labels != IGNORE_INDEX).flatten().numpy()
            predicted = (batch.starts[:, None] + np.arange(1, window + 1)).flatten()
            losses[predicted[is_scored]] = found[is_scored]
            bar.advance(len(batch.starts))
    return losses


def _kept_losses(
    model: Path, tokens: Path, tokenizer: Path, window: int, out: Path
) -> Float32[np.ndarray, " tokens"]:
    """`token_losses`, measured by the first process and read by all of them from one file."""
    path = out / SCRATCH / "token_losses.npy"

    def measure() -> Facts:
        print_status(f"  measuring the loss of {model} on each window, for the order")
        losses = token_losses(model, tokens, tokenizer, window)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, losses)
        return {}

    processes = Processes()
    if processes.is_first:
        key = {"window": window}  # the rest decides the training's folder, where the file is
        kept(path.with_suffix(".json"), key, measure, files=[path])
    processes.broadcast("measured")  # the others wait for the file
    losses: Float32[np.ndarray, " tokens"] = np.load(path, mmap_mode="r", allow_pickle=False)
    return losses
