"""Stage: tokens -> a model trained on text only, a teacher or a twin."""

import json
from pathlib import Path

import numpy as np
from jaxtyping import Float64
from torch import Tensor

from babyllama.console import print_status
from babyllama.data.windows import Batch, Windows, token_counts
from babyllama.models.logits import Head
from babyllama.models.loss import LossTerms, cross_entropy_loss
from babyllama.recipe import PretrainingRecipe, Smoothing, TrainingRecipe
from babyllama.runs.artefact import Facts
from babyllama.runs.kept import kept
from babyllama.runs.unfinished import SCRATCH
from babyllama.training.compilation import can_compile
from babyllama.training.folder import start_model
from babyllama.training.gradient import Loss
from babyllama.training.loop import train
from babyllama.training.ordered_windows import training_windows
from babyllama.training.processes import Processes
from babyllama.training.smoothing import (
    MatchedTeachers,
    fixed_distribution,
    matched_epsilon,
    smoothed_loss,
    target_entropy,
    teachers_entropy,
)


def pretrain(
    recipe: PretrainingRecipe,
    tokens: Path,
    tokenizer: Path,
    out: Path,
    *,
    corpus: Path | None = None,
    seed: int,
) -> Facts:
    """Train a new model on cross-entropy and write it as a Hugging Face folder.

    Args:
        corpus: of the tokens; needed for a curriculum by domain.

    Raises:
        InputError: tokens of another tokenizer, or fewer than a window.
    """
    model = start_model(recipe, tokens, tokenizer, seed=seed)
    return train(
        model,
        text_loss(recipe.training),
        training_windows(recipe.training, tokens, tokenizer, out, corpus=corpus, seed=seed),
        Windows(tokens, "dev", recipe.training.window),
        recipe.training,
        tokenizer,
        out,
        seed=seed,
    )


def pretrain_smoothed(
    recipe: PretrainingRecipe,
    tokens: Path,
    tokenizer: Path,
    out: Path,
    *,
    corpus: Path | None = None,
    seed: int,
    smoothing: Smoothing,
    teachers: MatchedTeachers | None = None,
) -> Facts:
    """`pretrain` with label smoothing. The facts also say with which epsilon.

    Args:
        corpus: as of `pretrain`.
        teachers: whose mean entropy the target gets; needed if epsilon is `matched`.

    Raises:
        InputError: what `pretrain` raises, or an entropy that no epsilon reaches.
    """
    model = start_model(recipe, tokens, tokenizer, seed=seed)
    counts = token_counts(tokens, int(model.config.vocab_size))
    frequencies = counts / counts.sum()
    fixed = fixed_distribution(smoothing, frequencies)
    found = _measured(smoothing, teachers, fixed, frequencies, tokens, recipe.training.window, out)
    compiled = recipe.training.compile and can_compile()
    facts = train(
        model,
        smoothed_loss(found["epsilon"], fixed, compiled=compiled),
        training_windows(recipe.training, tokens, tokenizer, out, corpus=corpus, seed=seed),
        Windows(tokens, "dev", recipe.training.window),
        recipe.training,
        tokenizer,
        out,
        seed=seed,
    )
    return facts | {"smoothing": found}


def _measured(
    smoothing: Smoothing,
    teachers: MatchedTeachers | None,
    fixed: Float64[np.ndarray, " vocab"],
    frequencies: Float64[np.ndarray, " vocab"],
    tokens: Path,
    window: int,
    out: Path,
) -> dict[str, float]:
    """Epsilon and the target's mean entropy, the same in every process and when resumed."""

    def measure() -> Facts:
        epsilon = smoothing.epsilon
        if epsilon == "matched":
            assert teachers is not None, "whoever asks to match teachers names them"
            entropy = teachers_entropy(teachers, tokens, window)
            epsilon = matched_epsilon(entropy, fixed, frequencies)
            print_status(
                f"  epsilon {epsilon:.4f}: the target has the teachers' mean entropy, "
                f"{entropy:.3f} nats per token at temperature {teachers.temperature:g}"
            )
        return {"epsilon": epsilon, "entropy": target_entropy(epsilon, fixed, frequencies)}

    processes = Processes()
    text = None
    if processes.is_first:
        key = {"smoothing": smoothing.model_dump(mode="json")}
        text = json.dumps(kept(out / SCRATCH / "smoothing.json", key, measure))
    found: dict[str, float] = json.loads(processes.broadcast(text) or "{}")
    return found


def text_loss(recipe: TrainingRecipe) -> Loss:
    """The loop's `loss` for a teacher or a twin: cross-entropy."""
    compiled = recipe.compile and can_compile()

    def loss(hidden: Tensor, head: Head, batch: Batch) -> LossTerms:
        return cross_entropy_loss(hidden, head, batch.labels, compiled=compiled)

    return loss
