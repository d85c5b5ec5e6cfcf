"""How much of a benchmark is in the training text; characters where there are no words."""

import json

import pytest

from babyllama.evaluation.training_text import per_character, seen_shares
from babyllama.scores.results import DevResult


@pytest.fixture
def train(tmp_path):
    folder = tmp_path / "train"
    folder.mkdir()
    (folder / "a.txt").write_text("The cat sat.\n學習漢語\n", encoding="utf-8")
    (folder / "b.txt").write_text("A ﬁne dog\n", encoding="utf-8")
    return folder


def test_shares_count_what_occurs_as_often_as_the_benchmark_has_it(train):
    texts = {"mine": ["the Cat sat.", "the fine zebra"], "none": ["Ж"]}
    found = seen_shares(texts, train)
    # Of 10 and 12 characters C, z, b and r are unseen; of 6 words zebra.
    assert found["mine"].characters == pytest.approx(100 * (22 - 4) / 22)
    assert found["mine"].words == pytest.approx(100 * 5 / 6)
    assert found["none"].written() == {"characters": 0.0, "words": 0.0}


def test_simplified_characters_after_traditional_text_are_unseen_and_have_no_words(train):
    assert seen_shares({"zh": ["学习汉语语"]}, train)["zh"].written() == {"characters": 0.0}
    half = seen_shares({"zh": ["學習汉语"]}, train)["zh"]
    assert half.written() == {"characters": 50.0}


@pytest.mark.parametrize(("words", "has_words"), [(100, True), (10, False)])
def test_text_without_spaces_has_nats_per_character_alone(tmp_path, words, has_words):
    total = {"characters": 600, "words": words}
    (tmp_path / "stats.json").write_text(json.dumps({"dev": {"total": total}}))
    (tmp_path / "tokens.json").write_text(json.dumps({"dev_tokens": 300}))
    dev = DevResult(cross_entropy=2.0, nats_per_word=9.0, tokens=290)
    dev = DevResult.model_validate(dev.model_dump(exclude_none=True))
    found = per_character(dev, tmp_path, tmp_path).written()
    assert found["nats_per_character"] == 1.0
    assert ("nats_per_word" in found) == has_words
