"""SyntaxGym: region sums against one plain pass a sentence, and from surprisals to the score."""

import json

import numpy as np
import pytest
from plain_likelihoods import near, plain_token_bits, scorer_of

from babyllama.errors import InputError
from babyllama.evaluation.likelihood.rules import rules_named
from babyllama.evaluation.likelihood.scorer import likelihoods
from babyllama.evaluation.likelihood.texts import Text
from babyllama.evaluation.suites import suite_for

SUITE, HONEST = suite_for("syntaxgym"), rules_named("honest")
SENTENCES = {"match": ["The cat", "", "qjx", "sees", "."], "mismatch": ["The cats", "", "qjx",
             "sees", "."]}  # fmt: skip
FORMULA = "((3;%match%) + (4;%match%)) < ((3;%mismatch%) + (4;%mismatch%))"


def written(folder, name="number", formulas=(FORMULA,), sentences=(SENTENCES,), **meta):
    items = [
        {
            "item_number": number,
            "conditions": [
                {
                    "condition_name": condition,
                    "regions": [
                        {"region_number": at, "content": content}
                        for at, content in enumerate(contents, start=1)
                    ],
                }
                for condition, contents in each.items()
            ],
        }
        for number, each in enumerate(sentences, start=1)
    ]
    suite = {
        "meta": {"name": name, "metric": "sum", **meta},
        "region_meta": {"1": "subject"},
        "predictions": [{"type": "formula", "formula": formula} for formula in formulas],
        "items": items,
    }
    (folder / f"{name}.json").write_text(json.dumps(suite), encoding="utf-8")
    return folder


def test_a_region_is_scored_after_the_text_up_to_it(tmp_path):
    items = SUITE.read(written(tmp_path))
    assert SUITE.texts(items, HONEST)[:4] == [
        Text("The cat"), Text(" qjx", "The cat"), Text(" sees", "The cat qjx"),
        Text(" .", "The cat qjx sees"),
    ]  # fmt: skip


def test_region_sums_are_those_of_one_plain_pass_a_sentence(teachers, tmp_path):
    items = SUITE.read(written(tmp_path))
    scorer = scorer_of(teachers[:1])
    found = likelihoods(scorer, SUITE.texts(items, HONEST))
    result, (line,) = SUITE.scores(items, found, HONEST)
    expected = {}
    for condition, contents in SENTENCES.items():
        words = [content for content in contents if content]
        bits = plain_token_bits(teachers[0], scorer.tokenizer, " ".join(words))
        # A lone space before qjx is a token of its own and belongs to that region.
        ends = [
            len(scorer.tokenizer(" ".join(words[: n + 1]), add_special_tokens=False).input_ids)
            for n in range(len(words))
        ]
        sums = iter(np.add.reduceat(bits, [0, *ends[:-1]]).tolist())
        for at, content in enumerate(contents, start=1):
            expected[f"{at};{condition}"] = next(sums) if content else 0.0
    assert line["surprisals"] == near(expected)
    holds = (
        expected["3;match"] + expected["4;match"] < expected["3;mismatch"] + expected["4;mismatch"]
    )
    assert line["predictions"] == [holds]
    assert (result.score, result.chance) == (100.0 * holds, pytest.approx(50, abs=1))


def test_an_item_is_right_if_all_predictions_hold(tmp_path, score):
    two = {"a": ["x", "y"], "b": ["x", "z"]}
    written(tmp_path, "one", ["(2;%a%) < (2;%b%)", "(1;%a%) = (1;%b%)"], [two, two])
    written(tmp_path, "two", ["(2;%a%) < (2;%b%)"], [two])
    items = SUITE.read(tmp_path)
    assert [item.uid for item in items] == ["one", "one", "two"]
    values = [-1, -2, -1, -3, -1, -2, -2, -3, -1, -2, -1, -3]
    facts, lines = score(SUITE, items, values)
    assert [line["correct"] for line in lines] == [1, 0, 1]
    assert lines[1]["predictions"] == [True, False]
    assert facts["score"] == 75
    assert facts["aggregates"] == pytest.approx({"suites": 75, "items": 200 / 3, "predictions": 80})
    assert {uid: part["decisions"] for uid, part in facts["subtasks"].items()} == {
        "one": "10", "two": "1",
    }  # fmt: skip
    assert facts["chance"] == pytest.approx(25, abs=1)  # regions are never equal by chance


def test_a_region_may_be_averaged_over_its_tokens(tmp_path, said):
    written(tmp_path, "m", ["(1;%a%) < (1;%b%)"], [{"a": ["x y"], "b": ["z"]}], metric="mean")
    items = SUITE.read(tmp_path)
    _, (line,) = SUITE.scores(items, said([[-1, -2], [-1.6]]), HONEST)
    assert line["surprisals"] == pytest.approx({"1;a": 1.5 / np.log(2), "1;b": 1.6 / np.log(2)})
    assert line["correct"] == 1


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"metric": "sums"}, r"number\.json:1: meta\.metric is 'sums'\n.*sum, mean"),
        ({"formulas": ["(9;%match%) < 1"]}, r"predictions\[0\]: the formula \(9;%match%\) < 1 ca"),
        ({"formulas": []}, r"number\.json:1: has no predictions"),
        ({"sentences": [SENTENCES, {"match": ["x"]}]}, r"items\[1\] has other conditions or re"),
    ],
)
def test_a_broken_suite_is_named(tmp_path, more, message):
    with pytest.raises(InputError, match=message):
        SUITE.read(written(tmp_path, **more))


def test_a_suite_in_two_files_is_refused(tmp_path):
    written(tmp_path)
    (tmp_path / "copy.json").write_bytes((tmp_path / "number.json").read_bytes())
    with pytest.raises(InputError, match=r"copy\.json:1 and .*number\.json:1 are the same suite"):
        SUITE.read(tmp_path)
