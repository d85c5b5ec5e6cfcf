"""The tokenizer: byte-level BPE trained on the clean training text, in a Hugging Face folder.

Source: the paper's settings (arXiv 2308.02019, section 3): NFKC, a leading space, 16,000 tokens,
merges of pairs seen at least twice, `<pad> <s> </s>` as ids 0, 1, 2.
"""

import hashlib
import json
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

from babyllama.errors import InputError
from babyllama.recipe import TokenizerRecipe

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

PAD, BOS, EOS = "<pad>", "<s>", "</s>"


def train_tokenizer(corpus: Path, recipe: TokenizerRecipe, out: Path) -> dict[str, int]:
    """Train on `corpus/train/*.txt` and write a folder that `AutoTokenizer` loads.

    Returns:
        `vocab_size`, which is smaller than the recipe's if the text has too few pairs.

    Raises:
        InputError: no training text, or a file that is not UTF-8.
    """
    files = sorted((corpus / "train").glob("*.txt"))
    if not files:
        raise InputError(
            f"{corpus}/train holds no .txt file to train a tokenizer on",
            mend="Make one: babyllama corpus clean SRC CORPUS",
        )
    tokenizer = _untrained()
    trainer = trainers.BpeTrainer(
        vocab_size=recipe.vocab_size,
        min_frequency=recipe.min_frequency,
        special_tokens=[PAD, BOS, EOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    try:
        tokenizer.train([str(file) for file in files], trainer)
    except Exception as error:  # the library's only exception
        raise InputError(
            f"{corpus}/train cannot be read: {error}",
            mend="Clean the text first: babyllama corpus clean SRC CORPUS",
        ) from None
    _as_hugging_face(tokenizer).save_pretrained(out)
    return {"vocab_size": tokenizer.get_vocab_size()}


def load_tokenizer(folder: Path) -> "PreTrainedTokenizerFast":
    """Load a tokenizer folder: ours, or any fast Hugging Face tokenizer.

    Raises:
        InputError: the folder has no tokenizer, or one that cannot be read.
    """
    from transformers import AutoTokenizer

    if not (folder / "tokenizer.json").is_file():
        raise InputError(
            f"{folder} holds no tokenizer.json",
            why="A fast Hugging Face tokenizer is stored in this file.",
            mend="Train one: babyllama tokenizer train CORPUS OUT",
        )
    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # the library raises many kinds
        raise InputError(
            f"{folder}/tokenizer.json cannot be read: {error}",
            mend="Train it again: babyllama tokenizer train CORPUS OUT",
        ) from None


def differing_tokens(one: Path, other: Path, *, most: int = 3) -> list[str]:
    """Describe the first ids that mean different tokens in two tokenizers; empty if none do."""
    first, second = (
        {token_id: token for token, token_id in load_tokenizer(folder).get_vocab().items()}
        for folder in (one, other)
    )
    differing = (
        token_id
        for token_id in sorted(first.keys() | second.keys())
        if first.get(token_id) != second.get(token_id)
    )
    return [
        f"{token_id} is {_quoted(first.get(token_id))} in one and "
        f"{_quoted(second.get(token_id))} in the other"
        for token_id in islice(differing, most)
    ]


def vocabulary_digest(folder: Path) -> str:
    """sha256 of all tokens with their ids: equal if ids mean the same in both tokenizers."""
    vocabulary = sorted(load_tokenizer(folder).get_vocab().items())
    return hashlib.sha256(json.dumps(vocabulary).encode()).hexdigest()


def _quoted(token: str | None) -> str:
    return "no token" if token is None else repr(token)


def _untrained() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _as_hugging_face(tokenizer: Tokenizer) -> "PreTrainedTokenizerFast":
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=PAD, bos_token=BOS, eos_token=EOS
    )
