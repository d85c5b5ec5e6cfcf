"""Two sentences: which one each model prefers, and at which token that is decided.

The log-likelihoods are those of `babyllama evaluate` under the same rules.
"""

from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from babyllama.evaluation.likelihood.scorer import likelihoods
from babyllama.evaluation.likelihood.texts import Text
from babyllama.play.finding import Role
from babyllama.play.models import Group, Shown
from babyllama.play.reading import Token, refuse_no_text, tokens_of


@dataclass(frozen=True)
class Piece:
    """Tokens of both sentences that stand at the same place: one each, or where they differ some.

    Attributes:
        first: places of the first sentence's tokens, from and to.
        second: those of the second sentence's.
    """

    first: tuple[int, int]
    second: tuple[int, int]


@dataclass(frozen=True)
class Preference:
    """What one model says of two sentences.

    Attributes:
        first: log p of the first sentence, in nats.
        second: that of the second.
        margin: first - second, of each piece; they sum to the difference.
        prefers: `tie` if both are equally likely.
        decided: the piece from which on the sum of the margins keeps the sign of the result;
            None of a tie.
    """

    model: str
    role: Role
    first: float
    second: float
    margin: tuple[float, ...]
    prefers: str
    decided: int | None


@dataclass(frozen=True)
class PairAnswer:
    """Two sentences under all models of a group.

    Attributes:
        first: tokens of the first sentence, the context token included.
        second: those of the second.
        pieces: both sentences, aligned.
        rules: the name of the scoring rules.
    """

    first: tuple[Token, ...]
    second: tuple[Token, ...]
    pieces: tuple[Piece, ...]
    preferences: tuple[Preference, ...]
    rules: str


def pair_answer(group: Group, first: str, second: str) -> PairAnswer:
    """Compare two sentences.

    Raises:
        InputError: a sentence that cannot be scored, such as one that is too long.
    """
    for sentence in (first, second):
        refuse_no_text(sentence)
    scorer = group.models[0].scorer
    sentences = [Text(first), Text(second)]
    # Before anything is encoded here, the scorer refuses what it cannot score.
    preferences = [_scored(model, sentences) for model in group.models]
    ids = [each.ids.tolist() for each in scorer.encode(sentences)]
    starts = [each.first for each in scorer.encode(sentences)]
    pieces = aligned(ids[0], ids[1], starts[0])
    return PairAnswer(
        first=tuple(tokens_of(group.tokenizer, ids[0])),
        second=tuple(tokens_of(group.tokenizer, ids[1])),
        pieces=tuple(pieces),
        preferences=tuple(
            _preference(model, values, pieces, starts[0])
            for model, values in zip(group.models, preferences, strict=True)
        ),
        rules=scorer.rules.name,
    )


def _scored(model: Shown, sentences: list[Text]) -> list[np.ndarray]:
    found = likelihoods(model.scorer, sentences)
    return [found.values[found.starts[n] : found.starts[n + 1]] for n in range(len(sentences))]


def aligned(first: list[int], second: list[int], start: int) -> list[Piece]:
    """Pieces of two token sequences: common beginnings and ends token by token, then the rest.

    Args:
        start: the first scored token of both.
    """
    shortest = min(len(first), len(second))
    before = start
    while before < shortest and first[before] == second[before]:
        before += 1
    after = 0
    while after < shortest - before and first[-1 - after] == second[-1 - after]:
        after += 1
    ends = len(first) - after, len(second) - after
    pieces = [Piece((at, at + 1), (at, at + 1)) for at in range(start, before)]
    if before < max(ends):
        pieces += _middle(before, *ends)
    pieces += [
        Piece((ends[0] + n, ends[0] + n + 1), (ends[1] + n, ends[1] + n + 1)) for n in range(after)
    ]
    return pieces


def _middle(start: int, first: int, second: int) -> list[Piece]:
    """Where the sentences differ: token by token if both have as many, else one piece."""
    if first == second:
        return [Piece((at, at + 1), (at, at + 1)) for at in range(start, first)]
    return [Piece((start, first), (start, second))]


def _preference(
    model: Shown, values: list[np.ndarray], pieces: list[Piece], start: int
) -> Preference:
    sums = [float(each.sum()) for each in values]
    margin = [
        float(values[0][piece.first[0] - start : piece.first[1] - start].sum())
        - float(values[1][piece.second[0] - start : piece.second[1] - start].sum())
        for piece in pieces
    ]
    difference = sums[0] - sums[1]
    return Preference(
        model=model.name,
        role=model.role,
        first=sums[0],
        second=sums[1],
        margin=tuple(margin),
        prefers="tie" if difference == 0 else "first" if difference > 0 else "second",
        decided=deciding_piece(margin, difference),
    )


def deciding_piece(margin: list[float], difference: float) -> int | None:
    """The piece from which on the sum of the margins has the sign of the difference."""
    if difference == 0:
        return None
    decided = 0
    for number, total in enumerate(accumulate(margin)):
        if total * difference <= 0:
            decided = number + 1
    return min(decided, len(margin) - 1)
