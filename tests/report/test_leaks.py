import json

import pytest

from babyllama.data.leaks.check import check
from babyllama.data.leaks.index import text_of_benchmark
from babyllama.data.sources import Domain
from babyllama.report import write_report
from babyllama.report.leaks import leak_samples, leak_sentences, leak_tables

TALE = "Once upon a time there was a little girl who lived in a small house near the forest."


@pytest.fixture
def found(tmp_path):
    def domain(name, text):
        path = tmp_path / f"{name}.txt"
        path.write_text(text, encoding="utf-8")
        return Domain(name, path)

    train = [
        domain("tales", f"{TALE}\n\nYes.\nYes.\n"),
        domain("talk", "Oh no.\nIt is late now.\n"),
    ]
    dev = [domain("dev_tales", f"{TALE}\n\nYes.\n"), domain("dev_talk", "Hm.\n" * 40)]
    return check(train, dev, [text_of_benchmark("blimp", ["It is late now.", "It late is."])]).found


def test_the_sentences_begin_with_what_matters(found):
    dev, blimp, train = leak_sentences(found)
    assert dev.startswith(
        "30.5% of the words of dev stand in sequences of 13 words that are also in train, in "
        "dev_tales 94.7%. 4.76% of its lines, with 32.2% of its words, are also lines of train: "
        "2.44% of lines of 1 to 2 words, 100.0% of lines of 13 or more words."
    )
    assert blimp.startswith("blimp: of 2 texts 1 are also lines of train")
    assert "20.0% of the lines, with 3.85% of the words, repeat an earlier line" in train


def test_what_was_dropped_is_said(found):
    removed = {"leak": {"lines": 1200, "words": 9000, "domains": {}}, "left_in_code": {}}
    assert leak_sentences({**found, "removed": removed})[-1] == (
        "drop_leaks: 1,200 lines with 9,000 words were dropped from train before; removed.jsonl "
        "keeps them."
    )


def test_tables_count_by_domain_and_by_length(found):
    dev, train, lengths = leak_tables(found)
    assert [row[0] for row in dev.rows] == ["dev_tales", "dev_talk", "total"]
    assert [row[0] for row in train.rows] == ["tales", "talk", "total"]
    assert {row[0]: row[3] for row in lengths.rows}["dev, 1-2"] == "1"
    assert "0.3% of those just at this limit are missed" in lengths.note


def test_samples_say_where_both_copies_stand(found):
    samples = leak_samples(found)
    assert f"dev dev_tales:1, an equal line in train at tales:1: “{TALE}”" in samples
    assert "blimp 1, an equal line in train at talk:2: “It is late now.”" in samples


def test_a_run_without_a_check_says_nothing():
    assert leak_sentences({}) == leak_tables({}) == leak_samples({}) == []


def test_the_report_has_a_section_on_leaks_if_the_run_was_checked(make_run, found, tmp_path):
    run = make_run(items=20)
    write_report([run], tmp_path / "before")
    before = (tmp_path / "before/report.md").read_text("utf-8")
    assert "Leaks and duplicates" not in before
    assert "dev in train" in before  # by the older count in stats.json
    of_corpus = {key: each for key, each in found.items() if key != "benchmarks"}
    (run / "corpus/leaks.json").write_text(json.dumps(of_corpus), "utf-8")
    (run / "evaluation/leaks.json").write_text(json.dumps({"leaks": found}), "utf-8")
    write_report([run], tmp_path / "after")
    text = (tmp_path / "after/report.md").read_text("utf-8")
    assert "dev in train" not in text
    section = text[text.index("## Leaks and duplicates") :]
    assert section.index("of the words of dev stand in") < section.index("blimp: of 2 texts 1")
    assert section.index("Within train") < section.index("**By the length of lines in words**")


def test_a_table_names_the_unit_that_it_counts(found):
    found["settings"]["unit"] = "characters"
    for each in leak_tables(found):
        assert each.head[2] == "characters"
        assert "characters in sequences" in each.head
        assert not any("words" in name for name in each.head)
