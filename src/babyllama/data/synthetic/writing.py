"""Write the corpus: text, its entropy, and minimal pairs; the same bytes on every platform."""

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path

from babyllama.data.synthetic.domains import DOMAINS
from babyllama.data.synthetic.minimal_pairs import PHENOMENA, minimal_pairs
from babyllama.data.synthetic.sampling import Document, draw_documents
from babyllama.errors import InputError
from babyllama.runs.layout import ENTROPY, MINIMAL_PAIRS

DocumentsByDomain = Mapping[str, list[Document]]


def synthesize(out: Path, *, words: int, dev_words: int, seed: int) -> None:
    """Write `train/` and `dev/`, `entropy.json` and `minimal_pairs/` into `out`.

    A line is a sentence; a blank line separates documents. A smaller corpus is the beginning of a
    larger one with the same seed. `entropy.json` gives, for each split and domain, the number of
    words, minus the true log-probability of the text in nats, and their ratio.

    Args:
        out: created if it does not exist. Files of an earlier corpus are replaced.
        words: white-space words of the two training files together. Each file gets half and ends
            with the document that reaches it.
        dev_words: the same for the dev files, which are drawn independently.
        seed: 0 or more.

    Raises:
        InputError: a number is negative. (0 words is allowed and gives empty files.)
    """
    _refuse_negative(words=words, dev_words=dev_words, seed=seed)
    corpus = {
        "train": draw_split("train", words=words, seed=seed),
        "dev": draw_split("dev", words=dev_words, seed=seed),
    }
    for split, domains in corpus.items():
        for domain, drawn in domains.items():
            text = "\n".join("".join(line + "\n" for line in one.lines) for one in drawn)
            _write(out / split / f"{domain}.txt", text)
    entropy = {split: _entropy(domains) for split, domains in corpus.items()}
    _write(out / ENTROPY, json.dumps(entropy, indent=2) + "\n")
    for uid, rows in draw_pairs(corpus.values(), seed=seed).items():
        text = "".join(json.dumps(row) + "\n" for row in rows)
        _write(out / MINIMAL_PAIRS / f"{uid}.jsonl", text)


def draw_split(split: str, *, words: int, seed: int) -> dict[str, list[Document]]:
    """Draw the documents of one split by domain. `train` and `dev` are independent."""
    return {domain: _draw(domain, words // 2, seed, split) for domain in DOMAINS}


def draw_pairs(
    corpus: Iterable[DocumentsByDomain], *, seed: int
) -> dict[str, list[dict[str, str | bool]]]:
    """Draw minimal pairs by UID. None of their sentences is a line of the corpus."""
    drawn = [one for split in corpus for documents in split.values() for one in documents]
    lines = {line for one in drawn for line in one.lines}
    return {uid: minimal_pairs(uid, seed=seed, corpus=lines) for uid in PHENOMENA}


def _draw(domain: str, words: int, seed: int, split: str) -> list[Document]:
    drawn: list[Document] = []
    written = 0
    for document in draw_documents(DOMAINS[domain], seed, split, domain):
        if written >= words:
            break
        drawn.append(document)
        written += document.words
    return drawn


def _entropy(domains: DocumentsByDomain) -> dict[str, dict[str, float]]:
    parts = {**domains, "all": [one for drawn in domains.values() for one in drawn]}
    return {domain: _summary(drawn) for domain, drawn in parts.items()}


def _summary(drawn: list[Document]) -> dict[str, float]:
    words = sum(one.words for one in drawn)
    nats = math.fsum(one.nats for one in drawn)
    # Rounded, since the last bit of a logarithm differs between platforms.
    return {
        "words": words,
        "nats": round(nats, 6),
        "nats_per_word": round(nats / words, 6) if words else 0.0,
    }


def _refuse_negative(*, words: int, dev_words: int, seed: int) -> None:
    for name, value in (("words", words), ("dev_words", dev_words), ("seed", seed)):
        if value < 0:
            raise InputError(
                f"{name} is {value}",
                why="A corpus cannot have a negative number of words, nor a negative seed.",
                mend="Try 120000 words, 12000 dev_words and seed 0.",
            )


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("ascii"))
