"""Tokens of texts, and how many white-space words begin in each token.

Training counts the words it has seen by these numbers, whichever windows it reads.
"""

from collections.abc import Sequence
from itertools import accumulate, chain
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int64, UInt8

from babyllama.data.text_pieces import Piece
from babyllama.data.tokenizer import refuse_control_tokens

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

# The characters that str.split() splits at. The ideographic space, 0x3000, is the last of them.
IS_SPACE = np.array([chr(code).isspace() for code in range(0x3002)])


# The tokens of some texts, and how many words begin in each.
Encoded = tuple[list[int], Int64[np.ndarray, " tokens"]]


def encode(library: "PreTrainedTokenizerFast", piece: Piece) -> Encoded:
    """Encode some texts; also count the words that begin in each token.

    The token for the start of a text precedes each line.
    """
    texts, first = piece.texts, []
    if piece.are_lines:
        texts, first = [line.rstrip("\n") for line in texts], [library.bos_token_id]
    refuse_control_tokens(library, texts)
    encoded = library.backend_tokenizer.encode_batch(texts, add_special_tokens=False)
    ids = [token for text in encoded for token in chain(first, text.ids)]
    # <s> ends where its line starts, so no word begins in it.
    ends = [[*(0 for _ in first), *(end for _, end in text.offsets)] for text in encoded]
    return ids, count_word_starts(texts, ends)


def count_word_starts(
    texts: Sequence[str], ends: Sequence[Sequence[int]]
) -> Int64[np.ndarray, " tokens"]:
    """Count the white-space words that begin in each token; the tokens of all texts in a row.

    A word counts at the first token that ends after the word's first character. If no token of its
    text does, the word counts at the last token before it; without any token before it, nowhere.

    Args:
        ends: for each token of each text, the index of the character after its last one. Tokens
            that share a character have the same end; the word counts at the first of them.
    """
    joined = "\n".join(texts)
    codes = np.frombuffer(joined.encode("utf-32-le"), np.uint32)
    is_space = IS_SPACE[np.minimum(codes, len(IS_SPACE) - 1)]
    words = np.flatnonzero(~is_space & np.append(True, is_space[:-1])[: len(is_space)])

    starts = np.fromiter(accumulate((len(text) + 1 for text in texts[:-1]), initial=0), np.int64)
    sizes = np.fromiter(map(len, ends), np.int64)
    reach = np.fromiter(chain.from_iterable(ends), np.int64) + np.repeat(starts, sizes)
    # NFKC turns some characters (U+FDFA) into several words. The spaces between these words end
    # where the character starts, so ends may fall.
    tokens = np.searchsorted(np.maximum.accumulate(reach), words, side="right")
    last = (np.cumsum(sizes) - 1)[np.searchsorted(starts, words, side="right") - 1]
    tokens = np.minimum(tokens, last)
    return np.bincount(tokens[tokens >= 0], minlength=len(reach))


def words_in_tokens(
    library: "PreTrainedTokenizerFast", ids: Int64[np.ndarray, " tokens"]
) -> UInt8[np.ndarray, " tokens"]:
    """The words that begin in each token of a stream of which the text is not known.

    A token's text is what it adds to the text of a token before it. No word begins in a special
    token, and a new word may begin after it. At most 255 words are counted in a token.
    """
    texts = _token_texts(library, np.unique(ids).tolist())
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


def _token_texts(library: "PreTrainedTokenizerFast", tokens: Sequence[int]) -> dict[int, str]:
    """The text that each token adds after another one; at the start, a space could be lost."""
    before = library.encode("a", add_special_tokens=False)[:1]
    skipped = len(library.decode(before))
    return {token: library.decode([*before, token])[skipped:] for token in tokens}
