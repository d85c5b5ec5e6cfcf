"""How a tokenizer cuts the texts of a corpus: for choosing one, and for noticing a wrong one."""

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int64

from babyllama.data.raw_text import read_chunks
from babyllama.data.sources import Domain, Split, read_split
from babyllama.data.tokenizer import load_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

SHOWN = 20  # tokens of each list
_LINES_AT_ONCE = 10_000
_COUNTS = ("words", "characters", "bytes", "tokens", "unknown")


def tokenizer_statistics(tokenizer: Path, corpus: Path, split: Split = "train") -> dict[str, Any]:
    """Encode a corpus, line by line, and count.

    Returns:
        `vocab_size`; `domains` (name to counts) and `total`. The counts: `words` (between white
        space), `characters`, `bytes` (UTF-8), `tokens`, `unknown` (tokens for text that the
        tokenizer cannot write), `tokens_per_word` (the fertility), `characters_per_token`,
        `bytes_per_token`, and `used`, how many different tokens occur. For all of the text also
        `most_used` and `least_used` (pairs of a token and its count; of those that occur) and
        `never_used`, the number of tokens that do not occur, special ones left out.

    Raises:
        InputError: what `load_tokenizer`, `read_split` and `read_blocks` raise.
    """
    library = load_tokenizer(tokenizer)
    domains = read_split(corpus, split)
    total = np.zeros(len(library), np.int64)
    rows: dict[str, dict[str, float]] = {}
    for domain in domains:
        used, counts = _encoded(library, domain)
        total += used
        rows[domain.name] = _ratios(counts, used)
    sums = {name: int(sum(row[name] for row in rows.values())) for name in _COUNTS}
    special = set(library.all_special_ids)
    ordinary = np.array([token not in special for token in range(len(library))])
    order = np.argsort(-total, kind="stable")
    occurring = order[(total[order] > 0) & ordinary[order]]
    return {
        "vocab_size": len(library),
        "domains": rows,
        "total": _ratios(sums, total),
        "most_used": _named(library, occurring[:SHOWN], total),
        "least_used": _named(library, occurring[::-1][:SHOWN], total),
        "never_used": int((ordinary & (total == 0)).sum()),
    }


def _encoded(
    library: "PreTrainedTokenizerFast", domain: Domain
) -> tuple[Int64[np.ndarray, " vocab"], dict[str, int]]:
    """How often each token occurs in a domain, and its counts."""
    used = np.zeros(len(library), np.int64)
    counts = dict.fromkeys(_COUNTS, 0)
    lines = _lines(domain)
    while part := list(islice(lines, _LINES_AT_ONCE)):
        encoded = library.backend_tokenizer.encode_batch(part, add_special_tokens=False)
        ids = np.fromiter(chain.from_iterable(each.ids for each in encoded), np.int64)
        used += np.bincount(ids, minlength=len(used))
        counts["words"] += sum(len(line.split()) for line in part)
        counts["characters"] += sum(map(len, part))
        counts["bytes"] += sum(len(line.encode()) for line in part)
    counts["tokens"] = int(used.sum())
    if library.unk_token_id is not None:
        counts["unknown"] = int(used[library.unk_token_id])
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
    library: "PreTrainedTokenizerFast",
    tokens: Int64[np.ndarray, " some"],
    counts: Int64[np.ndarray, " vocab"],
) -> list[tuple[str, int]]:
    return [(_text_of(library, each), int(counts[each])) for each in tokens.tolist()]


def _text_of(library: "PreTrainedTokenizerFast", token: int) -> str:
    """What a token writes; its own name if that is nothing, or a part of a character."""
    text = str(library.decode([token], clean_up_tokenization_spaces=False))
    is_shown = text and "\ufffd" not in text
    return text if is_shown else str(library.convert_ids_to_tokens(token))
