"""A model's worst errors: the choices with the largest margin, with the surprisal of words."""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from babyllama.evaluation.likelihood.encoder_decoders import EncoderDecoders
from babyllama.evaluation.likelihood.encoding import EncodedText
from babyllama.evaluation.likelihood.scorer import Scorer, likelihoods
from babyllama.evaluation.likelihood.texts import Text
from babyllama.evaluation.suites.choices import Choice
from babyllama.scores.results import WrongChoice


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
    of_each_uid: bool = False,
) -> list[WrongChoice]:
    """The choices that the model decides wrongly by the most nats, worst first.

    Items whose authors ask for no public copies are omitted.

    Args:
        choices: of each benchmark.
        log_likelihoods: of all their options, in a row.
        of_each_uid: whether the worst of each UID is taken first, then the second of each. Without
            it, many are often of one UID and show the same mistake.

    Returns:
        each with its scored words and their surprisals.
    """
    lost = [
        item
        for benchmark, of_benchmark in choices.items()
        for item in _lost(benchmark, of_benchmark, log_likelihoods[benchmark])
    ]
    lost = sorted(lost, key=lambda item: -item.margin)
    lost = _of_each_uid(lost, most) if of_each_uid else lost[:most]
    texts = [text for item in lost for text in (item.choice.options[0], item.preferred)]
    words = iter(word_surprisals(scorer, texts))
    return [
        WrongChoice(
            benchmark=item.benchmark,
            UID=item.choice.uid,
            pairID=item.choice.item_id,
            group=item.choice.group,
            margin=item.margin,
            right=next(words),
            preferred=next(words),
        )
        for item in lost
    ]


def _of_each_uid(lost: Sequence[_Lost], most: int) -> list[_Lost]:
    """At most `most` errors, from as many UIDs as possible, in their given order."""
    before: Counter[tuple[str, str]] = Counter()
    ranks = []
    for item in lost:
        uid = (item.benchmark, item.choice.uid)
        ranks.append(before[uid])
        before[uid] += 1
    chosen = sorted(range(len(lost)), key=lambda at: (ranks[at], at))[:most]
    return [lost[at] for at in sorted(chosen)]


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


def word_surprisals(scorer: Scorer, texts: Sequence[Text]) -> list[list[tuple[str, float]]]:
    """Each text's scored words, as white space parts them, with their surprisal in nats.

    A word's surprisal is the sum over its tokens; a word whose first token is not scored has that
    of the rest.
    """
    found = likelihoods(scorer, texts)
    bounds = zip(found.starts[:-1], found.starts[1:], strict=True)
    return [
        _by_word(scorer, text, encoded, -found.values[start:stop])
        for text, encoded, (start, stop) in zip(texts, scorer.encode(texts), bounds, strict=True)
    ]


def _by_word(
    scorer: Scorer, text: Text, encoded: EncodedText, surprisals: Float64[np.ndarray, " tokens"]
) -> list[tuple[str, float]]:
    space = " " if scorer.rules.leading_space and not text.context else ""
    sentence = space + text.context + text.target
    if isinstance(scorer.model, EncoderDecoders):
        sentence = text.target  # whose context the encoder reads
    read = scorer.tokenizer(
        sentence, return_offsets_mapping=True, return_special_tokens_mask=True, verbose=False
    )
    words = list(re.finditer(r"\S+", sentence))
    if not words:
        return []
    ends = [word.end() for word in words]
    # The scored tokens are consecutive; spaces and special tokens after them may not be scored.
    stop = len(read["input_ids"])
    while stop and read["input_ids"][stop - 1] != encoded.ids[encoded.stop - 1]:
        stop -= 1
    scored = range(max(0, stop - len(surprisals)), stop)
    sums: dict[int, float] = {}
    for at, surprisal in zip(scored, surprisals.tolist(), strict=False):
        if read["special_tokens_mask"][at]:  # an EOS that is scored as well belongs to no word
            continue
        word = min(bisect_left(ends, read["offset_mapping"][at][1]), len(words) - 1)
        sums[word] = sums.get(word, 0.0) + surprisal
    return [(words[word].group(), total) for word, total in sums.items()]
