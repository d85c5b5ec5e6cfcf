"""Encode texts, and count the white-space words that begin in each token.

Training counts the words it has seen by these numbers, whichever windows it reads.
"""

import json
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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

_LINE_FEED = "Ċ"  # how ByteLevel writes one
_OLD_SPACES = "\u180e\u200b"  # no spaces any more, but a tokenizer's pattern may be of old Unicode
_PARTS, _SMALLEST_PART = 8, 2**13  # of lines that all cores encode; characters

# The tokens of some texts, and how many words begin in each.
Encoded = tuple[Int64[np.ndarray, " tokens"], Int64[np.ndarray, " tokens"]]
# The same, and how many tokens each text has.
_Sized = tuple[
    Int64[np.ndarray, " tokens"], Int64[np.ndarray, " tokens"], Int64[np.ndarray, " texts"]
]


@dataclass(frozen=True)
class ByteTokens:
    """The tokens of a byte-level BPE that changes a text at most to a Unicode normal form.

    Attributes:
        lengths: how many bytes of UTF-8 each token stands for.
        line_feed: the token of a line feed that stands between two words; None if it is not one
            token, or if spaces beside it would not be words of their own.
        adds_space: whether a space is put before a text that does not begin with one.
        plain: the tokenizer without its normalizer, which is a tenth to a quarter of the work.
    """

    lengths: Int64[np.ndarray, " vocabulary"]
    line_feed: int | None
    adds_space: bool
    plain: Tokenizer


def encode_in_groups(
    tokenizer: "PreTrainedTokenizerFast",
    piece: Piece,
    groups: Sequence[int],
    known: ByteTokens | None = None,
) -> list[Encoded]:
    """Encode texts at once, count the words that begin in each token, and split by group.

    The token for the start of a text precedes each line.

    Args:
        groups: how many texts each group has, in order.
        known: the `byte_tokens`, which make this faster and change nothing.
    """
    ids, words, sizes = _encode(tokenizer, piece, known)
    last_texts = np.cumsum(groups[:-1], dtype=np.int64)
    cuts = np.append(0, np.cumsum(sizes))[last_texts]
    return list(zip(np.split(ids, cuts), np.split(words, cuts), strict=True))


def _encode(tokenizer: "PreTrainedTokenizerFast", piece: Piece, known: ByteTokens | None) -> _Sized:
    texts, backend = piece.texts, tokenizer.backend_tokenizer
    if piece.are_lines:
        texts = [line.rstrip("\n") for line in texts]
    joined = "\n".join(texts)
    refuse_control_tokens(tokenizer, [joined])
    is_normal = known is not None and _is_normal(backend, joined)
    if known and piece.are_lines and len(texts) > 1 and not is_normal:
        return _encode_apart(tokenizer, texts, known)
    if known and is_normal and piece.are_lines:
        encoded = _encode_lines(tokenizer, texts, joined, known)
        if encoded:
            return encoded
    codes = np.frombuffer(joined.encode("utf-32-le"), np.uint32)
    starts = _starts(texts)
    ends = None
    if known and is_normal:
        found = known.plain.encode_batch_fast(texts, add_special_tokens=False)
        ids, sizes = _flat([text.ids for text in found])
        ends = _ends_by_length(known.lengths[ids], sizes, codes, starts)
    if ends is None:
        found = backend.encode_batch(texts, add_special_tokens=False)
        ids, sizes = _flat([text.ids for text in found])
        within, _ = _flat([[end for _, end in text.offsets] for text in found])
        ends = within + np.repeat(starts, sizes)
    if piece.are_lines:  # <s> ends where its line starts, so no word begins in it
        first = np.cumsum(sizes) - sizes
        ids, ends = np.insert(ids, first, tokenizer.bos_token_id), np.insert(ends, first, starts)
        sizes = sizes + 1
    return ids, _count_word_starts(codes, starts, sizes, ends), sizes


def _encode_apart(
    tokenizer: "PreTrainedTokenizerFast", lines: Sequence[str], known: ByteTokens
) -> _Sized:
    """Encode lines of which some are not in the normal form: the others in the fast way."""
    is_normal = [_is_normal(tokenizer.backend_tokenizer, line) for line in lines]
    found: dict[bool, Iterator[Encoded]] = {}
    for kind in {*is_normal}:
        of_kind = [line for line, each in zip(lines, is_normal, strict=True) if each is kind]
        whole = Piece(of_kind, are_lines=True)
        alone = [1] * len(of_kind)
        found[kind] = iter(encode_in_groups(tokenizer, whole, alone, known if kind else None))
    ids, words = zip(*(next(found[each]) for each in is_normal), strict=True)
    return np.concatenate(ids), np.concatenate(words), np.array([len(line) for line in ids])


