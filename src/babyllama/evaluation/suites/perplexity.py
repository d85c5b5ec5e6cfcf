"""Perplexity by domain: bits per byte and nats per token of a folder with one file per domain.

A text is a stretch of at most 252 bytes (about 50 words) of a document; blank lines separate
documents. A stretch ends at the last white space that fits. A word that is longer than a stretch,
as in scripts without spaces, is cut after the last character that fits. Thus even a tokenizer
with a token for each byte needs no more than 256 positions. Each stretch is scored by itself: its
context is the rules' context token, and for later tokens the stretch up to them. Hence all
models, whatever their positions and tokenizers, predict the same bytes from the same bytes, and
bits per byte = nats / (bytes x ln 2) is comparable. The white space between two stretches is
neither scored nor counted.

The bytes are those of the scored tokens: of a stretch, the text after the last token that is not
scored. That is all of it, unless tokens were cut away because the model has too few positions, or
the rules have no context token, so that the first token is not scored. A character of which only
some tokens are scored does not count.

Of a domain with more than 1,000 stretches, 1,000 evenly spaced ones are read. Guessing bytes costs
8 bits per byte. Perplexity of longer windows of a run's own tokens is `dev` in results.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import Float64, Int64

from babyllama.errors import InputError
from babyllama.evaluation.likelihood.rules import ScoringRules
from babyllama.evaluation.likelihood.texts import Likelihoods, Text
from babyllama.evaluation.suites.suite import Bootstrapped, Suite, bootstrapped
from babyllama.runs.artefact import Facts
from babyllama.runs.rows import digest_of, packed_files, text_of
from babyllama.scores.results import BenchmarkResult, Count, Number, Subtask

_BYTES, _STRETCHES = 252, 1000
# BabyLM's releases call a domain's texts childes.dev and so on.
_SUFFIXES = (".txt", ".txt.gz", ".train", ".dev", ".test")
_BLANK_LINES = re.compile(r"\n\s*\n")


@dataclass(frozen=True)
class Stretch:
    """Some words in a row of a domain's text, or a part of a very long word."""

    domain: str
    text: str


class DomainResult(Subtask):
    """Bits per byte of a domain, and the same in other units."""

    score: Number
    nats_per_token: Number
    perplexity: Number
    tokens: Count
    bytes: Count


class PerplexityResult(BenchmarkResult):
    """Bits per byte of all domains, and the same in other units."""

    nats_per_token: Number
    perplexity: Number
    tokens: Count
    bytes: Count


def _read(path: Path) -> list[Stretch]:
    stretches = []
    name_of: dict[bytes, str] = {}
    for name, data in packed_files(path, _SUFFIXES).items():
        other = name_of.setdefault(data, name)
        if other != name:
            raise InputError(
                f"{other} and {name} are the same text",
                why="It would count twice.",
                mend="Remove one of the two files.",
            )
        domain = PurePosixPath(name).name.removesuffix(".gz").rpartition(".")[0]
        found = list(_cut(text_of(name, data)))
        if not found:
            raise InputError(f"{name} has no words", mend="Remove it.")
        chosen = np.linspace(0, len(found), min(len(found), _STRETCHES), endpoint=False)
        stretches += [Stretch(domain, found[int(at)]) for at in chosen]
    return stretches


def _cut(text: str) -> Iterator[str]:
    for document in _BLANK_LINES.split(text):
        start = stop = size = 0
        for begin, end in _words(document):
            if size == 0:
                start = stop = begin
            longer = len(document[stop:end].encode())
            if size and size + longer > _BYTES:
                yield document[start:stop]
                start, size, longer = begin, 0, len(document[begin:end].encode())
            size += longer
            stop = end
        if size:
            yield document[start:stop]


def _words(document: str) -> Iterator[tuple[int, int]]:
    """Where each word begins and ends; longer ones in pieces, the longest that fit a stretch."""
    for word in re.finditer(r"\S+", document):
        begin, size = word.start(), 0
        for at, character in enumerate(word[0], start=word.start()):
            longer = len(character.encode())
            if size + longer > _BYTES:
                yield begin, at
                begin, size = at, 0
            size += longer
        yield begin, word.end()


def _texts(stretches: Sequence[Stretch], _rules: ScoringRules) -> list[Text]:
    return [Text(stretch.text) for stretch in stretches]


def _scores(
    stretches: Sequence[Stretch], likelihoods: Likelihoods, rules: ScoringRules
) -> tuple[BenchmarkResult, list[Facts]]:
    nats, tokens = -likelihoods.sums(), likelihoods.counts()
    sizes = likelihoods.scored_bytes
    if sizes is None:
        sizes = np.array([len(stretch.text.encode()) for stretch in stretches])
    rows: dict[str, list[int]] = {}
    for row, stretch in enumerate(stretches):
        rows.setdefault(stretch.domain, []).append(row)
    for domain, own in rows.items():
        if not sizes[own].any():
            raise InputError(
                f"{domain}: no token is scored",
                why=f"The rules {rules.name} have no context token, and no stretch has two tokens.",
                mend="Use --rules honest, or longer texts.",
            )
    of_domain = {
        domain: DomainResult(
            **_bits_a_byte(nats[own], sizes[own]).score.written(),
            **_sizes(nats[own], tokens[own], sizes[own]),
        )
        for domain, own in rows.items()
    }
    score = _bits_a_byte(nats, sizes)
    result = PerplexityResult(
        **score.headline(),
        **_sizes(nats, tokens, sizes),
        unit="bits a byte",
        chance=8.0,
        higher_is_better=False,
        subtasks=of_domain,
        aggregates={
            "bytes": score.score.score,
            "domains": float(np.mean([each.score for each in of_domain.values()])),
        },
        items=digest_of([stretch.domain, stretch.text] for stretch in stretches),
    )
    lines: list[Facts] = [
        {"domain": stretch.domain, "text": stretch.text, "nats": each, "tokens": count}
        for stretch, each, count in zip(stretches, nats.tolist(), tokens.tolist(), strict=True)
    ]
    return result, lines


def _bits_a_byte(nats: Float64[np.ndarray, " n"], sizes: Int64[np.ndarray, " n"]) -> Bootstrapped:
    def statistic(
        rows: Int64[np.ndarray, "resamples n"],
    ) -> Float64[np.ndarray, " resamples"]:
        scored = np.maximum(1, sizes[rows].sum(axis=1))
        found: Float64[np.ndarray, " resamples"] = nats[rows].sum(axis=1) / scored
        return found / math.log(2)

    return bootstrapped(statistic, len(nats))


def _sizes(
    nats: Float64[np.ndarray, " n"], tokens: Int64[np.ndarray, " n"], sizes: Int64[np.ndarray, " n"]
) -> Facts:
    nats_per_token = float(nats.sum()) / max(1, int(tokens.sum()))
    return {
        "nats_per_token": nats_per_token,
        "perplexity": math.exp(nats_per_token),
        "tokens": int(tokens.sum()),
        "bytes": int(sizes.sum()),
    }


SUITE = Suite("perplexity", _read, _texts, _scores, counts_bytes=True)
