"""Tokenizers of each kind, trained: BPE, as in the paper, Unigram, characters and bytes.

All but characters look at a text as bytes, so that no text is unknown, and put a space before it.
Characters have no such space; one that the vocabulary lacks is written as its UTF-8 bytes.

Sources: the paper's BPE (arXiv 2308.02019, section 3); Kudo 2018 for Unigram (arXiv 1804.10959);
Xue et al. 2022 for bytes (ByT5, arXiv 2105.13626).
"""

from collections import Counter
from collections.abc import Iterator, Sequence
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

from babyllama.recipe import TokenizerRecipe

PAD, BOS, EOS = "<pad>", "<s>", "</s>"
_SPECIAL = (PAD, BOS, EOS)


def train(recipe: TokenizerRecipe, files: Sequence[Path]) -> Tokenizer:
    """Train a tokenizer on clean text; the special tokens are 0, 1 and 2.

    Raises:
        Exception: the library's only one, if a file is not UTF-8.
    """
    if recipe.kind == "characters":
        return _of_characters(recipe, files)
    tokenizer = Tokenizer(models.Unigram() if recipe.kind == "unigram" else models.BPE())
    tokenizer.normalizer = _normalizer(recipe)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train([str(file) for file in files], _trainer(recipe))
    return tokenizer


def _trainer(recipe: TokenizerRecipe) -> trainers.Trainer:
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    if recipe.kind == "unigram":
        return trainers.UnigramTrainer(
            vocab_size=recipe.vocab_size,
            special_tokens=list(_SPECIAL),
            initial_alphabet=alphabet,
            show_progress=False,
        )
    return trainers.BpeTrainer(
        vocab_size=recipe.vocab_size,
        min_frequency=recipe.min_frequency,
        special_tokens=list(_SPECIAL),
        initial_alphabet=alphabet,
        show_progress=False,
    )


def _of_characters(recipe: TokenizerRecipe, files: Sequence[Path]) -> Tokenizer:
    """A token for each character that is frequent enough, the most frequent first."""
    normalizer = _normalizer(recipe)
    counts: Counter[str] = Counter()
    for line in _lines(files):
        counts.update(normalizer.normalize_str(line) if normalizer else line)
    frequent = sorted(
        (each for each, count in counts.items() if count >= recipe.min_frequency),
        key=lambda each: (-counts[each], each),
    )
    tokens = [*_SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256))]
    tokens += frequent[: recipe.vocab_size - len(tokens)]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], byte_fallback=True))
    tokenizer.normalizer = normalizer
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in _SPECIAL])
    return tokenizer


def _normalizer(recipe: TokenizerRecipe) -> normalizers.Normalizer | None:
    forms = {"nfkc": normalizers.NFKC, "nfc": normalizers.NFC}
    return forms[recipe.normalization]() if recipe.normalization in forms else None


def _lines(files: Sequence[Path]) -> Iterator[str]:
    for file in files:
        with file.open(encoding="utf-8", newline="\n") as text:
            yield from text