def _encode_lines(
    tokenizer: "PreTrainedTokenizerFast", lines: Sequence[str], joined: str, known: ByteTokens
) -> _Sized | None:
    """Encode lines as a few long texts, in which each line follows a line feed.

    In GPT-2's pattern a line feed without spaces beside it is a word of its own, so each line has
    the tokens that it has alone. The token of its line feed becomes the token for the start of a
    text. The library has one list of tokens to make instead of one for each line.

    Args:
        joined: the lines joined with line feeds, in the normal form.

    Returns:
        None if the lines must be encoded one by one: one is empty, or begins or ends with a space.
    """
    text = f"\n{joined}"
    if known.line_feed is None or not all(lines) or [*map(str.strip, lines)] != [*lines]:
        return None
    if any(each in joined for each in _OLD_SPACES):
        return None
    if known.adds_space:
        text = text.replace("\n", "\n ")
    parts = _parts_of_lines(text)
    found = known.plain.encode_batch_fast(parts, add_special_tokens=False)
    ids = np.concatenate([np.array([known.line_feed, *part.ids], np.int64) for part in found])
    ends = np.cumsum(known.lengths[ids])
    begins = ids == known.line_feed
    if int(begins.sum()) != len(lines) or ends[-1] != len(text.encode()):
        return None
    ids[begins] = tokenizer.bos_token_id
    sizes = np.diff(np.append(np.flatnonzero(begins), len(ids)))
    return ids, _word_starts_in_bytes(text, ends), sizes


def _parts_of_lines(text: str) -> list[str]:
    """Cut a text at line feeds into about equal parts without these, so that all cores encode it.

    Args:
        text: begins with a line feed.
    """
    size, parts, start = max(len(text) // _PARTS + 1, _SMALLEST_PART), [], 0
    while start < len(text):
        end = text.find("\n", start + size)
        end = len(text) if end < 0 else end
        parts.append(text[start + 1 : end])
        start = end
    return parts


def _word_starts_in_bytes(
    text: str, ends: Int64[np.ndarray, " tokens"]
) -> Int64[np.ndarray, " tokens"]:
    """Count the words that begin in each token: at the first that ends after the word's first byte.

    Args:
        ends: for each token, the number of bytes of the text before its end; the last token's are
            all bytes.
    """
    codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    is_space = IS_SPACE[np.minimum(codes, len(IS_SPACE) - 1)]
    words = np.flatnonzero(~is_space[1:] & is_space[:-1]) + 1  # the text begins with a line feed
    if ends[-1] != len(codes):  # some characters have several bytes
        sizes = 1 + (codes >= 0x80) + (codes >= 0x800) + (codes >= 0x10000)
        words = (np.cumsum(sizes, dtype=np.int64) - sizes)[words]
    return np.bincount(np.searchsorted(ends, words, side="right"), minlength=len(ends))


def byte_tokens(tokenizer: "PreTrainedTokenizerFast") -> ByteTokens | None:
    """How many bytes each token stands for; None if that depends on the text."""
    backend = tokenizer.backend_tokenizer
    added = backend.get_added_tokens_decoder()
    words = backend.pre_tokenizer
    if not (
        isinstance(words, pre_tokenizers.ByteLevel)
        and isinstance(backend.model, models.BPE)
        and (backend.normalizer is None or _form(backend))
        and all(token.special for token in added.values())  # they are encoded as text
    ):
        return None
    vocabulary = backend.get_vocab(with_added_tokens=False)
    line_feed = vocabulary.get(_LINE_FEED) if words.use_regex else None
    lengths = np.zeros(backend.get_vocab_size(), np.int64)
    for token, number in vocabulary.items():
        lengths[number] = len(token)  # ByteLevel writes a byte as a character
    plain = Tokenizer.from_str(json.dumps(json.loads(backend.to_str()) | {"normalizer": None}))
    plain.encode_special_tokens = backend.encode_special_tokens
    return ByteTokens(lengths, line_feed, bool(words.add_prefix_space), plain)


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
    tokenizer: "PreTrainedTokenizerFast", ids: Int64[np.ndarray, " tokens"]
) -> UInt8[np.ndarray, " tokens"]:
    """The words that begin in each token of a stream of which the text is not known.

    A token's text is what it adds to the text of a token before it. No word begins in a special
    token, and a new word may begin after it. At most 255 words are counted in a token.
    """
    texts = token_texts(tokenizer, np.unique(ids).tolist())
    special = set(tokenizer.all_special_ids)
    lines: list[list[str]] = [[]]
    for token in ids.tolist():
        if token in special and lines[-1]:
            lines.append([])
        lines[-1].append("" if token in special else texts[token])
    ends = [[*accumulate(map(len, line))] for line in lines]
    counted = count_word_starts(["".join(line) for line in lines], ends)
    words: UInt8[np.ndarray, " tokens"] = np.minimum(counted, 255).astype(np.uint8)
    return words


def token_texts(tokenizer: "PreTrainedTokenizerFast", tokens: Sequence[int]) -> dict[int, str]:
    """The text that each token adds after another one; at the start, a space could be lost."""
    before = tokenizer.encode("a", add_special_tokens=False)[:1]
    skipped = len(tokenizer.decode(before))
    return {token: tokenizer.decode([*before, token])[skipped:] for token in tokens}
