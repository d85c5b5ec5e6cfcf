import json
import os
from pathlib import Path

import pytest

from babyllama.data.statistics import corpus_statistics, write_statistics

DATA = os.environ.get("BABYLLAMA_DATA")
needs_data = pytest.mark.skipif(not DATA, reason="BABYLLAMA_DATA names no folder with text/")


@pytest.fixture
def corpus(tmp_path):
    def write(**files: str) -> Path:
        for name, text in files.items():
            split, domain = name.split("_", 1)
            (tmp_path / split).mkdir(exist_ok=True)
            (tmp_path / split / f"{domain}.txt").write_text(text, encoding="utf-8")
        return tmp_path

    return write


def numbered(start: int, stop: int) -> list[str]:
    return [f"w{i}" for i in range(start, stop)]


def plain_overlap(train_documents: list[list[str]], dev_documents: list[list[str]]) -> int:
    """Dev's 13-word sequences found in train, by comparing the words themselves."""
    sequences = [
        {tuple(words[i : i + 13]) for i in range(len(words) - 12)} for words in train_documents
    ]
    known = set().union(*sequences)
    return sum(
        tuple(words[i : i + 13]) in known for words in dev_documents for i in range(len(words) - 12)
    )


def test_a_domain_is_counted_as_a_reader_would_count(corpus):
    counts = corpus_statistics(corpus(train_tales="Ähm, yes.\nYes, yes.\n\nNo.\n"))

    assert counts["train"]["domains"]["tales"] == {
        "bytes": 26,
        "characters": 25,
        "lines": 3,
        "documents": 2,
        "words": 5,
        "distinct_words": 4,
        "words_per_line": 1.666667,
        "share_of_words": 1.0,
    }


def test_totals_add_up_and_distinct_words_are_counted_once(corpus):
    counts = corpus_statistics(corpus(train_a="one two\n", train_b="two three four\n"))["train"]

    assert counts["total"]["words"] == 5
    assert counts["total"]["distinct_words"] == 4
    assert counts["total"]["documents"] == 2
    assert counts["domains"]["a"]["share_of_words"] == 0.4
    assert sum(each["share_of_words"] for each in counts["domains"].values()) == 1


def test_blank_lines_at_either_end_make_no_document(corpus):
    counts = corpus_statistics(corpus(train_a="\n\n one\n \n\ntwo\n\n"))["train"]["total"]

    assert (counts["documents"], counts["lines"]) == (2, 2)


def test_a_leak_is_found_in_its_domain_across_line_breaks_case_and_punctuation(corpus):
    leaked = numbered(0, 20)
    folder = corpus(
        train_a=" ".join(leaked) + "\n",
        dev_a=" ".join(leaked[:9]).upper() + ",\n" + " ".join(leaked[9:]) + "!\n",
        dev_b=" ".join(numbered(100, 120)) + "\n",
    )

    overlap = corpus_statistics(folder)["overlap"]

    assert overlap["domains"]["a"] == {"sequences": 8, "in_train": 8, "share": 1.0}
    assert overlap["domains"]["b"] == {"sequences": 8, "in_train": 0, "share": 0.0}
    assert overlap["total"] == {"sequences": 16, "in_train": 8, "share": 0.5}


def test_sequences_do_not_cross_documents(corpus):
    first, second = " ".join(numbered(0, 7)), " ".join(numbered(7, 14))
    folder = corpus(train_a=f"{first}\n{second}\n", dev_a=f"{first}\n\n{second}\n")

    assert corpus_statistics(folder)["overlap"]["total"]["sequences"] == 0


def test_a_line_of_punctuation_does_not_end_a_sequence(corpus):
    first, second = " ".join(numbered(0, 7)), " ".join(numbered(7, 14))
    folder = corpus(train_a=f"{first}\n{second}\n", dev_a=f"{first}\n--\n{second}\n")

    assert corpus_statistics(folder)["overlap"]["total"]["in_train"] == 2


def test_overlap_agrees_with_comparing_the_words_themselves(corpus):
    # Texts over three words repeat themselves, so many sequences meet and many do not.
    documents = [[f"w{(i * i + seed) % 5 % 3}" for i in range(60)] for seed in range(8)]
    train, dev = documents[:4], documents[4:]
    folder = corpus(
        train_a="\n\n".join(map(" ".join, train)), dev_a="\n\n".join(map(" ".join, dev))
    )

    expected = plain_overlap(train, dev)

    assert expected > 0
    assert corpus_statistics(folder)["overlap"]["total"]["in_train"] == expected


def test_a_line_that_is_read_in_parts_counts_as_one(corpus):
    words = numbered(0, 200_000)
    folder = corpus(train_a=" ".join(words), dev_a=" ".join(words[-20_000:]))

    counts = corpus_statistics(folder)

    total = counts["train"]["total"]
    assert (total["lines"], total["documents"]) == (1, 1)
    assert total["words"] == total["distinct_words"] == len(words)
    assert total["bytes"] == (folder / "train" / "a.txt").stat().st_size
    assert counts["overlap"]["total"]["in_train"] == 20_000 - 12


def test_a_corpus_without_dev_has_an_empty_dev_and_no_overlap(corpus):
    counts = corpus_statistics(corpus(train_a="some words\n"))

    assert counts["dev"]["domains"] == {}
    assert counts["dev"]["total"]["words"] == 0
    assert counts["overlap"]["total"] == {"sequences": 0, "in_train": 0, "share": 0.0}


def test_the_file_holds_what_the_function_returns_and_does_not_count_as_text(corpus):
    folder = corpus(train_a="Straße\n", dev_a="Weg\n")

    written = write_statistics(folder)
    first = (folder / "stats.json").read_bytes()

    assert json.loads(first) == corpus_statistics(folder) == written
    write_statistics(folder)
    assert (folder / "stats.json").read_bytes() == first


@needs_data
def test_the_known_leak_of_babylm_2023_is_found(tmp_path):
    for split, domain in (("train", "cbt"), ("dev", "children_stories")):
        (tmp_path / split).mkdir()
        source = Path(DATA) / "text" / "large" / split / f"{domain}.{split}"
        (tmp_path / split / f"{domain}.{split}").symlink_to(source)

    leaked = corpus_statistics(tmp_path)["overlap"]["domains"]["children_stories"]["in_train"]

    # The data's own README counts 6394 across document borders.
    assert leaked == pytest.approx(6394, rel=0.01)
