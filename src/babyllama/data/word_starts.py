"""Tokens of texts, and how many white-space words begin in each token.

Training counts the words it has seen by these numbers, whichever windows it reads.
"""

import unicodedata
from collections.abc import Sequence
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Int64, UInt8, UInt32
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from babyllama.data.text_pieces import Piece
from babyllama.data.tokenizer import refuse_control_tokens

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

# The characters that str.split() splits at. The ideographic space, 0x3000, is the last of them.
IS_SPACE = np.array([chr(code).isspace() for code in range(0x3002)])

# The tokens of some texts, and how many words begin in each.
Encoded = tuple[Int64[np.ndarray, " tokens"], Int64[np.ndarray, " tokens"]]


def encode(
    library: "PreTrainedTokenizerFast",
    piece: Piece,
    lengths: Int64[np.ndarray, " vocabulary"] | None = None,
) -> Encoded:
    """Encode some texts; also count the words that begin in each token.

    The token for the start of a text precedes each line.

    Args:
        lengths: the `bytes_of_tokens`, which make this faster and change nothing.
    """
    texts, backend = piece.texts, library.backend_tokenizer
    if piece.are_lines:
        texts = [line.rstrip("\n") for line in texts]
    refuse_control_tokens(library, texts)
    joined = "\n".join(texts)
    codes = np.frombuffer(joined.encode("utf-32-le"), np.uint32)
    starts = _starts(texts)
    ends = None
    if lengths is not None and _is_normal(backend, joined):
        found = backend.encode_batch_fast(texts, add_special_tokens=False)
        ids, sizes = _flat([text.ids for text in found])
        ends = _ends_by_length(lengths[ids], sizes, codes, starts)
    if ends is None:
        found = backend.encode_batch(texts, add_special_tokens=False)
        ids, sizes = _flat([text.ids for text in found])
        within, _ = _flat([[end for _, end in text.offsets] for text in found])
        ends = within + np.repeat(starts, sizes)
    if piece.are_lines:  # <s> ends where its line starts, so no word begins in it
        first = np.cumsum(sizes) - sizes
        ids, ends = np.insert(ids, first, library.bos_token_id), np.insert(ends, first, starts)
        sizes = sizes + 1
    return ids, _count_word_starts(codes, starts, sizes, ends)


def bytes_of_tokens(
    library: "PreTrainedTokenizerFast",
) -> Int64[np.ndarray, " vocabulary"] | None:
    """How many bytes of UTF-8 each token stands for; None if that is not the same in every text.

    It is for byte-level BPE that changes a text at most to a Unicode normal form.
    """
    backend = library.backend_tokenizer
    added = backend.get_added_tokens_decoder()
    if not (
        isinstance(backend.pre_tokenizer, pre_tokenizers.ByteLevel)
        and isinstance(backend.model, models.BPE)
        and (backend.normalizer is None or _form(backend))
        and all(token.special for token in added.values())  # they are encoded as text
    ):
        return None
    lengths = np.zeros(backend.get_vocab_size(), np.int64)
    for token, number in backend.get_vocab(with_added_tokens=False).items():
        lengths[number] = len(token)  # ByteLevel writes a byte as a character
    return lengths


def _form(backend: Tokenizer) -> Literal["NFC", "NFKC"] | None:
    """The normal form into which a tokenizer brings a text, if it does nothing else to it."""
    if isinstance(backend.normalizer, normalizers.NFKC):
        return "NFKC"
    return "NFC" if isinstance(backend.normalizer, normalizers.NFC) else None


def _is_normal(backend: Tokenizer, text: str) -> bool:
    """Whether the tokenizer's normalizer leaves a text as it is."""
    form = _form(backend)
    return form is None or text.isascii() or unicodedata.is_normalized(form, text)


def _starts(texts: Sequence[str]) -> Int64[np.ndarray, " texts"]:
    """Where each text starts among the characters of all, joined with line ends."""
    return np.fromiter(accumulate((len(text) + 1 for text in texts[:-1]), initial=0), np.int64)


def _flat(
    values: Sequence[Sequence[int]],
) -> tuple[Int64[np.ndarray, " all"], Int64[np.ndarray, " lists"]]:
    """The values of all lists in a row, and how many each has."""
    sizes = np.fromiter(map(len, values), np.int64, len(values))
    return np.fromiter(chain.from_iterable(values), np.int64, int(sizes.sum())), sizes


