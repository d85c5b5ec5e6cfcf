"""BLiMP's supplement: five sets named by their files."""

from collections import Counter

import pytest

from babyllama.errors import InputError
from babyllama.evaluation.suites import suite_for
from babyllama.evaluation.suites.minimal_pairs import read_pairs


def test_the_supplement_has_five_sets_named_by_their_files(data):
    pairs = read_pairs(data / "benchmarks" / "blimp_supplement")
    sizes = Counter(pair.uid for pair in pairs)
    assert sorted(sizes.values()) == [64, 165, 280, 842, 3867]
    assert all(pair.group == pair.uid for pair in pairs)
    assert any("\n" in pair.options[0].target for pair in pairs)


def test_another_file_is_refused(write):
    rows = [{"sentence_good": "a b", "sentence_bad": "b a"}]
    with pytest.raises(InputError, match="mine is not a set of BLiMP's supplement"):
        suite_for("blimp_supplement").read(write({"mine.jsonl": rows}))
