"""Perplexity by domain, with values worked out by hand."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest

from babyllama.errors import InputError
from babyllama.evaluation.likelihood.rules import rules_named
from babyllama.evaluation.suites import suite_for


def test_bits_a_byte_and_nats_a_token_by_domain(tmp_path, said):
    (tmp_path / "talk.dev").write_text("yes\n\nno no\n", encoding="utf-8")
    (tmp_path / "tales.txt").write_text("Bär", encoding="utf-8")
    suite = suite_for("perplexity")
    items = suite.read(tmp_path)
    assert [(item.domain, item.text) for item in items] == [
        ("tales", "Bär"), ("talk", "yes"), ("talk", "no no"),
    ]  # fmt: skip
    result, _ = suite.scores(items, said([[-1, -1], [-3], [-2, -3]]), rules_named("honest"))
    facts = result.written()
    tales, talk = facts["subtasks"]["tales"], facts["subtasks"]["talk"]
    assert (tales["bytes"], talk["bytes"]) == (4, 8)
    assert tales["score"] == pytest.approx(2 / 4 / math.log(2))
    assert talk["score"] == pytest.approx(8 / 8 / math.log(2))
    assert talk["nats_per_token"] == pytest.approx(8 / 3)
    assert talk["perplexity"] == pytest.approx(math.exp(8 / 3))
    assert facts["score"] == pytest.approx(10 / 12 / math.log(2))
    assert facts["aggregates"]["domains"] == pytest.approx((tales["score"] + talk["score"]) / 2)
    assert (facts["higher_is_better"], facts["chance"], facts["tokens"]) == (False, 8, 5)


def test_stretches_are_cut_between_words_and_lose_nothing_but_white_space(tmp_path):
    generator = np.random.default_rng(2)
    words = ["ü" * int(n) for n in generator.integers(1, 40, 400)] + ["x" * 252, "y"]
    spaces = generator.choice([" ", "\n", "  ", "\n\n"], len(words), p=[0.8, 0.1, 0.05, 0.05])
    text = "".join(w + s for w, s in zip(words, spaces, strict=True))
    (tmp_path / "d.txt").write_text("\n\n \n" + text, encoding="utf-8")
    items = suite_for("perplexity").read(tmp_path)
    assert [word for item in items for word in item.text.split()] == words
    sizes = [len(item.text.encode()) for item in items]
    assert max(sizes) == 252
    assert all(item.text == item.text.strip() and "\n\n" not in item.text for item in items)
    # Within a document each is as long as it can be: the next word would not fit.
    texts = iter([item.text for item in items])
    for document in filter(str.strip, re.split(r"\n\s*\n", text)):
        rest = document.strip()
        while rest:
            stretch = next(texts)
            assert rest.startswith(stretch)
            following = re.match(r"\s+\S+", rest[len(stretch) :])
            rest = rest[len(stretch) :].strip()
            assert not following or len((stretch + following[0]).encode()) > 252
    assert next(texts, None) is None


def test_a_text_without_spaces_is_cut_after_the_last_character_that_fits(tmp_path):
    text = "雪" * 200 + " ab " + "猫x" * 100
    (tmp_path / "zh.txt").write_text(text, encoding="utf-8")
    found = [item.text for item in suite_for("perplexity").read(tmp_path)]
    assert found == [
        "雪" * 84, "雪" * 84, "雪" * 32 + " ab", "猫x" * 63, "猫x" * 37,
    ]  # fmt: skip
    assert "".join(found).replace(" ", "") == text.replace(" ", "")


def test_the_same_text_in_two_files_is_refused(tmp_path):
    for name in ("talk.txt", "talk (1).txt"):
        (tmp_path / name).write_text("yes", encoding="utf-8")
    with pytest.raises(InputError, match=r"talk \(1\)\.txt and .*talk\.txt are the same text"):
        suite_for("perplexity").read(tmp_path)


def test_bytes_are_those_of_the_tokens_that_are_scored(tmp_path, said):
    (tmp_path / "d.txt").write_text("yes\n\nno no", encoding="utf-8")
    items = suite_for("perplexity").read(tmp_path)
    found = replace(said([[-1], [-2, -3]]), scored_bytes=np.array([3, 2]))
    result, _ = suite_for("perplexity").scores(items, found, rules_named("honest"))
    assert result.score == pytest.approx(6 / 5 / math.log(2))
    assert result.written()["bytes"] == 5


def test_a_domain_without_a_scored_token_is_refused(tmp_path, said):
    (tmp_path / "d.txt").write_text("yes", encoding="utf-8")
    items = suite_for("perplexity").read(tmp_path)
    found = replace(said([[]]), scored_bytes=np.array([0]))
    with pytest.raises(InputError, match="d: no token is scored"):
        suite_for("perplexity").scores(items, found, rules_named("2025"))


def test_a_long_domain_is_read_in_a_thousand_stretches_evenly_spread(tmp_path):
    (tmp_path / "d.txt").write_text("\n\n".join(map(str, range(2500))), encoding="utf-8")
    found = [int(item.text) for item in suite_for("perplexity").read(tmp_path)]
    assert len(found) == 1000
    assert set(np.diff(found)) == {2, 3}
