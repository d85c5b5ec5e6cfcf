"""Small corpora, tokenizers and token streams on disk, and what is in them."""

import json
from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from babyllama.data.tokenizer import train_tokenizer
from babyllama.data.windows import read_header
from babyllama.recipe import TokenizerRecipe

TALES = """The quick brown fox jumps over the lazy dog.
The dog does not jump.

Füchse springen über Hunde.  It's 12 o'clock!

\t
狐狸跳过懒狗。 🦊
"""
TALKS = "the dog    jumps\nthe fox doesn't"

SPACES = [" ", "  ", "\n", "\t", "\r\n", "\u3000", "\u00a0"]
WORDS = ["the", "dog", "'", "'s", "'t", "12", "½", "ﬁ", "狐狸", "🦊", ".", "!?", "<s>", "</s>"]
MARKS = ["é", "e\u0301", "\u0301", "¨", "\ufdfa"]  # what NFKC takes apart or joins
texts = st.lists(st.sampled_from(SPACES + WORDS + MARKS), max_size=30).map("".join) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=30
)


def put_tales(folder: Path) -> Path:
    """A corpus of two files in `corpus/` and its tokenizer in `tokenizer/`."""
    for split in ("train", "dev"):
        (folder / "corpus" / split).mkdir(parents=True)
        (folder / "corpus" / split / "tales.txt").write_text(TALES, encoding="utf-8")
        (folder / "corpus" / split / "talks.txt").write_text(TALKS, encoding="utf-8")
    # Every pair of the text is merged, so a word that was split in two would show.
    recipe = TokenizerRecipe(vocab_size=1000, min_frequency=1)
    train_tokenizer(folder / "corpus", recipe, folder / "tokenizer")
    return folder


def put_corpus(folder: Path, text: str) -> Path:
    """A corpus whose two splits are one file with the same text."""
    for split in ("train", "dev"):
        (folder / split).mkdir(parents=True)
        (folder / split / "a.txt").write_bytes(text.encode())
    return folder


def put_stream(folder: Path, count: int, *, dtype: str = "uint16", **header: str) -> Path:
    """A folder of tokens 0, 1, 2 ... without any text behind it."""
    folder.mkdir(exist_ok=True)
    for split in ("train", "dev"):
        np.arange(count, dtype=dtype).tofile(folder / f"{split}.bin")
        (np.arange(count) * 7 % 5).astype(np.uint8).tofile(folder / f"{split}.words.bin")
    (folder / "tokens.json").write_text(json.dumps({"dtype": dtype, **header}), encoding="utf-8")
    return folder


def stream(folder: Path, split: str = "train") -> list[int]:
    """The token ids of a split."""
    header = read_header(folder)
    return np.fromfile(folder / f"{split}.bin", header["dtype"]).tolist()


def word_starts(folder: Path, split: str = "train") -> list[int]:
    """How many words begin in each token of a split."""
    return np.fromfile(folder / f"{split}.words.bin", np.uint8).tolist()


def word_tokenizer(folder: Path, size: int) -> Path:
    """A tokenizer that knows the words w3, w4 ... and has `size` tokens in all."""
    vocab = {"<s>": 0, "</s>": 1, "<unk>": 2} | {f"w{index}": index for index in range(3, size)}
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return _save(tokenizer, folder)


def dropping_tokenizer(folder: Path) -> Path:
    """A tokenizer of words that removes every x first."""
    tokenizer = Tokenizer(models.WordLevel({"<s>": 0, "</s>": 1, "<unk>": 2}, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Replace("x", "")
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return _save(tokenizer, folder)


def _save(tokenizer: Tokenizer, folder: Path) -> Path:
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder)
    return folder
