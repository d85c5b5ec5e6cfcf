"""Suites of choices: BLiMP's relatives, EWoK, COMPS and entity tracking, with rows made up here."""

import gzip
import zipfile
from itertools import islice

import pytest

from babyllama.errors import InputError
from babyllama.evaluation.likelihood.rules import rules_named
from babyllama.evaluation.likelihood.texts import Text
from babyllama.evaluation.suites import suite_for
from babyllama.runs import rows as files


def texts_of(name, items):
    return suite_for(name).texts(items, rules_named("honest"))


def test_ewok_asks_for_both_targets_after_the_first_context(write, score):
    row = {
        "Domain": "physical-relations", "Context1": "The cup is on the shelf.",
        "Context2": "The shelf is on the cup.", "Target1": "The cup is above the shelf.",
        "Target2": "The cup is below the shelf.", "ContextType": "direct",
        "ContextDiff": "swap", "TargetDiff": "swap",
    }  # fmt: skip
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


def test_comps_asks_for_one_phrase_after_two_prefixes(write, score):
    row = {"prefix_acceptable": "A robin", "prefix_unacceptable": "A stone",
           "property_phrase": "has a beak."}  # fmt: skip
    suite = suite_for("comps")
    items = suite.read(write({"comps_base.jsonl": [row], "comps_wugs_dist-before.jsonl": [row]}))
    assert texts_of("comps", items)[:2] == [
        Text(" has a beak.", "A robin"), Text(" has a beak.", "A stone"),
    ]  # fmt: skip
    facts, lines = score(suite, items, [-1, -3, -3, -1])
    assert {uid: part["score"] for uid, part in facts["subtasks"].items()} == {
        "base": 100, "wugs_dist_before": 0,
    }  # fmt: skip
    assert facts["score"] == 50
    assert lines[0]["sentence_good"] == "A robin has a beak."


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
        ({"options": ["a", 3]}, r"options\[1\] is 3, not of type str"),
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


def test_blimp_nl_counts_all_pairs_alike(write, score):
    rows = [{"sentence_good": "a b", "sentence_bad": "b a", "category": c} for c in "ppq"]
    suite = suite_for("blimp_nl")
    items = suite.read(write({"blimp-nl.jsonl": rows}))
    facts, _ = score(suite, items, [-1, -2, -1, -2, -2, -1])
    assert facts["score"] == pytest.approx(200 / 3)
    assert facts["aggregates"]["uids"] == 50


def test_zhoblimp_groups_by_phenomenon_and_averages_paradigms(write, score):
    rows = [
        {"UID": uid, "phenomenon": group, "sentence_good": "你把杯子打碎了。",
         "sentence_bad": "杯子把你打碎了。", "pairID": number}
        for number, (uid, group) in enumerate([("u", "BA"), ("u", "BA"), ("v", "BA")])
    ]  # fmt: skip
    suite = suite_for("zhoblimp")
    items = suite.read(write({"z.jsonl": rows}))
    for name in ("honest", "2023"):
        facts, _ = score(suite, items, [-1, -2, -2, -1, -1, -2], name)
        assert facts["score"] == 75
    assert list(facts["groups"]) == ["BA"]


def test_turblimp_is_read_from_tables_with_semicolons(tmp_path):
    header = "good_sentence;bad_sentence;good_cue;bad_cue;critical_region;phenomenon\n"
    rows = (
        'Kendimi gördüm.;Kendini gördüm.;kendimi;kendini;gördüm;binding  \n"A; b.";B.;;;;binding\n'
    )
    (tmp_path / "binding.csv.gz").write_bytes(gzip.compress((header + rows).encode()))
    first, second = suite_for("turblimp").read(tmp_path)
    assert (first.uid, first.options[1]) == ("binding", Text("Kendini gördüm."))
    assert second.options[0] == Text("A; b.")
    (tmp_path / "binding.csv.gz").write_bytes(gzip.compress((header + "only;two\n").encode()))
    with pytest.raises(InputError, match=r"binding\.csv\.gz:2: does not have the 6 fields"):
        suite_for("turblimp").read(tmp_path)
    (tmp_path / "binding.csv.gz").write_bytes(gzip.compress(header.encode()))
    with pytest.raises(InputError, match="has no line after its header"):
        suite_for("turblimp").read(tmp_path)


def test_a_zip_of_another_suite_is_read_from_inside(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("deep/t.jsonl", '{"text": "so it goes"}\n')
    (item,) = suite_for("lambada").read(tmp_path / "x.zip")
    assert item.word == "goes"
