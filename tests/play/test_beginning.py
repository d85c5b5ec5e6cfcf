"""The text that the page begins with."""

import pytest

from babyllama.play.beginning import DEFAULT, beginning_of


@pytest.mark.parametrize(
    ("dev", "expected"),
    [
        ("Yes.\n\nThe dog saw the cat there.\nA cat saw the dog there.\n", "The dog saw the cat"),
        ("Yes.\n今天我们在学校里学习语言。\n", "今天我们在学校里学习语言。"),
        ("Yes.\nNo.\n", DEFAULT),
    ],
)
def test_it_begins_the_first_sentence_of_the_runs_dev_text(tmp_path, dev, expected):
    (tmp_path / "corpus" / "dev").mkdir(parents=True)
    (tmp_path / "corpus" / "dev" / "talk.txt").write_text(dev, encoding="utf-8")
    assert beginning_of([tmp_path]) == expected


def test_models_without_a_run_begin_with_the_default(tmp_path):
    assert beginning_of([]) == beginning_of([tmp_path]) == DEFAULT
