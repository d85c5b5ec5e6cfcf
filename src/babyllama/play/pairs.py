"""Two sentences: which one each model prefers, and at which token that is decided.

The log-likelihoods are those of `babyllama evaluate` under the same rules.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import accumulate

import numpy as np

from babyllama.errors import InputError
from babyllama.evaluation.likelihood.scorer import likelihoods
from babyllama.evaluation.likelihood.texts import Text
from babyllama.play.finding import Role
from babyllama.play.models import Group, Shown
from babyllama.play.reading import Token, refuse_no_text, tokens_of


@dataclass(frozen=True)
class Piece:
    """Aligned tokens of two sentences: one of each, or a stretch in which they differ.

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
    for which, sentence in (("first", first), ("second", second)):
        refuse_no_text(sentence, f"the {which} sentence")
        _refuse_too_long(group, which, sentence)
    scorer = group.models[0].scorer
    sentences = [Text(first), Text(second)]
    # Before anything is encoded here, the scorer refuses what it cannot score.
    preferences = [_scored(model, sentences) for model in group.models]
    encoded = list(scorer.encode(sentences))
    ids = [each.ids.tolist() for each in encoded]
    starts = [each.first for each in encoded]
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


def _refuse_too_long(group: Group, which: str, sentence: str) -> None:
    """A text is cut for the other panels; a part of a sentence has no score to compare."""
    ids = group.tokenizer.encode(sentence, add_special_tokens=False)
    begin = 0 if group.models[0].scorer.context is None else 1
    if group.positions is not None and len(ids) + begin - 1 > group.positions:
        most = group.positions + 1 - begin
        raise InputError(
            f"the {which} sentence has {len(ids):,} tokens, and the models read {most:,} at most",
            why="The score of a part cannot be compared with the score of a full sentence.",
            mend=f"Shorten it by {len(ids) - most:,} tokens or more.",
        )


def _scored(model: Shown, sentences: list[Text]) -> list[np.ndarray]:
    found = likelihoods(model.scorer, sentences)
    return [found.values[found.starts[n] : found.starts[n + 1]] for n in range(len(sentences))]


def aligned(first: Sequence[int], second: Sequence[int], start: int) -> list[Piece]:
    """Pieces of two token sequences, in order: every token is in one piece of its sequence.

    What both share stands token by token. What differs stands token by token where both have as
    many, else as one piece, of which one side may be empty.

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
    return [
        *_one_by_one((start, before), (start, before)),
        *_middle(first[: ends[0]], second[: ends[1]], before),
        *_one_by_one((ends[0], len(first)), (ends[1], len(second))),
    ]


def _middle(first: Sequence[int], second: Sequence[int], start: int) -> Iterator[Piece]:
    """Both sequences from `start` on, where they begin and end with other tokens."""
    matcher = SequenceMatcher(None, first[start:], second[start:], autojunk=False)
    for _, i, to_i, j, to_j in matcher.get_opcodes():
        ours, theirs = (start + i, start + to_i), (start + j, start + to_j)
        if to_i - i == to_j - j:
            yield from _one_by_one(ours, theirs)
        else:
            yield Piece(ours, theirs)


def _one_by_one(first: tuple[int, int], second: tuple[int, int]) -> Iterator[Piece]:
    """A piece for each token of two parts that have as many."""
    for one, other in zip(range(*first), range(*second), strict=True):
        yield Piece((one, one + 1), (other, other + 1))


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
