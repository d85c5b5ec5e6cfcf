"""How a tokenizer cuts the texts of a corpus: for choosing one, and for noticing a wrong one."""

import re
from collections.abc import Iterator
from functools import cache
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int64
from tokenizers import decoders

from babyllama.data.raw_text import read_chunks
from babyllama.data.sources import Domain, Split, read_split
from babyllama.data.tokenizer import load_tokenizer
from babyllama.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

SHOWN = 20  # tokens of each list
_LINES_AT_ONCE = 10_000
_MOST_UNUSED = 0.5  # of the vocabulary, without a word to the user
_MOST_BYTES = 0.5  # of the tokens of a text, likewise
_FEWEST = 1000  # tokens; smaller vocabularies have not much more than the bytes
_BYTE_FALLBACK = re.compile("<0x[0-9A-F]{2}>")
_SPACE = "\u2581"  # how Unigram and SentencePiece write one
_COUNTS = ("words", "characters", "bytes", "tokens", "unknown")


def tokenizer_statistics(tokenizer: Path, corpus: Path, split: Split = "train") -> dict[str, Any]:
    """Encode a corpus, line by line, and count.

    Returns:
        `vocab_size`; `domains` (name to counts) and `total`. The counts: `words` (between white
        space), `characters`, `bytes` (UTF-8), `tokens`, `unknown` (tokens for text that the
        tokenizer cannot write), `tokens_per_word` (the fertility), `characters_per_token`,
        `bytes_per_token`, and `used`, how many different tokens occur. For all of the text also
        `most_used` and `least_used` (pairs of a token and its count; of those that occur) and
        `never_used`, the number of tokens that do not occur, special ones left out; and
        `warnings`, what `doubts_about` says.

    Raises:
        InputError: the split has no text; what `load_tokenizer`, `read_split` and `read_blocks`
            raise.
    """
    loaded = load_tokenizer(tokenizer)
    domains = read_split(corpus, split)
    if not domains:
        raise InputError(
            f"{corpus} has no {split} text", mend="Leave out --split, or name another corpus."
        )
    total = np.zeros(len(loaded), np.int64)
    rows: dict[str, dict[str, float]] = {}
    for domain in domains:
        used, counts = _encoded(loaded, domain)
        total += used
        rows[domain.name] = _ratios(counts, used)
    sums = {name: int(sum(row[name] for row in rows.values())) for name in _COUNTS}
    special = set(loaded.all_special_ids)
    ordinary = np.array([token not in special for token in range(len(loaded))])
    order = np.argsort(-total, kind="stable")
    occurring = order[(total[order] > 0) & ordinary[order]]
    return {
        "vocab_size": len(loaded),
        "domains": rows,
        "total": _ratios(sums, total),
        "most_used": _named(loaded, occurring[:SHOWN], total),
        "least_used": _named(loaded, occurring[::-1][:SHOWN], total),
        "never_used": int((ordinary & (total == 0)).sum()),
        "warnings": [*doubts_about(loaded, total, is_train=split == "train")],
    }


def doubts_about(
    tokenizer: "PreTrainedTokenizerFast", counts: Int64[np.ndarray, " vocab"], *, is_train: bool
) -> Iterator[str]:
    """A line for each sign that a tokenizer was made for other text.

    Args:
        counts: how often each of its tokens occurs in the text.
        is_train: whether that is the training text; a shorter one need not have every token.
    """
    single, size = _single_bytes(tokenizer), len(counts)
    unused = int((counts == 0).sum()) - int((counts[single] == 0).sum())  # every text needs these
    if is_train and unused > _MOST_UNUSED * size:
        yield (
            f"{unused:,} of the tokenizer's {size:,} tokens ({100 * unused / size:.0f}%) do not "
            "occur in the training text: it was made for other text, or for more of it. Models "
            "spend parameters on each of them."
        )
    special = set(tokenizer.all_special_ids)
    in_text = sum(int(count) for token, count in enumerate(counts) if token not in special)
    in_bytes = int(counts[single].sum())
    if size >= _FEWEST and in_bytes > _MOST_BYTES * in_text:
        yield (
            f"{100 * in_bytes / in_text:.0f}% of the text's tokens are single bytes: the tokenizer "
            "was made for other text, whose words it knows. A window of the model holds little of "
            "this one."
        )


