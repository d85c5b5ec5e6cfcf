"""What the page asks about one text: surprisals of all tokens, distributions at one position.

Every number is the package's own: logits are those of `Mixture.logits`, surprisals those of
`token_log_probabilities`, the KL is that of the report's measures.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from babyllama.errors import InputError
from babyllama.evaluation.measures.token_values import kl
from babyllama.models.logits import token_log_probabilities
from babyllama.models.loss import chunk_size
from babyllama.play.finding import Role
from babyllama.play.models import Group, Shown
from babyllama.play.reading import (
    Forced,
    Reading,
    Token,
    read,
    refuse_no_token,
    states_of,
    text_of,
    tokens_of,
)

ROWS = 15  # tokens of a distribution that have a bar of their own
_WORST = 3


@dataclass(frozen=True)
class Strip:
    """One model on a text.

    Attributes:
        surprisals: -log p of each predicted token, in nats.
        total: their sum.
        per_token: their mean.
        worst: the places of the three largest, the largest first.
        kl: KL(reference || model) at T = 1 at each of these places, in nats; None for the reference
            itself, and for a model without one.
    """

    model: str
    role: Role
    surprisals: tuple[float, ...]
    total: float
    per_token: float
    worst: tuple[int, ...]
    kl: tuple[float, ...] | None


@dataclass(frozen=True)
class TextAnswer:
    """A text under all models of a group.

    Attributes:
        tokens: all that are read, the context token included.
        first: the place of the first predicted token.
        text: of the tokens, without the context token.
        cut: tokens at the end of the text that the models have no positions for.
        positions: what they have; None: no limit.
        may_continue: whether a token can follow the last one.
        reference: the model that the KL is from; None without one.
    """

    tokens: tuple[Token, ...]
    first: int
    text: str
    cut: int
    positions: int | None
    may_continue: bool
    reference: str | None
    strips: tuple[Strip, ...]


@dataclass(frozen=True)
class Bars:
    """A distribution over the rows' tokens.

    Attributes:
        probabilities: of the rows.
        rest: of all other tokens together.
        entropy: of the whole distribution, in nats.
        rank: of the text's own token, 1 for the likeliest; None where the text has ended.
        guess_rank: of the token that the viewer predicted; None without one.
    """

    model: str
    role: Role
    probabilities: tuple[float, ...]
    rest: float
    entropy: float
    rank: int | None
    guess_rank: int | None


@dataclass(frozen=True)
class PositionAnswer:
    """The distributions at one place of a text under all models of a group.

    Attributes:
        at: the place.
        before: the text before it.
        own: the text's own token there; None where the text has ended.
        temperature: what the logits are divided by.
        guess: the token that the viewer predicted; None without one.
        rows: the tokens that are shown: those with the largest mean probability over the models,
            the likeliest first; the text's own token and the guess are always among them.
    """

    at: int
    before: str
    own: Token | None
    guess: Token | None
    temperature: float
    rows: tuple[Token, ...]
    bars: tuple[Bars, ...]


def text_answer(group: Group, text: str, forced: Sequence[Forced] = ()) -> TextAnswer:
    """Surprisal and KL at every token of a text.

    Raises:
        InputError: what `read` raises.
    """
    reading = read(group, text, forced)
    surprisals, divergences = _values(group, reading)
    strips = [
        _strip(model, surprisals[model.name], divergences.get(model.name), reading.first)
        for model in group.models
    ]
    return TextAnswer(
        tokens=tuple(tokens_of(group.tokenizer, reading.ids)),
        first=reading.first,
        text=reading.text,
        cut=reading.cut,
        positions=group.positions,
        may_continue=group.positions is None or len(reading.ids) <= group.positions,
        reference=group.reference,
        strips=tuple(strips),
    )


def _values(
    group: Group, reading: Reading
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Each model's surprisals and its KL from the reference, a chunk of logits at a time."""
    surprisals: dict[str, list[float]] = {model.name: [] for model in group.models}
    divergences: dict[str, list[float]] = {
        model.name: [] for model in group.models if group.reference not in (None, model.name)
    }
    inputs, labels = reading.ids[:-1], reading.labels
    order = sorted(group.models, key=lambda model: model.name != group.reference)
    device = order[0].ensemble.device
    chunk = chunk_size(order[0].ensemble.mixture.vocab_size, device)
    for start in range(0, len(labels), chunk):
        part = slice(start, start + chunk)
        theirs: Tensor | None = None
        for model in order:
            logits = model.ensemble.mixture.logits(states_of(group, model, inputs)[part])
            own = -token_log_probabilities(logits.__getitem__, labels[part].to(device))
            surprisals[model.name] += own.tolist()
            logs = torch.log_softmax(logits, dim=-1)
            theirs = logs if theirs is None else theirs
            if model.name in divergences:
                # Rounding may leave a KL of two equal distributions just below 0.
                divergences[model.name] += kl(theirs, logs).clamp(min=0).tolist()
    return surprisals, divergences


