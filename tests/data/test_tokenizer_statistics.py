"""Counts of a tokenizer on a corpus, by hand."""

import pytest
from token_streams import word_tokenizer

from babyllama.data.tokenizer_statistics import tokenizer_statistics
from babyllama.errors import InputError


@pytest.fixture
def corpus(tmp_path):
    for split, text in (("train", "w3 w4 w4\n\nw4 zz\n"), ("dev", "w5\n")):
        (tmp_path / split).mkdir()
        (tmp_path / split / "tales.txt").write_text(text, encoding="utf-8")
    (tmp_path / "train" / "talks.txt").write_text("w3 é\n", encoding="utf-8")
    return tmp_path


def test_tokens_are_counted_by_domain_and_by_token(corpus, tmp_path):
    found = tokenizer_statistics(word_tokenizer(tmp_path / "tokenizer", 8), corpus)

    tales = found["domains"]["tales"]
    assert (tales["words"], tales["tokens"], tales["unknown"]) == (5, 5, 1)
    assert (tales["characters"], tales["bytes"]) == (8 + 5, 8 + 5)
    assert found["domains"]["talks"]["bytes_per_token"] == 5 / 2
    total = found["total"]
    assert (total["tokens_per_word"], total["characters_per_token"]) == (1.0, 17 / 7)
    assert total["used"] == 3
    assert found["most_used"] == [("w4", 3), ("w3", 2)]
    assert found["least_used"] == [("w3", 2), ("w4", 3)]
    assert found["never_used"] == 3  # w5, w6 and w7
    dev = tokenizer_statistics(tmp_path / "tokenizer", corpus, "dev")
    assert dev["most_used"] == [("w5", 1)]


def test_a_corpus_without_text_is_refused(corpus, tmp_path):
    for file in (corpus / "train").iterdir():
        file.write_text("\n", encoding="utf-8")
    with pytest.raises(InputError, match="holds no text"):
        tokenizer_statistics(word_tokenizer(tmp_path / "tokenizer", 8), corpus)
