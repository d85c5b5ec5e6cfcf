"""What of two runs can be compared, and the sentences on their students."""

import json
import shutil

import pytest
from result_files import benchmark

from babyllama.report.comparable import (
    sentences,
    shared_benchmark,
    why_no_curves,
    why_no_items,
    why_no_tokens,
    why_not_drawn,
)
from babyllama.report.labelled import labelled
from babyllama.report.scored_run import scored_run
from babyllama.runs.run import read_run


@pytest.fixture
def two(make_run):
    return make_run("one", items=60), make_run("other", items=60)


def read(folders):
    return labelled(folders, [scored_run(read_run(folder)) for folder in folders])


def score(folder, name, result):
    path = folder / f"evaluation/{name}.json"
    found = json.loads(path.read_text())
    path.write_text(json.dumps(found | {"benchmarks": {"grammar": result}}))


def told(folders):
    first, other = read(folders)
    return [*sentences(other, first, shared_benchmark([first, other]))]


def change_items(folder):
    for path in (folder / "evaluation").glob("*.json"):
        found = json.loads(path.read_text())
        if "benchmarks" in found:
            found["benchmarks"]["grammar"]["items"] = "others"
            path.write_text(json.dumps(found))


def change_tokens(folder):
    shutil.rmtree(folder / "evaluation/measures")
    tokens = json.loads((folder / "tokens/tokens.json").read_text())
    (folder / "tokens/tokens.json").write_text(json.dumps(tokens | {"dev_tokens": 1}))


def test_runs_that_are_alike_can_be_compared_and_differ_in_nothing(two):
    first, other = read(two)
    assert why_no_items(other, first, "grammar") == why_no_tokens(other, first) == ""
    assert [*why_not_drawn([first, other], "grammar"), *why_no_curves([first, other])] == []
    on_grammar, on_text = told(two)
    assert on_grammar.startswith(
        "On grammar the student of other is not detectably different from that of one: "
    )
    assert on_text == (
        "On unseen text the student of other is not detectably different from that of one: 3.000 "
        "against 3.000 nats per token (difference 0.000, 95% 0.000 to 0.000)."
    )


def test_other_items_leave_the_unseen_text(two):
    change_items(two[1])
    on_text, on_grammar = told(two)
    assert on_text.startswith("On unseen text the student of other is not detectably")
    assert on_grammar == "On grammar they cannot be compared: their items differ."
    first, other = read(two)
    (why,) = why_not_drawn([first, other], "grammar")
    assert why.endswith("on the same axes: on grammar their items differ.")
    assert [*why_no_curves([first, other])] == []


def test_other_tokens_leave_the_benchmark(two):
    change_tokens(two[1])
    on_grammar, on_text = told(two)
    assert on_grammar.startswith("On grammar the student of other is not detectably")
    assert on_text == "On unseen text they cannot be compared: their tokens differ."


def test_losses_without_intervals_say_so(two):
    for folder in two:
        shutil.rmtree(folder / "evaluation/measures")
    assert told(two)[1] == (
        "On unseen text the student of other is compared with that of one without an interval: "
        "3.000 against 3.000 nats per token (difference 0.000)."
    )


def test_students_at_chance_decide_nothing(two):
    for folder, text in zip(two, ("10", "01"), strict=True):
        score(folder, "distilled", benchmark({"a": text * 50}))
    assert told(two)[0].startswith(
        "On grammar the student of other is at chance, like that of one, so nothing can be "
        "concluded: 50.0% against 50.0% (difference 0.0, 95% "
    )


def test_of_three_runs_those_that_differ_are_told(two, make_run):
    third = make_run("third", items=60)
    change_items(third)
    change_tokens(third)
    runs = read([*two, third])
    (why,) = why_not_drawn(runs, "grammar")
    assert why.startswith("No picture has the models of one and third on the same axes: ")
