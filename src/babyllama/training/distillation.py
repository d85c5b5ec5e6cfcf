"""Stage: tokens and a signal -> a student."""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from babyllama.data.tokenizer import load_tokenizer
from babyllama.data.windows import Batch, Windows
from babyllama.errors import InputError
from babyllama.models.ensemble import refuse_other_vocabulary
from babyllama.models.logits import Head
from babyllama.models.loss import LossTerms, distillation_loss
from babyllama.models.model_files import read_config
from babyllama.models.precision import pick_device
from babyllama.recipe import EQUAL_WEIGHTS, DistillationRecipe, DistilledStudent, Mixing, mixing_for
from babyllama.runs.artefact import Facts
from babyllama.runs.json_files import read_json
from babyllama.signals import Signal
from babyllama.signals.online import open_online
from babyllama.signals.shards import HEADER
from babyllama.signals.stored import open_stored
from babyllama.training.compilation import can_compile
from babyllama.training.folder import start_model
from babyllama.training.gradient import Loss
from babyllama.training.loop import train
from babyllama.training.ordered_windows import training_windows


def distill(
    student: DistilledStudent,
    tokens: Path,
    tokenizer: Path,
    out: Path,
    *,
    teachers: Sequence[Path] = (),
    signal: Path | None = None,
    mixing: Mixing = EQUAL_WEIGHTS,
    corpus: Path | None = None,
    seed: int,
) -> Facts:
    """Train a new student on the text and on its teachers, and write its folder.

    Args:
        teachers: run beside the student if no `signal` is given.
        signal: a folder written by `babyllama signal`.
        mixing: how running teachers are averaged; the student's own weights take precedence.
            A stored signal has its own.
        corpus: of the tokens; needed for a curriculum by domain.

    Raises:
        InputError: teachers or a signal that do not fit these tokens or this tokenizer.
    """
    model = start_model(student.pretraining, tokens, tokenizer, seed=seed)
    windows = training_windows(student.training, tokens, tokenizer, out, corpus=corpus, seed=seed)
    if signal is not None:
        source = _open_stored(signal, student, windows)
        _refuse_fewer_tokens(signal, read_json(signal / HEADER)["vocab_size"], tokenizer)
    else:
        source = _open_online(teachers, student, windows, tokenizer, mixing)
    return train(
        model,
        distillation_from(
            source,
            student,
            compiled=student.training.compile and can_compile(),
        ),
        windows,
        Windows(tokens, "dev", student.training.window),
        student.training,
        tokenizer,
        out,
        seed=seed,
        teacher_products=source.products if student.needs_teachers else (),
    )


def distillation_from(
    signal: Signal,
    recipe: DistillationRecipe,
    *,
    compiled: bool = False,
) -> Loss:
    """The loop's `loss` for a student: the fused loss, with a signal's targets."""

    def loss(hidden: Tensor, head: Head, batch: Batch) -> LossTerms:
        return distillation_loss(
            hidden,
            head,
            batch.labels,
            signal.targets(batch) if recipe.needs_teachers else None,
            temperature=recipe.temperature,
            alpha=recipe.alpha,
            reduction=recipe.reduction,
            compiled=compiled,
        )

    return loss


def _open_stored(folder: Path, student: DistilledStudent, windows: Windows) -> Signal:
    return open_stored(
        folder,
        windows,
        temperature=student.temperature,
        weights=student.weights,
        device=pick_device(),
    )


def _refuse_fewer_tokens(source: Path, known: int | None, tokenizer: Path) -> None:
    """Check, before any training, that teachers know every token of a new student."""
    loaded = load_tokenizer(tokenizer)
    if known is not None and known < len(loaded):
        raise InputError(
            f"{source} knows {known} tokens, {tokenizer} has {len(loaded)}; the first that it "
            f"lacks is {loaded.convert_ids_to_tokens(known)!r}",
            why="A student and its teachers must share the vocabulary.",
            mend="Use the tokenizer of the teachers. If its tokenizer_config.json names special "
            "tokens that tokenizer.json lacks, remove them there.",
        )


def _open_online(
    teachers: Sequence[Path],
    student: DistilledStudent,
    windows: Windows,
    tokenizer: Path,
    mixing: Mixing,
) -> Signal:
    for teacher in teachers:
        refuse_other_vocabulary(teacher, tokenizer)
        _refuse_fewer_tokens(teacher, read_config(teacher).get("vocab_size"), tokenizer)
    return open_online(
        teachers,
        window=windows.window,
        separate=windows.separates_documents,
        temperature=student.temperature,
        precision=student.training.precision,
        device=pick_device(),
        mixing=mixing_for(student, mixing),
    )