def _strip(model: Shown, surprisals: list[float], kl_: list[float] | None, first: int) -> Strip:
    order = sorted(range(len(surprisals)), key=lambda at: -surprisals[at])
    total = sum(surprisals)
    return Strip(
        model=model.name,
        role=model.role,
        surprisals=tuple(surprisals),
        total=total,
        per_token=total / max(1, len(surprisals)),
        worst=tuple(first + at for at in order[:_WORST]),
        kl=None if kl_ is None else tuple(kl_),
    )


def position_answer(
    group: Group,
    text: str,
    forced: Sequence[Forced] = (),
    *,
    at: int,
    temperature: float,
    guess: int | None = None,
) -> PositionAnswer:
    """The distributions at a place of a text; the place after its last token is one, too.

    Args:
        guess: a token to show besides the likeliest.

    Raises:
        InputError: what `read` raises; a place that the text does not have; no such token.
    """
    reading = read(group, text, forced)
    refuse_no_place(group, reading, at)
    if guess is not None:
        refuse_no_token(group, guess)
    own = reading.ids[at] if at < len(reading.ids) else None
    found = {
        model.name: distribution(logits_at(group, model, reading, at, temperature), temperature)
        for model in group.models
    }
    rows = likeliest(list(found.values()), own, guess)
    shown = {token.id: token for token in tokens_of(group.tokenizer, rows)}
    return PositionAnswer(
        at=at,
        before=text_of(group.tokenizer, reading.ids[reading.begin : at]),
        own=None if own is None else shown[own],
        guess=None if guess is None else shown[guess],
        temperature=temperature,
        rows=tuple(shown.values()),
        bars=tuple(_bars(model, found[model.name], rows, own, guess) for model in group.models),
    )


def refuse_no_place(group: Group, reading: Reading, at: int) -> None:
    """Check that a token is predicted at this place.

    Raises:
        InputError: before the first predicted token, or beyond the end or the positions.
    """
    last = len(reading.ids) if group.positions is None else min(len(reading.ids), group.positions)
    if not reading.first <= at <= last:
        raise InputError(
            f"nothing is predicted at place {at} of this text",
            why=f"Its places are {reading.first} to {last}.",
            mend="Choose one of its tokens.",
        )


def logits_at(
    group: Group, model: Shown, reading: Reading, at: int, temperature: float
) -> Float[Tensor, "1 vocab"]:
    """The logits that predict the token at a place, not divided by the temperature."""
    # What was read for the strips serves every place but the last.
    inputs = reading.ids[:-1] if at < len(reading.ids) else reading.ids
    states = states_of(group, model, inputs)[at - 1 : at]
    return model.ensemble.mixture.logits(states, temperature)


def distribution(logits: Float[Tensor, "1 vocab"], temperature: float) -> Float[Tensor, " vocab"]:
    """softmax(z / T), in float64."""
    return torch.softmax(logits[0].double() / temperature, dim=-1)


def likeliest(
    distributions: Sequence[Float[Tensor, " vocab"]], own: int | None, guess: int | None = None
) -> list[int]:
    """The tokens with the largest mean probability, the likeliest first.

    `own` and `guess` are always among them, in place of the last ones.
    """
    mean = torch.stack(list(distributions)).mean(dim=0)
    rows: list[int] = mean.topk(min(ROWS, len(mean))).indices.tolist()
    wanted = [each for each in (own, guess) if each is not None]
    for token in wanted:
        if token not in rows:
            last = max(place for place, row in enumerate(rows) if row not in wanted)
            rows[last] = token
    return sorted(rows, key=lambda row: -float(mean[row]))


def _bars(
    model: Shown,
    p: Float[Tensor, " vocab"],
    rows: Sequence[int],
    own: int | None,
    guess: int | None,
) -> Bars:
    shown = p[torch.tensor(rows, device=p.device)].tolist()
    return Bars(
        model=model.name,
        role=model.role,
        probabilities=tuple(shown),
        rest=max(0.0, 1 - sum(shown)),
        entropy=float(torch.special.entr(p).sum()),
        rank=_rank(p, own),
        guess_rank=_rank(p, guess),
    )


def _rank(p: Float[Tensor, " vocab"], token: int | None) -> int | None:
    return None if token is None else 1 + int((p > p[token]).sum())