def _single_bytes(tokenizer: "PreTrainedTokenizerFast") -> list[int]:
    """The tokens of single bytes, which encode text that no longer token fits."""
    is_byte_level, signs = is_of_bytes(tokenizer), bytes_of_signs()
    return [
        number
        for token, number in tokenizer.get_vocab().items()
        if (token in signs if is_byte_level else _BYTE_FALLBACK.fullmatch(token))
    ]


def is_of_bytes(tokenizer: "PreTrainedTokenizerFast") -> bool:
    """Whether its tokens are written as `bytes_of_signs` reads them."""
    return isinstance(tokenizer.backend_tokenizer.decoder, decoders.ByteLevel)


@cache
def bytes_of_signs() -> dict[str, int]:
    """The byte that each character stands for in the tokens of a byte-level BPE."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    return {sign: byte for byte, sign in bytes_to_unicode().items()}


def _encoded(
    tokenizer: "PreTrainedTokenizerFast", domain: Domain
) -> tuple[Int64[np.ndarray, " vocab"], dict[str, int]]:
    """How often each token occurs in a domain, and its counts."""
    used = np.zeros(len(tokenizer), np.int64)
    counts = dict.fromkeys(_COUNTS, 0)
    lines = _lines(domain)
    while part := list(islice(lines, _LINES_AT_ONCE)):
        encoded = tokenizer.backend_tokenizer.encode_batch(part, add_special_tokens=False)
        ids = np.fromiter(chain.from_iterable(each.ids for each in encoded), np.int64)
        used += np.bincount(ids, minlength=len(used))
        counts["words"] += sum(len(line.split()) for line in part)
        counts["characters"] += sum(map(len, part))
        counts["bytes"] += sum(len(line.encode()) for line in part)
    counts["tokens"] = int(used.sum())
    if tokenizer.unk_token_id is not None:
        counts["unknown"] = int(used[tokenizer.unk_token_id])
    return used, counts


def _lines(domain: Domain) -> Iterator[str]:
    """The lines with text; one that is longer than memory should hold comes in parts."""
    return (chunk for chunk, _ in read_chunks(domain.path) if chunk.strip())


def _ratios(counts: dict[str, int], used: Int64[np.ndarray, " vocab"]) -> dict[str, float]:
    tokens = max(1, counts["tokens"])
    return {
        **counts,
        "tokens_per_word": counts["tokens"] / max(1, counts["words"]),
        "characters_per_token": counts["characters"] / tokens,
        "bytes_per_token": counts["bytes"] / tokens,
        "used": int((used > 0).sum()),
    }


def _named(
    tokenizer: "PreTrainedTokenizerFast",
    tokens: Int64[np.ndarray, " some"],
    counts: Int64[np.ndarray, " vocab"],
) -> list[tuple[str, int]]:
    return [(_text_of(tokenizer, each), int(counts[each])) for each in tokens.tolist()]


def _text_of(tokenizer: "PreTrainedTokenizerFast", token: int) -> str:
    """What a token writes, with its space; <0xE5> and so on for the bytes of a part of a character.

    A token that writes nothing has its own name.
    """
    name, signs = str(tokenizer.convert_ids_to_tokens(token)), bytes_of_signs()
    if is_of_bytes(tokenizer) and signs.keys() >= set(name):
        written = bytes(signs[each] for each in name)
        try:
            return written.decode()
        except UnicodeDecodeError:
            return "".join(f"<0x{byte:02X}>" for byte in written)
    if _SPACE in name:
        return name.replace(_SPACE, " ")
    text = str(tokenizer.decode([token], clean_up_tokenization_spaces=False))
    is_shown = text and "\ufffd" not in text
    return text if is_shown else name
