"""BLiMP: the rules' average, over UIDs or over phenomena."""

import pytest

from babyllama.evaluation.suites import suite_for
from babyllama.evaluation.suites.minimal_pairs import read_pairs


def test_the_group_of_a_lone_published_file_is_that_of_the_table(data):
    folder = data / "benchmarks" / "blimp"
    (group,) = {pair.group for pair in read_pairs(folder / "animate_subject_trans.jsonl.gz")}
    assert (
        f"animate_subject_trans,syntax,s-selection,{group}," in (folder / "groups.csv").read_text()
    )


@pytest.mark.parametrize("name", ["blimp", "blimp_filtered", "blimp_fast"])
@pytest.mark.parametrize(("rules", "expected"), [("honest", 200 / 3), ("2023", 75)])
def test_the_headline_is_the_rules(write, score, name, rules, expected):
    """Two UIDs of one phenomenon, right and wrong; one of another, right."""
    files = {
        f"{uid}.jsonl": [{"sentence_good": "a b", "sentence_bad": "b a", "UID": uid,
                          "linguistics_term": term}]
        for uid, term in (("u", "one"), ("v", "one"), ("w", "two"))
    }  # fmt: skip
    suite = suite_for(name)
    facts, _ = score(suite, suite.read(write(files)), [-1, -2, -2, -1, -1, -2], rules)
    assert facts["score"] == pytest.approx(expected)
