"""Counts of a tokenizer on a corpus, by hand."""

import shutil

import pytest
from token_streams import word_tokenizer

from babyllama.data.tokenizer import train_tokenizer
from babyllama.data.tokenizer_statistics import tokenizer_statistics
from babyllama.errors import InputError
from babyllama.recipe import TokenizerRecipe


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


def test_a_split_without_text_is_refused(corpus, tmp_path):
    shutil.rmtree(corpus / "dev")
    with pytest.raises(InputError, match="has no dev text"):
        tokenizer_statistics(word_tokenizer(tmp_path / "tokenizer", 8), corpus, "dev")


def test_tokens_are_shown_by_their_bytes_or_with_their_space(tmp_path):
    text = " a å鳥" + " ba ca a a" * 20
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "a.txt").write_text((text + " ") * 5 + "\n", "utf-8")
    for kind, least, shown in (("bpe", 30, {"<0xC3>", " a"}), ("unigram", 5, {" ", "b"})):
        train_tokenizer(tmp_path, TokenizerRecipe(kind=kind, vocab_size=300, min_frequency=least),
                        tmp_path / kind)  # fmt: skip
        found = tokenizer_statistics(tmp_path / kind, tmp_path)
        names = [name for name, _ in found["most_used"]]
        assert shown <= set(names)
        assert len(names) == len(set(names))


@pytest.mark.parametrize("kind", ["bpe", "characters"])
def test_it_is_said_if_a_text_becomes_single_bytes(tmp_path, kind):
    letters = [chr(0x4E00 + number) for number in range(900)]
    chinese = "".join(one + other for one, other in zip(letters, letters[7:], strict=False)) * 3
    for name, text in (("chinese", chinese), ("english", "The bird sings.\n" * 9)):
        (tmp_path / name / "train").mkdir(parents=True)
        (tmp_path / name / "train" / "a.txt").write_text(text + "\n", "utf-8")
    train_tokenizer(tmp_path / "chinese", TokenizerRecipe(kind=kind, vocab_size=1500),
                    tmp_path / kind)  # fmt: skip
    of_other = tokenizer_statistics(tmp_path / kind, tmp_path / "english")["warnings"]
    assert any("are single bytes" in line for line in of_other)
    own = tokenizer_statistics(tmp_path / kind, tmp_path / "chinese")["warnings"]
    assert not any("are single bytes" in line for line in own)
