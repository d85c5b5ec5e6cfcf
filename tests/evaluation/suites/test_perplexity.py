"""Perplexity by domain, with values worked out by hand."""

import math
import re

import numpy as np
import pytest

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
    words = ["ü" * int(n) for n in generator.integers(1, 40, 400)] + ["x" * 700, "y"]
    spaces = generator.choice([" ", "\n", "  ", "\n\n"], len(words), p=[0.8, 0.1, 0.05, 0.05])
    text = "".join(w + s for w, s in zip(words, spaces, strict=True))
    (tmp_path / "d.txt").write_text("\n\n \n" + text, encoding="utf-8")
    items = suite_for("perplexity").read(tmp_path)
    assert [word for item in items for word in item.text.split()] == words
    sizes = [len(item.text.encode()) for item in items]
    assert sorted(sizes)[-2] <= 256
    assert max(sizes) == 700
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
            assert not following or len((stretch + following[0]).encode()) > 256
    assert next(texts, None) is None


def test_a_long_domain_is_read_in_a_thousand_stretches_evenly_spread(tmp_path):
    (tmp_path / "d.txt").write_text("\n\n".join(map(str, range(2500))), encoding="utf-8")
    found = [int(item.text) for item in suite_for("perplexity").read(tmp_path)]
    assert len(found) == 1000
    assert set(np.diff(found)) == {2, 3}
