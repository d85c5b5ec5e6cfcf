"""COMPS: one phrase after two prefixes."""

import pytest
from random_models import variant

from babyllama.errors import InputError
from babyllama.evaluation.likelihood.encoding import encode_causal
from babyllama.evaluation.likelihood.rules import rules_named
from babyllama.evaluation.likelihood.texts import Text
from babyllama.evaluation.suites import suite_for


def texts_of(name, items):
    return suite_for(name).texts(items, rules_named("honest"))


def test_comps_asks_for_one_phrase_after_two_prefixes(write, score):
    row = {"prefix_acceptable": "A robin", "prefix_unacceptable": "A stone",
           "property_phrase": "has a beak."}  # fmt: skip
    suite = suite_for("comps")
    items = suite.read(write({"comps_base.jsonl": [row], "comps_wugs_dist-before.jsonl": [row]}))
    assert texts_of("comps", items)[:2] == [
        Text(" has a beak.", "A robin"), Text(" has a beak.", "A stone"),
    ]  # fmt: skip
    assert suite.texts(items, rules_named("2025"))[:2] == [
        Text("has a beak.", "A robin "), Text("has a beak.", "A stone "),
    ]  # fmt: skip
    facts, lines = score(suite, items, [-1, -3, -3, -1])
    assert {uid: part["score"] for uid, part in facts["subtasks"].items()} == {
        "base": 100, "wugs_dist_before": 0,
    }  # fmt: skip
    assert facts["score"] == 50
    assert lines[0]["sentence_good"] == "A robin has a beak."


def test_the_space_before_the_phrase_is_scored_except_under_2025(tokenizer, write):
    row = {"prefix_acceptable": "The cat sees", "prefix_unacceptable": "A dog sees",
           "property_phrase": "qjx"}  # fmt: skip
    items = suite_for("comps").read(write({"comps_base.jsonl": [row]}))
    library = variant(tokenizer, trims=True)
    ids = library("The cat sees qjx", add_special_tokens=False).input_ids
    before = len(library("The cat sees", add_special_tokens=False).input_ids)
    assert library.convert_ids_to_tokens(ids[before]) == "Ġ"
    for name, first in (("honest", before), ("2025", before + 1)):
        texts = suite_for("comps").texts(items, rules_named(name))
        (good, _) = encode_causal(texts, library, rules_named(name), None)
        assert (good.ids.tolist(), good.first, good.stop) == (ids, first, len(ids))


def test_a_file_that_is_no_part_of_comps_is_refused(write):
    row = {"prefix_acceptable": "A robin", "prefix_unacceptable": "A stone",
           "property_phrase": "has a beak."}  # fmt: skip
    with pytest.raises(InputError, match=r"comps_base \(1\)\.jsonl is not a part of COMPS"):
        suite_for("comps").read(write({"comps_base (1).jsonl": [row]}))
