"""The token stream on disk, and the windows that models read from it.

`train.bin` and `dev.bin` are bare numbers, memory-mapped: a corpus of any size takes no memory.
`*.words.bin` has a byte for each token: how many white-space words begin in it, so that training
counts the words it saw. `*.documents.npy` says at which token each document starts, `tokens.json`
how to read the rest.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import accumulate, chain, groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int64
from tokenizers import Tokenizer, normalizers, pre_tokenizers

from babyllama.console import ProgressBar
from babyllama.data.tokenizer import load_tokenizer, vocabulary_digest
from babyllama.errors import InputError
from babyllama.recipe import (
    TokensRecipe,
)
from babyllama.runs.artefact import write_atomically

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_LINES_AT_ONCE = 20_000
_CHARACTERS_AT_ONCE = 2**17
# What str.split() splits at; beyond the ideographic space there is none.
_IS_SPACE = np.array([chr(code).isspace() for code in range(0x3002)])


def tokenize(corpus: Path, tokenizer: Path, recipe: TokensRecipe, out: Path) -> dict[str, int]:
    """Write a clean corpus as token streams; documents keep the order of files and of lines.

    A word counts at the first token that reaches past the word's first character. Where none does,
    because the tokenizer drops all that is left of a line (of a file, under `stream`), it counts
    at the last token before; text that has no token at all has no words either.

    Returns:
        tokens and white-space words of both splits.

    Raises:
        InputError: a split without text, text that is not UTF-8, a tokenizer without the tokens
            that the layout asks for, or one that makes one token of more than 255 words.
    """
    library = load_tokenizer(tokenizer)
    if recipe.layout == "lines" and None in (library.bos_token_id, library.eos_token_id):
        raise InputError(
            f"{tokenizer} has no token for the start or the end of a text",
            why="Under the layout `lines` one stands before every line, one after every document.",
            mend="Name its bos_token and eos_token in tokenizer_config.json, or use layout: stream",
        )
    dtype = np.uint16 if len(library) <= 2**16 else np.uint32
    facts = {"vocab_size": len(library)}
    for split in ("train", "dev"):
        files = sorted((corpus / split).glob("*.txt"))
        size = sum(file.stat().st_size for file in files)
        starts, position, words = [], 0, 0
        with (
            (out / f"{split}.bin").open("wb") as stream,
            (out / f"{split}.words.bin").open("wb") as begun,
            ProgressBar(f"tokens {split}", size, "bytes") as bar,
        ):
            for pieces in _documents(files, recipe.layout, library.backend_tokenizer):
                starts.append(position)
                for piece in pieces:
                    ids, counts = _encode(library, piece, recipe.layout)
                    _refuse_more_than_a_byte_holds(counts, tokenizer)
                    stream.write(np.asarray(ids, dtype).tobytes())
                    begun.write(counts.astype(np.uint8).tobytes())
                    position += len(ids)
                    words += int(counts.sum())
                    bar.advance(sum(len(text.encode()) for text in piece))
                if recipe.layout == "lines":
                    stream.write(np.asarray([library.eos_token_id], dtype).tobytes())
                    begun.write(bytes(1))
                    position += 1
        if not words:
            raise InputError(f"{corpus}/{split} holds no text to tokenize")
        np.save(out / f"{split}.documents.npy", np.asarray(starts, np.int64))
        facts |= {f"{split}_tokens": position, f"{split}_words": words}
    header = {
        "dtype": np.dtype(dtype).name,
        "layout": recipe.layout,
        "vocabulary_sha256": vocabulary_digest(tokenizer),
        **facts,
    }
    write_atomically(out / "tokens.json", json.dumps(header, indent=1) + "\n")
    return facts


def _documents(
    files: Iterable[Path], layout: str, tokenizer: Tokenizer
) -> Iterator[Iterator[Sequence[str]]]:
    """The pieces of each document, small enough to hold: some lines, or some text under `stream`.

    Blank lines part documents; under `stream` a file is one document.
    """
    for file in files:
        if layout == "stream":
            blocks = _read(file, by_line=False)
            texts = _cut(blocks) if _may_be_cut(tokenizer) else iter(["".join(blocks)])
            yield ([text] for text in texts)
            continue
        for has_text, lines in groupby(_read(file, by_line=True), lambda line: bool(line.strip())):
            if has_text:
                yield _groups(lines)


def _groups(lines: Iterator[str]) -> Iterator[list[str]]:
    while group := list(islice(lines, _LINES_AT_ONCE)):
        yield group


def _may_be_cut(tokenizer: Tokenizer) -> bool:
    """Whether text cut before a space, after a letter or digit, has the tokens of the whole text.

    So it is where GPT-2's pattern cuts words before merges are sought: a word has no space but
    at its start, and a later piece, which starts with one, is given no other. Ours is such a
    tokenizer; of others we cannot say, and their files are read whole.
    """
    words, normal = tokenizer.pre_tokenizer, tokenizer.normalizer
    return (
        isinstance(words, pre_tokenizers.ByteLevel)
        and bool(words.use_regex)
        and (normal is None or isinstance(normal, normalizers.NFKC | normalizers.NFC))
        and all(" " not in str(added) for added in tokenizer.get_added_tokens_decoder().values())
    )


def _cut(blocks: Iterable[str]) -> Iterator[str]:
    """The same text in other pieces, each but the first beginning with a space after a word."""
    text = ""
    for block in blocks:
        text += block
        space = text.rfind(" ")
        while space > 0 and not text[space - 1].isalnum():
            space = text.rfind(" ", 0, space)
        if space > 0:
            yield text[:space]
            text = text[space:]
    yield text


def _read(file: Path, *, by_line: bool) -> Iterator[str]:
    try:
        with file.open(encoding="utf-8", newline="\n") as text:
            yield from text if by_line else iter(partial(text.read, _CHARACTERS_AT_ONCE), "")
    except UnicodeDecodeError:
        raise InputError(
            f"{file} is not UTF-8 text", mend="Clean the text first: babyllama corpus clean SRC OUT"
        ) from None


def _encode(
    library: "PreTrainedTokenizerFast", piece: Sequence[str], layout: str
) -> tuple[list[int], Int64[np.ndarray, " tokens"]]:
    """The tokens of some texts, and how many words begin in each."""
    texts, first = piece, []
    if layout == "lines":
        texts, first = [line.rstrip("\n") for line in piece], [library.bos_token_id]
    encoded = library.backend_tokenizer.encode_batch(texts, add_special_tokens=False)
    ids = [token for text in encoded for token in chain(first, text.ids)]
    # <s> ends where its line starts, so no word begins in it.
    ends = [[*(0 for _ in first), *(end for _, end in text.offsets)] for text in encoded]
    return ids, _words_begun(texts, ends)


def _words_begun(
    texts: Sequence[str], ends: Sequence[Sequence[int]]
) -> Int64[np.ndarray, " tokens"]:
    """How many white-space words begin in each token, the tokens of all texts in a row.

    Args:
        ends: for each token of each text, the character of that text behind its last. Tokens that
            share a character end together; the first of them has the word.
    """
    joined = "\n".join(texts)
    codes = np.frombuffer(joined.encode("utf-32-le"), np.uint32)
    is_space = _IS_SPACE[np.minimum(codes, len(_IS_SPACE) - 1)]
    words = np.flatnonzero(~is_space & np.append(True, is_space[:-1])[: len(is_space)])

    firsts = np.fromiter(accumulate((len(text) + 1 for text in texts[:-1]), initial=0), np.int64)
    sizes = np.fromiter(map(len, ends), np.int64)
    reach = np.fromiter(chain.from_iterable(ends), np.int64) + np.repeat(firsts, sizes)
    # One character may become words (NFKC of U+FDFA); the spaces between end where it starts.
    tokens = np.searchsorted(np.maximum.accumulate(reach), words, side="right")
    last = (np.cumsum(sizes) - 1)[np.searchsorted(firsts, words, side="right") - 1]
    tokens = np.minimum(tokens, last)
    return np.bincount(tokens[tokens >= 0], minlength=len(reach))


def _refuse_more_than_a_byte_holds(counts: Int64[np.ndarray, " tokens"], tokenizer: Path) -> None:
    most = counts.max(initial=0)
    if most > np.iinfo(np.uint8).max:
        raise InputError(
            f"{tokenizer} makes one token of {most} words",
            why="How many words begin in a token is kept in one byte, up to 255.",
            mend="Train one that parts words: babyllama tokenizer train CORPUS OUT",
        )
