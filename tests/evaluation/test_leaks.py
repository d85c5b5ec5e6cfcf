import json

import pytest

from babyllama.data.leaks import of_corpus
from babyllama.evaluation.leaks import benchmark_texts, check_benchmarks

GOOD = "Who might Rose flee from at the old market?"


@pytest.fixture
def pairs(tmp_path):
    path = tmp_path / "pairs.jsonl"
    rows = [
        {"sentence_good": GOOD, "sentence_bad": "Who might Rose flee at the old market from?"},
        {"sentence_good": "Cats sleep.", "sentence_bad": "Cats sleeps."},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def corpus(tmp_path):
    (tmp_path / "corpus/train").mkdir(parents=True)
    (tmp_path / "corpus/train/a.txt").write_text(f"{GOOD}\nOther.\n")
    return tmp_path / "corpus"


def test_all_options_of_all_items_are_read_with_their_contexts(pairs, tmp_path):
    (found,) = benchmark_texts({"mine": pairs})
    (lines,) = found.read[""]()
    assert [line.text for line in lines] == [
        GOOD, "Who might Rose flee at the old market from?", "Cats sleep.", "Cats sleeps."
    ]  # fmt: skip
    row = {
        "Target1": "Ann is out.", "Target2": "Ann is in.", "Context1": "She left.",
        "Context2": "She came.", "Domain": "d", "ContextType": "direct", "ContextDiff": "x",
        "TargetDiff": "y",
    }  # fmt: skip
    (tmp_path / "ewok.jsonl").write_text(json.dumps(row) + "\n")
    (ewok,) = benchmark_texts({"ewok": tmp_path / "ewok.jsonl"})
    (lines,) = ewok.read[""]()
    assert "She left. Ann is out." in [line.text.strip() for line in lines]
    assert ewok.is_private


def test_what_benchmarks_share_with_train_is_written_once(pairs, corpus, tmp_path):
    out, again = tmp_path / "evaluation", tmp_path / "again"
    for folder in (out, again):
        folder.mkdir()
    check_benchmarks({"mine": pairs}, corpus, out)
    found = json.loads((out / "leaks.json").read_text())["leaks"]
    assert found["benchmarks"]["mine"]["total"]["same_lines"] == 1
    assert found["benchmarks"]["mine"]["total"]["lines"] == 4
    check_benchmarks({"mine": pairs}, corpus, again, before=[out])
    assert (again / "leaks.json").read_bytes() == (out / "leaks.json").read_bytes()
    (corpus / "train/a.txt").write_text("Other.\n")
    check_benchmarks({"mine": pairs}, corpus, again, before=[out])
    found = json.loads((again / "leaks.json").read_text())["leaks"]
    assert found["benchmarks"]["mine"]["total"]["same_lines"] == 0


def test_without_a_corpus_or_benchmarks_nothing_is_written(pairs, corpus, tmp_path):
    check_benchmarks({"mine": pairs}, tmp_path / "gone", tmp_path)
    check_benchmarks({}, corpus, tmp_path)
    assert not (tmp_path / "leaks.json").exists()


def test_a_very_large_text_is_not_compared_and_the_command_for_it_is_said(
    pairs, corpus, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(of_corpus, "_LARGE", 10)
    check_benchmarks({"mine": pairs}, corpus, tmp_path)
    assert not (tmp_path / "leaks.json").exists()
    said = "".join(capsys.readouterr().err.split())
    assert f"babyllamacorpusleaks{corpus}--benchmarkmine={pairs}" in said
