"""How hard each training window is, for a curriculum: length, rarity, domain, ages, loss, numbers.

Each token has a value, and most have the same weight; a window's difficulty is the mean over its
tokens. So windows of any length and at any offset have one.
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32, Shaped

from babyllama.data.documents import domains_of_documents
from babyllama.data.order import Order, rank
from babyllama.data.order_files import read_ages, read_numbers
from babyllama.data.tokenizer import load_tokenizer
from babyllama.data.windows import Windows, document_starts, known_document_starts, token_counts
from babyllama.errors import InputError, command
from babyllama.recipe import (
    AgeOrder,
    DomainOrder,
    FileOrder,
    FixedWindows,
    LossOrder,
    MeasuredOrder,
    TrainingRecipe,
)
from babyllama.recipe.base import nearest

_ENDS_OF_SENTENCES = ".!?。！？\n"
_NOT_IN_WORD = re.compile(r"^\W+|\W+$")  # marks before and after a word
_RANDOM = 4  # tells these random numbers apart from those of `order`
_WINDOWS_AT_ONCE = 65_536


def windows_in_order(
    training: TrainingRecipe,
    tokens: Path,
    tokenizer: Path,
    *,
    corpus: Path | None = None,
    losses: Float32[np.ndarray, " tokens"] | None = None,
    seed: int,
) -> Windows:
    """The training windows of a model, in the order that its recipe asks for.

    Args:
        corpus: the clean corpus of the tokens; needed for an order by domain.
        losses: of each training token under a model, in nats, NaN where it has none; needed for an
            order by a model's loss.

    Raises:
        InputError: what `Windows` raises; domains or a file that do not fit the text.
    """
    windows = Windows(tokens, "train", training.window, training.windows)
    if training.shuffle == "documents":
        windows.shuffled_documents = known_document_starts(tokens, "train")
    order = training.order
    if order is None:
        return windows
    if isinstance(order, LossOrder):
        assert losses is not None, "whoever trains has measured them"
        found, remark = _mean_losses(windows, losses)
    else:
        found, remark = _difficulties(order, windows, tokens, tokenizer, corpus, seed)
    ranked = rank(found, reverse=order.reverse, seed=seed)
    windows.order = Order(order, ranked, training.epochs, remark)
    return windows


def _difficulties(
    order: MeasuredOrder | DomainOrder | AgeOrder | FileOrder,
    windows: Windows,
    tokens: Path,
    tokenizer: Path,
    corpus: Path | None,
    seed: int,
) -> tuple[Float64[np.ndarray, "offsets windows"], str]:
    """How hard the windows are at each of their offsets; and a remark for the user."""
    if isinstance(order, FileOrder):
        return _of_file(order, windows, tokens)
    if isinstance(order, AgeOrder):
        return _mean_ages(windows, tokenizer, order.words)
    if isinstance(order, DomainOrder):
        assert corpus is not None, "the stage has checked it"
        return _means(windows, _places_of_domains(order, windows, tokens, corpus)), ""
    if order.by == "random":
        row = np.random.default_rng((seed, 0, _RANDOM)).random(len(windows))
        return np.tile(row, (len(windows.offsets), 1)), ""
    if order.by == "length":
        return _means(windows, _sentence_lengths(windows, tokenizer)), ""
    return _means(windows, _rarity(windows, tokens)), ""


def refuse_unlike_domains(ordered: Sequence[str], domains: Sequence[str]) -> None:
    """Check that an order names all domains of the text, and no others.

    Raises:
        InputError: names the domain that is unknown or left out.
    """
    for name in ordered:
        if name not in domains:
            raise InputError(
                f"training.order.domains: {name!r} is not a domain of the text",
                why=f"Its domains are {', '.join(domains)}.",
                mend=nearest(name, domains),
            )
    if left := [name for name in domains if name not in ordered]:
        raise InputError(
            f"training.order.domains leaves out {', '.join(left)}",
            why="Every window needs a place in the order.",
            mend=f"For example: [{', '.join([*ordered, *left])}]",
        )


def _means(
    windows: Windows, values: Shaped[np.ndarray, " tokens"]
) -> Float64[np.ndarray, "offsets windows"]:
    """The mean over the tokens of each window, at each offset."""
    means = np.empty((len(windows.offsets), len(windows)))
    for row, offset in enumerate(windows.offsets):
        for first in range(0, len(windows), _WINDOWS_AT_ONCE):
            last = min(len(windows), first + _WINDOWS_AT_ONCE)
            read = values[offset + first * windows.window : offset + last * windows.window]
            means[row, first:last] = read.reshape(-1, windows.window).mean(axis=1, dtype=np.float64)
    return means


def _sentence_lengths(windows: Windows, tokenizer: Path) -> Int32[np.ndarray, " tokens"]:
    """The length of the sentence that each token is in, in tokens.

    A sentence ends after a mark such as `.` or `?`, and at the end of a line or a document.
    """
    loaded = load_tokenizer(tokenizer)
    texts = _texts(tokenizer)
    ends = np.array([any(mark in text for mark in _ENDS_OF_SENTENCES) for text in texts])
    begins = np.zeros(len(texts), bool)
    for token, of in ((loaded.eos_token_id, ends), (loaded.bos_token_id, begins)):
        if token is not None:
            of[token] = True
    read = windows.stream
    is_end = ends[read]
    # Of several marks in a row, such as `?!`, the last one ends the sentence.
    is_last = (is_end[:-1] & ~is_end[1:]) | begins[read[1:]]
    borders = np.concatenate([[0], np.flatnonzero(is_last) + 1, [len(read)]])
    lengths = np.diff(borders)
    return np.repeat(lengths, lengths).astype(np.int32)


def _rarity(windows: Windows, tokens: Path) -> Float32[np.ndarray, " tokens"]:
    """-ln of the share of the training text's tokens that are this one."""
    counts = token_counts(tokens)
    nats: Float64[np.ndarray, " vocab"] = np.log(counts.sum()) - np.log(np.maximum(counts, 1))
    return nats.astype(np.float32)[windows.stream]


