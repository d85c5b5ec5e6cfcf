"""Entity tracking: five continuations, from a locked zip that stays packed."""

from itertools import islice

import pytest

from babyllama.errors import InputError
from babyllama.evaluation.likelihood.rules import rules_named
from babyllama.evaluation.likelihood.texts import Text
from babyllama.evaluation.suites import suite_for
from babyllama.runs import rows as files


def texts_of(name, items):
    return suite_for(name).texts(items, rules_named("honest"))


def box(numops, right="the ball"):
    return {
        "input_prefix": "Box 1 contains the ball. Box 1 contains ", "numops": numops,
        "options": [right, "the hat", "nothing", "the bone", "the cup"],
    }  # fmt: skip


def test_entity_tracking_is_the_mean_over_files_of_the_mean_over_operations(write, score):
    suite = suite_for("entity_tracking")
    items = suite.read(
        write({"regular.jsonl": [box(0), box(0), box(1)], "ambiref.jsonl": [box(2)]})
    )
    assert [item.uid for item in items] == [
        "ambiref_2_ops", "regular_0_ops", "regular_0_ops", "regular_1_ops",
    ]  # fmt: skip
    assert texts_of("entity_tracking", items)[1] == Text("the hat", box(0)["input_prefix"])
    right, wrong = [-1, -2, -3, -4, -5], [-3, -2, -9, -4, -5]
    facts, lines = score(suite, items, [*wrong, *right, *wrong, *right])
    assert facts["score"] == pytest.approx(100 * (0 + (0.5 + 1) / 2) / 2)
    assert facts["chance"] == 20
    assert facts["subtasks"]["regular_0_ops"]["decisions"] == "10"
    assert lines[0] == {
        "UID": "ambiref_2_ops", "pairID": "0", "group": "ambiref", "log_likelihood_good": -3,
        "log_likelihood_bad": -2, "correct": 0, "log_likelihoods": wrong,
    }  # fmt: skip


@pytest.mark.parametrize(("name", "credit"), [("honest", 0.5), ("2025", 1)])
def test_a_tie_at_the_top_counts_as_the_rules_say_and_one_below_it_is_none(
    write, score, name, credit
):
    suite = suite_for("entity_tracking")
    items = suite.read(write({"regular.jsonl": [box(0), box(0), box(0)]}))
    values = [*[-1, -1, -1, -4, -5], *[-1, -2, -2, -2, -2], *[-3, -1, -1, -4, -5]]
    _, lines = score(suite, items, values, name)
    assert [line["correct"] for line in lines] == [credit, 1, 0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"options": ["only one"]},
            r"regular\.jsonl:1: options is \['only one'\], not a list of 2",
        ),
        ({"options": ["a", 3]}, r"options\[1\] is 3, not a text"),
        ({"numops": 1.5}, r"numops is 1\.5, not a whole number"),
        ({"numops": "many"}, r"numops is 'many', not a number"),
        ({"numops": True}, "numops is True, not a number"),
        ({"input_prefix": ""}, "input_prefix is empty"),
    ],
)
def test_a_broken_box_is_named_by_file_and_line(write, change, message):
    with pytest.raises(InputError, match=message):
        suite_for("entity_tracking").read(write({"regular.jsonl": [box(0) | change]}))


def test_a_prefix_and_its_options_come_from_a_locked_zip_that_stays_packed(data, monkeypatch):
    path = data / "benchmarks" / "entity_tracking" / "entity_tracking.zip"
    before = sorted(file.name for file in path.parent.iterdir())
    # Three files of several thousand rows are counted elsewhere; here the first of each will do.
    read = files.read_json_lines
    monkeypatch.setattr(files, "read_json_lines", lambda *each: islice(read(*each), 3))
    items = suite_for("entity_tracking").read(path)
    assert {item.group for item in items} == {"ambiref", "move_contents", "regular"}
    assert all(len(item.options) == 5 and item.is_private for item in items)
    assert all(item.options[0].context.endswith("contains ") for item in items)
    assert sorted(file.name for file in path.parent.iterdir()) == before


def test_another_password_is_refused(data, monkeypatch):
    path = data / "benchmarks" / "entity_tracking" / "entity_tracking.zip"
    monkeypatch.setattr("babyllama.evaluation.suites.entity_tracking._PASSWORD", b"wrong")
    with pytest.raises(InputError, match=r"cannot be unpacked: .*password"):
        suite_for("entity_tracking").read(path)
