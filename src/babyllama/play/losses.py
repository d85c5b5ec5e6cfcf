"""What a student's loss sees at one position: its targets, and the student itself over training."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from babyllama.errors import InputError
from babyllama.models.ensemble import Ensemble, combine, mean_logits, weights_of
from babyllama.models.loading import load_model
from babyllama.models.loss import distillation_loss
from babyllama.play.answers import distribution, likeliest, logits_at, refuse_no_place
from babyllama.play.finding import Lesson
from babyllama.play.models import Group
from babyllama.play.reading import Forced, Reading, Token, read, states_of, tokens_of
from babyllama.report.wording import joined
from babyllama.runs.layout import FINAL, TRAINING_LOG, resume_command, run_of
from babyllama.runs.manifests import read_manifest
from babyllama.runs.points import Place, places
from babyllama.runs.training_log import read_training_log

TEMPERATURES = (1.0, 2.0, 4.0)  # of the ensemble, besides the student's own
EPOCHS = (1, 3, 12)  # of the checkpoints that are shown: those nearest to them


@dataclass(frozen=True)
class Column:
    """One distribution over the rows' tokens.

    Attributes:
        title: what it is, in a few words.
        kind: `text` is all on the text's own token.
        probabilities: of the rows.
        rest: of all other tokens together.
    """

    title: str
    kind: str
    probabilities: tuple[float, ...]
    rest: float


@dataclass(frozen=True)
class Terms:
    """The loss of the student at one position, at one moment of its training.

    Attributes:
        title: which moment.
        cross_entropy: -log p(the text's token), in nats.
        kl: KL(teachers || student) at the loss's temperature, in nats.
        loss: alpha * CE + (1 - alpha) * T**2 * KL.
    """

    title: str
    cross_entropy: float
    kl: float
    loss: float


@dataclass(frozen=True)
class LossAnswer:
    """A student's loss at one place of a text.

    Attributes:
        reduction: that of the student's recipe; the numbers here are of one position.
        window: of its training: under `window_sum` KL weighs so many times as much.
        own: the text's token.
        notes: what is not shown and why, in sentences.
    """

    student: str
    alpha: float
    temperature: float
    reduction: str
    window: int
    own: Token
    rows: tuple[Token, ...]
    columns: tuple[Column, ...]
    terms: tuple[Terms, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Moment:
    """The student at one moment: its title, and the model as an ensemble of one."""

    title: str
    model: Ensemble


def loss_answer(
    group: Group, lesson: Lesson, text: str, forced: Sequence[Forced] = (), *, at: int
) -> LossAnswer:
    """The targets of a student's loss at a place of a text, and the student's predictions.

    Raises:
        InputError: what `read` raises; a place without a token of the text.
    """
    reading = read(group, text, forced)
    refuse_no_place(group, reading, at)
    if at >= len(reading.ids):
        raise InputError(
            "the text ends here, so there is no target", mend="Choose one of its tokens."
        )
    own = reading.ids[at]
    moments, notes = _moments(lesson, group)
    found = dict(_columns(group, lesson, reading, at, moments))
    rows = likeliest([p for (_, kind), p in found.items() if kind != "text"], own)
    return LossAnswer(
        student=lesson.student,
        alpha=lesson.recipe.alpha,
        temperature=lesson.recipe.temperature,
        reduction=lesson.recipe.reduction,
        window=lesson.window,
        own=tokens_of(group.tokenizer, [own])[0],
        rows=tuple(tokens_of(group.tokenizer, rows)),
        columns=tuple(_column(*title, p, rows) for title, p in found.items()),
        terms=tuple(_terms(group, lesson, reading, at, each) for each in moments),
        notes=notes,
    )


def _columns(
    group: Group, lesson: Lesson, reading: Reading, at: int, moments: Sequence[_Moment]
) -> Iterator[tuple[tuple[str, str], Float[Tensor, " vocab"]]]:
    """Title and kind of each distribution, and its probabilities."""
    one_hot = torch.zeros(moments[0].model.mixture.vocab_size, dtype=torch.float64)
    one_hot[reading.ids[at]] = 1
    yield ("the text: one-hot", "text"), one_hot
    for T in sorted({*TEMPERATURES, lesson.recipe.temperature}):
        z_bar = target_logits(group, lesson, reading, at, T)
        own = " (this loss)" if lesson.recipe.temperature == T else ""
        yield (f"teachers, T = {T:g}{own}", "ensemble"), distribution(z_bar, T)
    for name in lesson.teachers:
        z = logits_at(group, group.model(name), reading, at, 1.0)
        yield (f"{name}, T = 1", "teacher"), distribution(z, 1.0)
    for moment in moments:
        z = moment.model.mixture.logits(_states(moment.model, reading, at))
        yield (f"{lesson.student}, {moment.title}", "student"), distribution(z, 1.0)


def _column(title: str, kind: str, p: Float[Tensor, " vocab"], rows: Sequence[int]) -> Column:
    shown = p[torch.tensor(rows, device=p.device)].tolist()
    return Column(title, kind, tuple(shown), max(0.0, 1 - sum(shown)))


def target_logits(
    group: Group, lesson: Lesson, reading: Reading, at: int, temperature: float
) -> Float[Tensor, "1 vocab"]:
    """z_bar of the student's teachers at a place, as the loss averages them."""
    inputs = reading.ids[:-1]
    teachers = [group.model(name) for name in lesson.teachers]
    if len(teachers) == 1:
        return logits_at(group, teachers[0], reading, at, temperature)
    each = (
        teacher.ensemble.mixture.logits(states_of(group, teacher, inputs)[at - 1 : at])
        for teacher in teachers
    )
    weights = weights_of(lesson.mixing, len(teachers))
    return mean_logits(each, weights, lesson.mixing.mean_of, temperature=temperature)


def _terms(group: Group, lesson: Lesson, reading: Reading, at: int, moment: _Moment) -> Terms:
    """The package's own loss, of one position."""
    recipe = lesson.recipe
    z_bar = target_logits(group, lesson, reading, at, recipe.temperature)
    parts = {}
    # At alpha 1 and 0 the loss leaves out a term that has no weight; the page shows both.
    for alpha in (recipe.alpha, 0.5):
        parts[alpha] = distillation_loss(
            _states(moment.model, reading, at)[None],
            moment.model.mixture.heads[0],
            torch.tensor([[reading.ids[at]]], device=z_bar.device),
            lambda _: z_bar,
            temperature=recipe.temperature,
            alpha=alpha,
            reduction="token_mean",
        )
    return Terms(
        title=moment.title,
        cross_entropy=float(parts[0.5].cross_entropy),
        kl=max(0.0, float(parts[0.5].kl)),
        loss=float(parts[recipe.alpha].total),
    )


def _states(model: Ensemble, reading: Reading, at: int) -> Float[Tensor, "1 hidden"]:
    ids = torch.tensor([reading.ids[:at]], dtype=torch.int64, device=model.device)
    return model.states(ids)[0, -1:]


def _moments(lesson: Lesson, group: Group) -> tuple[list[_Moment], tuple[str, ...]]:
    """The student at its kept checkpoints nearest to some epochs, and finished; and a note."""
    chosen = chosen_checkpoints(lesson.folder)
    size = group.model(lesson.student).ensemble.mixture.vocab_size
    device = group.model(lesson.student).ensemble.device
    moments = [
        _Moment(f"after {epochs_in_words(epochs)}", _checkpoint(lesson.folder / name, size, device))
        for name, epochs in chosen.items()
    ]
    moments.append(_Moment("finished", group.model(lesson.student).ensemble))
    return moments, () if chosen else (_no_checkpoints(lesson),)


def epochs_in_words(epochs: float) -> str:
    """A number of epochs as one says it: 1 epoch, 2.5 epochs."""
    number = f"{epochs:.1f}".removesuffix(".0")
    return f"{number} epoch{'' if number == '1' else 's'}"


def chosen_checkpoints(folder: Path) -> dict[str, float]:
    """The kept checkpoints nearest to some epochs, and the epochs they were trained; in order."""
    manifest = read_manifest(folder) or {"files": {}}
    log = read_training_log(folder / TRAINING_LOG)
    found = places(folder.name, manifest, log.epoch_ends)
    words_an_epoch = _words_an_epoch(manifest.get("facts", {}))
    kept = [place for place in found if place.point != FINAL]
    if not kept or not words_an_epoch:
        return {}
    nearest = {
        min(kept, key=lambda place: abs(place.words / words_an_epoch - epochs)) for epochs in EPOCHS
    }
    ordered: list[Place] = sorted(nearest, key=lambda place: place.words)
    return {place.point: place.words / words_an_epoch for place in ordered}


def _words_an_epoch(facts: Mapping[str, Any]) -> float:
    return float(facts.get("words_seen", 0)) / float(facts.get("epochs") or 1)


@lru_cache(maxsize=8)
def _checkpoint(folder: Path, vocab_size: int, device: torch.device) -> Ensemble:
    return combine([load_model(folder).to(device)], vocab_size)


def _no_checkpoints(lesson: Lesson) -> str:
    """Why the student is not shown at earlier moments, and the command that would keep them."""
    name = lesson.folder.name
    told = f"{name} is shown only as it is now: its training kept no checkpoints."
    facts = (read_manifest(lesson.folder) or {}).get("facts", {})
    epochs = [each for each in EPOCHS if each < facts.get("epochs", 0)]
    if not epochs or not _words_an_epoch(facts):
        return told
    words = ", ".join(f"{round(each * _words_an_epoch(facts))}" for each in epochs)
    setting = f"students.{name}.training.word_checkpoints=[{words}]"
    retrain = resume_command(run_of(lesson.folder), "--set", setting)
    return (
        f"{told} To see it after {joined([str(each) for each in epochs], 'and')} epochs as well, "
        f"train it again: {retrain}"
    )
