"""Tokenizers of each kind, trained: BPE, as in the paper, Unigram, characters and bytes.

BPE and bytes look at a text as bytes. Unigram and characters look at characters; one that the
vocabulary lacks is written as its UTF-8 bytes. So no text is unknown to any of them. All but
characters put a space before a text. Unigram writes a space as U+2581, so it takes that character
of a text for a space.

Sources: the paper's BPE (arXiv 2308.02019, section 3); Kudo 2018 for Unigram (arXiv 1804.10959);
Xue et al. 2022 for bytes (ByT5, arXiv 2105.13626).
"""

import json
import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import chain, pairwise
from pathlib import Path

from tokenizers import (
    AddedToken,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

from babyllama.console import print_status
from babyllama.recipe import TokenizerRecipe

PAD, BOS, EOS = "<pad>", "<s>", "</s>"
_SPECIAL = (PAD, BOS, EOS)
_BYTES = tuple(f"<0x{byte:02X}>" for byte in range(256))
_BYTE_SCORE = -100.0  # log-probability: a byte is taken only where no token fits
_MOST_CHARACTERS = 0.5  # of Unigram's vocabulary, so that room is left for longer tokens
LONGEST_WORD = 1000  # characters; the library's time grows with the square of a word's length
_LONG = re.compile(rf"\S{{{LONGEST_WORD + 1}}}|\s{{{LONGEST_WORD + 1}}}")
# No token but "<" itself begins with it: so no text spells a special token or a byte.
UNIGRAM_WORDS = pre_tokenizers.Sequence(
    [pre_tokenizers.Metaspace(), pre_tokenizers.Split("<", "isolated")]
)


def train(recipe: TokenizerRecipe, files: Sequence[Path]) -> Tokenizer:
    """Train a tokenizer on clean text; the special tokens are 0, 1 and 2.

    Words of more than 1,000 characters are cut first; this is printed.

    Raises:
        Exception: the library's only one, if a file is not UTF-8.
    """
    if recipe.kind == "characters":
        return _characters(recipe, files)
    if recipe.kind == "unigram":
        return _unigram(recipe, files)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = _normalizer(recipe)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=recipe.vocab_size,
        min_frequency=recipe.min_frequency,
        special_tokens=list(_SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    if _say_long_words(tokenizer.pre_tokenizer, files):
        tokenizer.train_from_iterator(_cut(tokenizer.pre_tokenizer, _lines(recipe, files)), trainer)
    else:
        tokenizer.train([str(file) for file in files], trainer)
    return tokenizer


def _unigram(recipe: TokenizerRecipe, files: Sequence[Path]) -> Tokenizer:
    """The likeliest tokens; characters beyond the most frequent ones are left to the bytes."""
    room = recipe.vocab_size - len(_SPECIAL) - len(_BYTES)
    known = set(_by_frequency(recipe, files)[: int(_MOST_CHARACTERS * room)])
    learnt = Tokenizer(models.Unigram())
    learnt.pre_tokenizer = UNIGRAM_WORDS
    trainer = trainers.UnigramTrainer(vocab_size=room, show_progress=False)
    _say_long_words(UNIGRAM_WORDS, files)
    lines = _cut(UNIGRAM_WORDS, _lines(recipe, files))
    learnt.train_from_iterator(_of_known(lines, known), trainer)
    scored = [(token, score) for token, score in json.loads(learnt.to_str())["model"]["vocab"]]
    vocabulary = [
        *((token, 0.0) for token in _SPECIAL), *((token, _BYTE_SCORE) for token in _BYTES),
        *scored[:room],
    ]  # fmt: skip
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=0, byte_fallback=True))
    tokenizer.normalizer = _normalizer(recipe)
    tokenizer.pre_tokenizer = UNIGRAM_WORDS
    tokenizer.decoder = decoders.Sequence(
        [decoders.ByteFallback(), decoders.Metaspace(), decoders.Fuse()]
    )
    return _with_special(tokenizer)


def _say_long_words(words: pre_tokenizers.PreTokenizer, files: Sequence[Path]) -> bool:
    """Print how many words are too long to train on uncut; returns whether there are any."""
    count, first = 0, ""
    for file in files:
        with file.open(encoding="utf-8", newline="\n") as text:
            for number, line in enumerate(text, 1):
                found = len(_long_words(words, line))
                first = first or (f"{file}, line {number}" if found else "")
                count += found
    if count:
        print_status(
            f"  words of more than {LONGEST_WORD:,} characters are cut into pieces to train on: "
            f"{count:,}, the first in {first}",
            style="yellow",
        )
    return count > 0


def _long_words(words: pre_tokenizers.PreTokenizer, line: str) -> list[tuple[int, int]]:
    """Where the words that are too long begin and end."""
    if len(line) <= LONGEST_WORD or not _LONG.search(line):
        return []
    places = (place for _, place in words.pre_tokenize_str(line))
    return [(start, end) for start, end in places if end - start > LONGEST_WORD]


def _cut(words: pre_tokenizers.PreTokenizer, lines: Iterable[str]) -> Iterator[str]:
    """Lines cut inside their words that are too long; all others as they are."""
    for line in lines:
        places = _long_words(words, line)
        steps = (range(start + LONGEST_WORD, end, LONGEST_WORD) for start, end in places)
        for start, end in pairwise([0, *chain.from_iterable(steps), len(line)]):
            yield line[start:end]


def _of_known(lines: Iterable[str], known: Container[str]) -> Iterator[str]:
    """Lines cut at characters that are not known."""
    for line in lines:
        yield from filter(None, re.split(r"\0+", "".join(c if c in known else "\0" for c in line)))


def _characters(recipe: TokenizerRecipe, files: Sequence[Path]) -> Tokenizer:
    """A token for each character that is frequent enough, the most frequent first."""
    tokens = [*_SPECIAL, *_BYTES]
    tokens += _by_frequency(recipe, files)[: recipe.vocab_size - len(tokens)]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], byte_fallback=True))
    tokenizer.normalizer = _normalizer(recipe)
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    return _with_special(tokenizer)


def _with_special(tokenizer: Tokenizer) -> Tokenizer:
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in _SPECIAL])
    return tokenizer


def _by_frequency(recipe: TokenizerRecipe, files: Sequence[Path]) -> list[str]:
    """The characters that are frequent enough, the most frequent first."""
    counts: Counter[str] = Counter()
    for line in _lines(recipe, files):
        counts.update(line)
    frequent = (each for each, count in counts.items() if count >= recipe.min_frequency)
    return sorted(frequent, key=lambda each: (-counts[each], each))


def _lines(recipe: TokenizerRecipe, files: Sequence[Path]) -> Iterator[str]:
    """The lines of a text in the Unicode form of the recipe."""
    normalizer = _normalizer(recipe)
    for file in files:
        with file.open(encoding="utf-8", newline="\n") as text:
            for line in text:
                yield normalizer.normalize_str(line) if normalizer else line


def _normalizer(recipe: TokenizerRecipe) -> normalizers.Normalizer | None:
    forms = {"nfkc": normalizers.NFKC, "nfc": normalizers.NFC}
    return forms[recipe.normalization]() if recipe.normalization in forms else None
