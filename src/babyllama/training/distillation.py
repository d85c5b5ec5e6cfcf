"""Stage: tokens + signal -> student."""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from babyllama.data.windows import Batch, Windows
from babyllama.models.build import pick_device, softcap_of
from babyllama.models.ensemble import MeanOf, refuse_other_vocabulary
from babyllama.models.loss import LossTerms, distillation_loss
from babyllama.recipe import DistillationRecipe, PretrainingRecipe
from babyllama.runs.artefact import Facts
from babyllama.signals import Signal
from babyllama.signals.online import open_online
from babyllama.signals.stored import open_stored
from babyllama.training.compilation import can_compile
from babyllama.training.folder import start_model
from babyllama.training.loop import Loss, train


def distill(
    student: PretrainingRecipe,
    recipe: DistillationRecipe,
    tokens: Path,
    tokenizer: Path,
    out: Path,
    *,
    teachers: Sequence[Path] = (),
    signal: Path | None = None,
    weights: Sequence[float] | None = None,
    mean_of: MeanOf = "logits",
    seed: int,
) -> Facts:
    """Train a new student on the text and on what the teachers say, and write its folder.

    Args:
        teachers: run beside the student when no `signal` is given, with these `weights` (unless
            the recipe has its own) and this mean; a signal was stored with both.
        signal: a folder written by `babyllama signal`.

    Raises:
        InputError: teachers or a signal that do not belong to these tokens or this tokenizer.
    """
    model = start_model(student, tokens, tokenizer, seed=seed)
    windows = Windows(tokens, "train", student.training.window, student.training.windows)
    if signal is not None:
        source: Signal = open_stored(
            signal,
            windows,
            temperature=recipe.temperature,
            weights=recipe.weights,
            device=pick_device(),
        )
    else:
        for teacher in teachers:
            refuse_other_vocabulary(teacher, tokenizer)
        source = open_online(
            teachers,
            window=student.training.window,
            temperature=recipe.temperature,
            precision=student.training.precision,
            device=pick_device(),
            weights=recipe.weights or weights,
            mean_of=mean_of,
        )
    return train(
        model,
        distillation_from(
            source,
            recipe,
            softcap=softcap_of(model),
            compiled=student.training.compile and can_compile(),
        ),
        windows,
        Windows(tokens, "dev", student.training.window),
        student.training,
        tokenizer,
        out,
        seed=seed,
        teacher_products=source.products if recipe.alpha < 1 else (),
    )


def distillation_from(
    signal: Signal,
    recipe: DistillationRecipe,
    *,
    softcap: float | None = None,
    compiled: bool = False,
) -> Loss:
    """The loop's `loss` for a student: the fused loss fed by a signal."""

    def loss(hidden: Tensor, head: Tensor, batch: Batch) -> LossTerms:
        return distillation_loss(
            hidden,
            head,
            batch.labels,
            signal.targets(batch) if recipe.alpha < 1 else None,
            temperature=recipe.temperature,
            alpha=recipe.alpha,
            reduction=recipe.reduction,
            softcap=softcap,
            compiled=compiled,
        )

    return loss
