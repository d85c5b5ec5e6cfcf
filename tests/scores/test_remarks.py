"""What limits a score, said in sentences."""

import pytest

from babyllama.scores.remarks import remarks, with_part
from babyllama.scores.results import BenchmarkResult

PART = {"uids": 2, "of_uids": 67, "items": 1500, "of_items": 67_000}


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({}, []),
        ({"ties": 0, "unknown": 0}, []),
        ({"part": PART}, ["blimp: 2 of 67 UIDs, 1,500 of 67,000 items of the published benchmark "
                          "were scored."]),
        ({"part": {"items": 3, "of_items": 1726}},
         ["blimp: 3 of 1,726 items of the published benchmark were scored."]),
        ({"ties": 3}, ["blimp: 3 of 1,500 items are ties: the right text and the best wrong one "
                       "are equally likely."]),
        ({"unknown": 1}, ["blimp: 1 of 1,500 items have text that the tokenizer does not know."]),
        ({"cut": {"texts": 2, "of_texts": 9, "tokens": 1000, "of_tokens": 5000}},
         ["blimp: 2 of 9 texts were longer than the model's positions and lost their beginning, "
          "1,000 of 5,000 tokens."]),
    ],
)  # fmt: skip
def test_each_limit_of_a_score_is_a_sentence(keys, said):
    result = BenchmarkResult.model_validate({"score": 50.0, "n": 1500, **keys})
    assert remarks("blimp", result) == said


def test_a_part_of_a_benchmark_is_never_announced_under_the_whole_name():
    whole = BenchmarkResult.model_validate({"score": 50.0, "n": 1500})
    assert with_part("blimp", whole) == "blimp"
    part = whole.with_keys({"part": PART})
    assert with_part("blimp", part) == "blimp (2 of 67 UIDs, 1,500 of 67,000 items)"
    assert list(part.written()) == ["score", "n", "part"]
