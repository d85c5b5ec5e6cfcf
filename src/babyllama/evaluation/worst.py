"""What a model gets most wrong: the choices that it loses by most, with the surprisal of words."""

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64

from babyllama.artefact import Facts
from babyllama.evaluation.choices import Choice
from babyllama.evaluation.scoring import Scorer, likelihoods
from babyllama.evaluation.texts import Text


@dataclass(frozen=True)
class _Lost:
    benchmark: str
    choice: Choice
    preferred: Text
    margin: float


def worst_choices(
    scorer: Scorer,
    choices: Mapping[str, Sequence[Choice]],
    log_likelihoods: Mapping[str, Float64[np.ndarray, " texts"]],
    *,
    most: int,
) -> list[Facts]:
    """The choices that the model decides wrongly by the most nats, worst first.

    Items whose authors ask for no open copies are left out.

    Args:
        choices: of each benchmark.
        log_likelihoods: of all their options, in a row.

    Returns:
        `benchmark`, `UID`, `pairID`, `group`, `margin` in nats, and `right` and `preferred`: each
        scored word with its surprisal in nats.
    """
    lost = [
        item
        for benchmark, of_benchmark in choices.items()
        for item in _lost(benchmark, of_benchmark, log_likelihoods[benchmark])
    ]
    lost = sorted(lost, key=lambda item: -item.margin)[:most]
    texts = [text for item in lost for text in (item.choice.options[0], item.preferred)]
    words = iter(word_surprisals(scorer, texts))
    return [
        {
            "benchmark": item.benchmark,
            "UID": item.choice.uid,
            "pairID": item.choice.item_id,
            "group": item.choice.group,
            "margin": item.margin,
            "right": next(words),
            "preferred": next(words),
        }
        for item in lost
    ]


def _lost(
    benchmark: str, choices: Sequence[Choice], values: Float64[np.ndarray, " texts"]
) -> list[_Lost]:
    found = []
    start = 0
    for choice in choices:
        own = values[start : start + len(choice.options)]
        start += len(own)
        best = 1 + int(own[1:].argmax())
        if own[best] > own[0] and not choice.is_private:
            margin = float(own[best] - own[0])
            found.append(_Lost(benchmark, choice, choice.options[best], margin))
    return found


def word_surprisals(scorer: Scorer, texts: Sequence[Text]) -> list[list[list[Any]]]:
    """Each text's scored words, as white space parts them, with their surprisal in nats.

    A word's surprisal is the sum over its tokens; a word whose first token is not scored has that
    of the rest.
    """
    found = likelihoods(scorer, texts)
    return [
        _by_word(scorer, text, -found.values[start:stop])
        for text, start, stop in zip(texts, found.starts[:-1], found.starts[1:], strict=True)
    ]


def _by_word(
    scorer: Scorer, text: Text, surprisals: Float64[np.ndarray, " tokens"]
) -> list[list[Any]]:
    space = " " if scorer.rules.leading_space and not text.context else ""
    whole = space + text.context + text.target
    spans = scorer.tokenizer(
        whole, add_special_tokens=False, return_offsets_mapping=True, verbose=False
    )["offset_mapping"]
    words = list(re.finditer(r"\S+", whole))
    ends = [word.end() for word in words]
    sums: dict[int, float] = {}
    # The scored tokens are a text's last ones; an EOS that is scored besides belongs to no word.
    tail = spans[max(0, len(spans) - len(surprisals)) :]
    for (_, end), surprisal in zip(tail, surprisals.tolist(), strict=False):
        word = min(bisect_left(ends, end), len(words) - 1)
        sums[word] = sums.get(word, 0.0) + surprisal
    return [[words[word].group(), total] for word, total in sums.items()]
