"""What `synthesize` writes: the same bytes everywhere, splits, domains, and a known entropy."""

import collections
import hashlib
import json
import math
import re
from pathlib import Path

import pytest

from babyllama.data.synthetic import synthesize
from babyllama.data.synthetic.writing import draw_split
from babyllama.errors import InputError

# A change to the grammar changes this; nothing else may.
DIGEST = "cdaa62eeddc9ff70f963ab7f2ede14db6dfafbbe01316aba00de4f9e61306958"


def files(out: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file()
    }


def test_the_corpus_is_the_same_bytes_everywhere(tmp_path: Path) -> None:
    synthesize(tmp_path, words=2000, dev_words=400, seed=7)
    digest = hashlib.sha256()
    for name, content in files(tmp_path).items():
        digest.update(name.encode() + b"\0" + content)
    assert digest.hexdigest() == DIGEST


def test_seeds_and_splits_differ_and_a_small_corpus_begins_a_larger_one() -> None:
    drawn = draw_split("train", words=600, seed=1)
    for domain, documents in draw_split("train", words=1200, seed=1).items():
        assert documents[: len(drawn[domain])] == drawn[domain]
    for split, seed in (("train", 2), ("dev", 1)):
        for domain, documents in draw_split(split, words=600, seed=seed).items():
            assert documents[0] != drawn[domain][0]


def test_both_domains_get_half_the_words_and_end_with_the_document_that_reaches_them(
    corpus: Path,
) -> None:
    for split, words in (("train", 60_000), ("dev", 6_000)):
        for domain in ("child_talk", "stories"):
            documents = (corpus / split / f"{domain}.txt").read_text().split("\n\n")
            count = sum(len(document.split()) for document in documents)
            assert count >= words // 2
            assert count - len(documents[-1].split()) < words // 2


def test_text_is_ascii_prose_with_single_blank_lines(corpus: Path) -> None:
    for path in sorted(corpus.rglob("*.txt")):
        content = path.read_bytes()
        assert content.isascii()
        assert b"\r" not in content
        assert b"\n\n\n" not in content
        assert content.endswith((b".\n", b"!\n", b"?\n"))
        for line in filter(None, content.decode().splitlines()):
            assert re.fullmatch(r'"?[A-Z][A-Za-z ,"?!]*[.?!]', line), line
            assert "  " not in line


def test_entropy_is_positive_and_far_below_what_word_frequencies_know(corpus: Path) -> None:
    entropy = json.loads((corpus / "entropy.json").read_text())
    for split in ("train", "dev"):
        parts = entropy[split]
        assert parts["all"]["words"] == sum(parts[d]["words"] for d in ("child_talk", "stories"))
        for domain in ("child_talk", "stories"):
            words = (corpus / split / f"{domain}.txt").read_text().split()
            assert parts[domain]["words"] == len(words)
            counts = collections.Counter(words).values()
            unigram = -sum(c / len(words) * math.log(c / len(words)) for c in counts)
            assert 1.0 < parts[domain]["nats_per_word"] < unigram - 2
            assert parts[domain]["nats_per_word"] == pytest.approx(
                parts[domain]["nats"] / len(words), abs=1e-6
            )


@pytest.mark.parametrize("field", ["words", "dev_words", "seed"])
def test_negative_numbers_are_refused_by_name(field: str, tmp_path: Path) -> None:
    numbers = {"words": 100, "dev_words": 100, "seed": 0} | {field: -1}
    with pytest.raises(InputError, match=rf"^{field} is -1"):
        synthesize(tmp_path / "out", **numbers)
    assert not (tmp_path / "out").exists()