def _places_of_domains(
    order: DomainOrder, windows: Windows, tokens: Path, corpus: Path
) -> Float32[np.ndarray, " tokens"]:
    """The place of each token's domain in the order."""
    names, of_document = domains_of_documents(tokens, corpus, "train")
    if not names:
        raise InputError(
            f"{corpus} does not say which documents of {tokens} are from which domain",
            why="The order of domains needs the corpus that the tokens were made from.",
            mend=f"Tokenize it again: {command('tokenize', corpus, 'TOKENIZER', 'OUT')}",
        )
    refuse_unlike_domains(order.domains, names)
    places = np.array([order.domains.index(name) for name in names])
    return _of_documents(places[of_document], windows, tokens)


def _of_file(
    order: FileOrder, windows: Windows, tokens: Path
) -> tuple[Float64[np.ndarray, "offsets windows"], str]:
    """The numbers of a file, if there is one for each window or for each document."""
    numbers = read_numbers(order.file)
    documents = len(document_starts(tokens, "train"))
    if isinstance(windows.placement, FixedWindows) and len(numbers) == len(windows):
        return numbers[None], "a number for each window"
    if len(numbers) == documents:
        found = _means(windows, _of_documents(numbers, windows, tokens))
        return found, "a number for each document"
    per_window = f"{len(windows):,} windows"
    if not isinstance(windows.placement, FixedWindows):
        per_window = "windows that are shifted, which take one number per document"
    raise InputError(
        f"{order.file} has {len(numbers):,} numbers; the training text has {documents:,} documents "
        f"and {per_window}",
        why="training.order.file needs one number for each of them, in the order of the text.",
        mend=f"Write one number per document: {documents:,} lines.",
    )


def _of_documents(
    values: Shaped[np.ndarray, " documents"], windows: Windows, tokens: Path
) -> Float32[np.ndarray, " tokens"]:
    """The value of each token's document."""
    starts = document_starts(tokens, "train")
    sizes = np.diff([*starts, windows.stream_tokens])
    return np.repeat(values.astype(np.float32), sizes)


def _mean_ages(
    windows: Windows, tokenizer: Path, words: Path
) -> tuple[Float64[np.ndarray, "offsets windows"], str]:
    """The mean age of each window's listed words; NaN where none is listed.

    A word counts in the window in which it begins.
    """
    known, texts = read_ages(words), _texts(tokenizer)
    ages = np.zeros(windows.stream_tokens, np.float32)
    is_listed = np.zeros(windows.stream_tokens, bool)
    begins = np.flatnonzero(windows.word_starts)
    age_of: dict[bytes, float | None] = {}
    for first, last in pairwise([*begins.tolist(), windows.stream_tokens]):
        ids = windows.stream[first:last]
        key = ids.tobytes()
        if key not in age_of:
            word = _NOT_IN_WORD.sub("", "".join(texts[token] for token in ids))
            age_of[key] = known.get(word.casefold())
        age = age_of[key]
        if age is not None:
            ages[first], is_listed[first] = age, True
    share = is_listed.sum() / max(1, len(begins))
    means = _means_of_known(windows, ages, is_listed)
    return means, f"ages are known for {share:.0%} of the words"


def _mean_losses(
    windows: Windows, losses: Float32[np.ndarray, " tokens"]
) -> tuple[Float64[np.ndarray, "offsets windows"], str]:
    """The mean loss of a window's tokens that have one, and the range of these means."""
    means = _means_of_known(windows, np.nan_to_num(losses), ~np.isnan(losses))
    least, most = means.min(), means.max()
    return means, f"a window has {least:.2f} to {most:.2f} nats per token"


def _means_of_known(
    windows: Windows,
    values: Float32[np.ndarray, " tokens"],
    is_known: Bool[np.ndarray, " tokens"],
) -> Float64[np.ndarray, "offsets windows"]:
    """`_means` over the known tokens of each window, whose other values are 0; NaN without any."""
    known = _means(windows, is_known)
    means = np.full_like(known, np.nan)
    np.divide(_means(windows, values), known, out=means, where=known > 0)
    return means


def _texts(tokenizer: Path) -> list[str]:
    """The text of each token; of special ones none."""
    loaded = load_tokenizer(tokenizer)
    return [loaded.decode([token], skip_special_tokens=True) for token in range(len(loaded))]
