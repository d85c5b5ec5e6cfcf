"""Write a clean corpus as token streams.

`train.bin` and `dev.bin` hold bare numbers for a memory map, so a corpus of any size takes no
memory. `*.words.bin` has one byte for each token: how many white-space words begin in it.
`*.documents.npy` holds the index of each document's first token, `tokens.json` the number type,
the layout and the counts. `windows` reads these files.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int64

from babyllama.console import ProgressBar
from babyllama.data.sources import Split, clean_files
from babyllama.data.text_pieces import Layout, Piece, read_documents
from babyllama.data.tokenizer import load_tokenizer, vocabulary_digest
from babyllama.data.word_starts import encode
from babyllama.errors import InputError
from babyllama.recipe import TokensRecipe
from babyllama.runs.files import write_atomically
from babyllama.runs.layout import TOKENS_HEADER, stream_file

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


def tokenize(
    corpus: Path,
    tokenizer: Path,
    recipe: TokensRecipe,
    out: Path,
    *,
    lines_at_once: int = 20_000,
    characters_at_once: int = 2**17,
) -> dict[str, int]:
    """Write a clean corpus as token streams; documents keep the order of files and lines.

    Words are counted as `word_starts` says. Text without any token has no words.

    Args:
        lines_at_once, characters_at_once: how much text is encoded at a time. They do not change
            the output.

    Returns:
        tokens and white-space words of both splits, and the vocabulary's size.

    Raises:
        InputError: a split has no text, a file is not UTF-8, the tokenizer lacks the special
            tokens that the layout needs, or one token covers more than 255 words.
    """
    library = load_tokenizer(tokenizer)
    if recipe.layout == "lines" and None in (library.bos_token_id, library.eos_token_id):
        raise InputError(
            f"{tokenizer} has no token for the start or the end of a text",
            why="The layout `lines` puts one before every line and one after every document.",
            mend="Name its bos_token and eos_token in tokenizer_config.json, or use layout: stream",
        )
    dtype = np.dtype(np.uint16 if len(library) <= 2**16 else np.uint32)
    facts = {"vocab_size": len(library)}
    splits: tuple[Split, ...] = ("train", "dev")
    for split in splits:
        files = clean_files(corpus, split)
        documents = read_documents(
            files,
            recipe.layout,
            library.backend_tokenizer,
            lines_at_once=lines_at_once,
            characters_at_once=characters_at_once,
        )
        size = sum(file.stat().st_size for file in files)
        with ProgressBar(f"tokens {split}", size, "bytes") as bar:
            starts, tokens, words = _write_stream(
                out, split, documents, library, dtype, recipe.layout, bar
            )
        if not words:
            raise InputError(f"{corpus}/{split} holds no text to tokenize")
        np.save(out / f"{split}.documents.npy", np.asarray(starts, np.int64))
        facts |= {f"{split}_tokens": tokens, f"{split}_words": words}
    header = {
        "dtype": dtype.name,
        "layout": recipe.layout,
        "vocabulary_sha256": vocabulary_digest(tokenizer),
        **facts,
    }
    write_atomically(out / TOKENS_HEADER, json.dumps(header, indent=1) + "\n")
    return facts


def _write_stream(
    out: Path,
    split: Split,
    documents: Iterable[Iterable[Piece]],
    library: "PreTrainedTokenizerFast",
    dtype: np.dtype[Any],
    layout: Layout,
    bar: ProgressBar,
) -> tuple[list[int], int, int]:
    """Write a split's tokens and word starts; return where documents start, tokens and words."""
    starts: list[int] = []
    tokens = words = 0
    with (
        stream_file(out, split).open("wb") as stream,
        (out / f"{split}.words.bin").open("wb") as word_file,
    ):
        for pieces in documents:
            starts.append(tokens)
            for piece in pieces:
                ids, word_starts = encode(library, piece)
                _refuse_overflow(word_starts, library)
                stream.write(np.asarray(ids, dtype).tobytes())
                word_file.write(word_starts.astype(np.uint8).tobytes())
                tokens += len(ids)
                words += int(word_starts.sum())
                bar.advance(sum(len(text.encode()) for text in piece.texts))
            if layout == "lines":
                stream.write(np.asarray([library.eos_token_id], dtype).tobytes())
                word_file.write(bytes(1))
                tokens += 1
    return starts, tokens, words


def _refuse_overflow(
    word_starts: Int64[np.ndarray, " tokens"], library: "PreTrainedTokenizerFast"
) -> None:
    most = word_starts.max(initial=0)
    if most > np.iinfo(np.uint8).max:
        raise InputError(
            f"{library.name_or_path} puts {most} words into one token",
            why="The number of words that begin in a token is stored in one byte, so at most 255.",
            mend="Train one that separates words: babyllama tokenizer train CORPUS OUT",
        )
