"""EWoK: two targets after the first context, or one target after two contexts."""

import pytest

from babyllama.evaluation.likelihood.rules import rules_named
from babyllama.evaluation.likelihood.texts import Text
from babyllama.evaluation.suites import suite_for


def texts_of(name, items):
    return suite_for(name).texts(items, rules_named("honest"))


ROW = {
    "Domain": "physical-relations", "Context1": "The cup is on the shelf.",
    "Context2": "The shelf is on the cup.", "Target1": "The cup is above the shelf.",
    "Target2": "The cup is below the shelf.", "ContextType": "direct",
    "ContextDiff": "swap", "TargetDiff": "swap",
}  # fmt: skip


def test_ewok_asks_for_both_targets_after_the_first_context(write, score):
    row = ROW
    other = row | {"Domain": "agent-properties"}
    suite = suite_for("ewok")
    items = suite.read(write({"a.jsonl": [row, row, row], "b.jsonl": [other]}))
    first, second, *_ = texts_of("ewok", items)
    assert first == Text(" The cup is above the shelf.", "The cup is on the shelf.")
    assert second == Text(" The cup is below the shelf.", "The cup is on the shelf.")
    facts, lines = score(suite, items, [-1, -2, -1, -2, -2, -1, -2, -1])
    assert facts["score"] == pytest.approx(100 * (2 / 3 + 0) / 2)
    assert facts["chance"] == 50
    assert [line["correct"] for line in lines] == [1, 1, 0, 0]
    assert not any("cup" in str(value) for line in lines for value in line.values())


def test_ewok_of_2026_asks_for_the_first_target_after_both_contexts(write):
    items = suite_for("ewok_2026").read(write({"a.jsonl": [ROW]}))
    assert texts_of("ewok_2026", items) == [
        Text(" The cup is above the shelf.", "The cup is on the shelf."),
        Text(" The cup is above the shelf.", "The shelf is on the cup."),
    ]
    assert items[0].is_private
