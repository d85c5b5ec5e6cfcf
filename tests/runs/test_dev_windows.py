"""Whether a training scored all dev text, in words."""

import pytest

from babyllama.runs.dev_windows import part_of_dev


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"dev_windows": 256, "dev_windows_there": 1269}, "256 of 1,269 windows"),
        ({"dev_windows": 269, "dev_windows_there": 269}, ""),
        ({}, ""),
    ],
)
def test_a_part_of_the_dev_text_is_named_and_all_of_it_is_not(facts, words):
    assert part_of_dev(facts) == words
