"""LAMBADA: the last word, all of its tokens."""

import math
import zipfile

import pytest

from babyllama.errors import InputError
from babyllama.evaluation.likelihood.rules import rules_named
from babyllama.evaluation.likelihood.texts import Text
from babyllama.evaluation.suites import suite_for


def test_lambada_counts_words_all_of_whose_tokens_are_the_likeliest(write, said):
    suite = suite_for("lambada")
    items = suite.read(write({"l.jsonl": [{"text": "he said\nto her"}, {"text": "as it was"}]}))
    assert suite.texts(items, rules_named("honest")) == [
        Text(" her", "he said\nto"), Text(" was", "as it"),
    ]  # fmt: skip
    answers = said([[-1.0, -2.0], [-0.5]], is_top=[[True, False], [True]])
    result, lines = suite.scores(items, answers, rules_named("honest"))
    facts = result.written()
    assert facts["score"] == 50
    assert facts["perplexity"] == pytest.approx(math.exp((3 + 0.5) / 2))
    assert facts["subtasks"]["lambada"]["decisions"] == "01"
    assert [line["log_likelihood"] for line in lines] == [-3, -0.5]


@pytest.mark.parametrize("text", ["one", "ends with a space ", " x"])
def test_a_passage_without_a_last_word_is_refused(write, text):
    with pytest.raises(InputError, match=r"l\.jsonl:1: text has no last word after a space"):
        suite_for("lambada").read(write({"l.jsonl": [{"text": text}]}))


def test_a_zip_of_another_suite_is_read_from_inside(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("deep/t.jsonl", '{"text": "so it goes"}\n')
    (item,) = suite_for("lambada").read(tmp_path / "x.zip")
    assert item.word == "goes"