def _ends_by_length(
    lengths: Int64[np.ndarray, " tokens"],
    sizes: Int64[np.ndarray, " texts"],
    codes: UInt32[np.ndarray, " characters"],
    starts: Int64[np.ndarray, " texts"],
) -> Int64[np.ndarray, " tokens"] | None:
    """Where each token ends: the index of the character after its last one.

    Args:
        lengths: bytes of each token of all texts in a row; the space that is put before a text
            counts.
        codes: the characters of the texts, joined with line ends.
        starts: where each text starts among them.

    Returns:
        None if the lengths do not add up to the texts.
    """
    of_characters = 1 + (codes >= 0x80) + (codes >= 0x800) + (codes >= 0x10000)
    after = np.append(0, np.cumsum(of_characters, dtype=np.int64))  # bytes before each character
    text_ends = np.append(starts[1:] - 1, len(codes))
    in_tokens = np.append(0, np.cumsum(lengths))
    last = np.cumsum(sizes)
    extra = in_tokens[last] - in_tokens[last - sizes] - (after[text_ends] - after[starts])
    if ((extra != 0) & (extra != 1)).any():
        return None
    shift = after[starts] - in_tokens[last - sizes] - extra
    reach: Int64[np.ndarray, " tokens"] = in_tokens[1:] + np.repeat(shift, sizes)
    if after[-1] == len(codes):  # one byte a character
        return reach
    # A token that ends within a character shares it, and its offsets end after it.
    ends: Int64[np.ndarray, " tokens"] = np.searchsorted(after, reach)
    return ends


def _count_word_starts(
    codes: UInt32[np.ndarray, " characters"],
    starts: Int64[np.ndarray, " texts"],
    sizes: Int64[np.ndarray, " texts"],
    ends: Int64[np.ndarray, " tokens"],
) -> Int64[np.ndarray, " tokens"]:
    """Count the white-space words that begin in each token; the tokens of all texts in a row.

    A word counts at the first token that ends after the word's first character. If no token of its
    text does, the word counts at the last token before it; without any token before it, nowhere.

    Args:
        codes: the characters of the texts, joined with line ends.
        starts: where each text starts among them.
        sizes: how many tokens each text has.
        ends: for each token, the index of the character after its last one. Tokens that share a
            character have the same end; the word counts at the first of them.
    """
    is_space = IS_SPACE[np.minimum(codes, len(IS_SPACE) - 1)]
    words = np.flatnonzero(~is_space & np.append(True, is_space[:-1])[: len(is_space)])
    # NFKC turns some characters (U+FDFA) into several words. The spaces between these words end
    # where the character starts, so ends may fall.
    tokens = np.searchsorted(np.maximum.accumulate(ends), words, side="right")
    last = (np.cumsum(sizes) - 1)[np.searchsorted(starts, words, side="right") - 1]
    tokens = np.minimum(tokens, last)
    return np.bincount(tokens[tokens >= 0], minlength=len(ends))


def count_word_starts(
    texts: Sequence[str], ends: Sequence[Sequence[int]]
) -> Int64[np.ndarray, " tokens"]:
    """Count the white-space words that begin in each token; the tokens of all texts in a row.

    Args:
        ends: for each token of each text, the index of the character after its last one.
    """
    codes = np.frombuffer("\n".join(texts).encode("utf-32-le"), np.uint32)
    starts = _starts(texts)
    within, sizes = _flat(ends)
    return _count_word_starts(codes, starts, sizes, within + np.repeat(starts, sizes))


def words_in_tokens(
    library: "PreTrainedTokenizerFast", ids: Int64[np.ndarray, " tokens"]
) -> UInt8[np.ndarray, " tokens"]:
    """The words that begin in each token of a stream of which the text is not known.

    A token's text is what it adds to the text of a token before it. No word begins in a special
    token, and a new word may begin after it. At most 255 words are counted in a token.
    """
    texts = token_texts(library, np.unique(ids).tolist())
    special = set(library.all_special_ids)
    lines: list[list[str]] = [[]]
    for token in ids.tolist():
        if token in special and lines[-1]:
            lines.append([])
        lines[-1].append("" if token in special else texts[token])
    ends = [[*accumulate(map(len, line))] for line in lines]
    counted = count_word_starts(["".join(line) for line in lines], ends)
    words: UInt8[np.ndarray, " tokens"] = np.minimum(counted, 255).astype(np.uint8)
    return words


def token_texts(library: "PreTrainedTokenizerFast", tokens: Sequence[int]) -> dict[int, str]:
    """The text that each token adds after another one; at the start, a space could be lost."""
    before = library.encode("a", add_special_tokens=False)[:1]
    skipped = len(library.decode(before))
    return {token: library.decode([*before, token])[skipped:] for token in tokens}
