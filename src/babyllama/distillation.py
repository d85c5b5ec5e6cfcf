"""Stage: tokens + signal -> student."""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from babyllama.artefact import Facts
from babyllama.errors import InputError
from babyllama.losses import LossTerms, distillation_loss
from babyllama.models import pick_device
from babyllama.recipe import DistillationRecipe, PretrainingRecipe
from babyllama.signals import Signal
from babyllama.signals.hidden import open_hidden
from babyllama.signals.online import open_online
from babyllama.tokenizer import same_vocabulary
from babyllama.tokens import Batch, Windows
from babyllama.training.compilation import can_compile
from babyllama.training.folder import finish_model, start_model
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
    seed: int,
) -> Facts:
    """Train a new student on the text and on what the teachers say, and write its folder.

    Args:
        teachers: run beside the student when no `signal` is given.
        signal: a folder written by `babyllama signal`.

    Raises:
        InputError: teachers or a signal that do not belong to these tokens or this tokenizer.
    """
    model = start_model(student, tokens, tokenizer, seed=seed)
    windows = Windows(tokens, "train", student.training.window)
    if signal is not None:
        source: Signal = open_hidden(signal, windows, device=pick_device())
    else:
        _refuse_other_vocabularies(teachers, tokenizer)
        source = open_online(
            teachers,
            window=student.training.window,
            precision=student.training.precision,
            device=pick_device(),
        )
    facts = train(
        model,
        distillation_from(source, recipe, compiled=student.training.compile and can_compile()),
        windows,
        Windows(tokens, "dev", student.training.window),
        student.training,
        out,
        seed=seed,
        teacher_products=source.products if recipe.alpha < 1 else (),
    )
    finish_model(tokenizer, out)
    return facts


def distillation_from(
    signal: Signal, recipe: DistillationRecipe, *, compiled: bool = False
) -> Loss:
    """The loop's `loss` for a student: the fused loss fed by a signal."""

    def loss(hidden: Tensor, head: Tensor, batch: Batch) -> LossTerms:
        return distillation_loss(
            hidden,
            head,
            batch.labels,
            signal.logits(batch) if recipe.alpha < 1 else None,
            temperature=recipe.temperature,
            alpha=recipe.alpha,
            reduction=recipe.reduction,
            compiled=compiled,
        )

    return loss


def _refuse_other_vocabularies(teachers: Sequence[Path], tokenizer: Path) -> None:
    for teacher in teachers:
        if not same_vocabulary(teacher, tokenizer):
            raise InputError(
                f"{teacher} was trained with another vocabulary than {tokenizer}",
                why="Teachers and student must give every token the same number.",
                mend="Train the teacher with this tokenizer, or distil with the teacher's.",
            )
