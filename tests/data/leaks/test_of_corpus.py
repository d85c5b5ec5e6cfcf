import json

from babyllama.data.corpus import clean_corpus
from babyllama.data.leaks import of_corpus

TALE = "Once upon a time there was a little girl who lived in a small house near the forest."
OTHER = "The ship sailed at dawn, and by noon the last of the islands was out of our sight."


def write(folder, train, dev):
    for split, text in (("train", train), ("dev", dev)):
        (folder / split).mkdir(parents=True)
        (folder / split / "tales.txt").write_text(text, encoding="utf-8")
    return folder


def test_a_corpus_says_what_stands_twice_in_it(tmp_path, capsys):
    raw = write(tmp_path / "raw", f"{TALE}\n{OTHER}\n{OTHER}\n", f"{TALE}\n\nYes.\n")
    clean_corpus(raw, tmp_path / "clean", rules="thorough")
    found = json.loads((tmp_path / "clean/leaks.json").read_text("utf-8"))
    assert found["dev"]["total"]["same_lines"] == 1
    assert found["within"]["total"]["same_lines"] == 1
    assert (
        "94.7% of dev's words stand in sequences of 13 that train has too"
        in capsys.readouterr().err
    )


def test_what_is_dropped_is_said_and_kept_in_a_file_and_counted_in_the_facts(tmp_path, capsys):
    raw = write(tmp_path / "raw", f"{TALE}\n{OTHER}\n{OTHER}\n", f"{TALE}\n\nYes.\n")
    out = tmp_path / "clean"
    facts = clean_corpus(raw, out, rules="thorough", drop=frozenset({"leak", "duplicate"}))
    assert (out / "train/tales.txt").read_text("utf-8") == f"{OTHER}\n"
    assert (out / "dev/tales.txt").read_text("utf-8") == f"{TALE}\n\nYes.\n"
    assert len((out / "removed.jsonl").read_text("utf-8").splitlines()) == 2
    assert facts["removed"]["leak"]["lines"] == facts["removed"]["duplicate"]["lines"] == 1
    found = json.loads((out / "leaks.json").read_text("utf-8"))
    assert found["dev"]["total"]["same_lines"] == 0
    assert found["removed"] == facts["removed"]
    said = " ".join(capsys.readouterr().err.split())
    assert "1 line (18 words), also in dev or a benchmark; removed.jsonl" in said
    assert "1 line (18 words), also in train itself" in said
    assert "% of dev's words" not in said


def test_a_very_large_text_is_not_checked_and_this_is_said(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(of_corpus, "_LARGE", 10)
    raw = write(tmp_path / "raw", f"{TALE}\n", f"{OTHER}\n")
    clean_corpus(raw, tmp_path / "clean", rules="thorough")
    assert not (tmp_path / "clean/leaks.json").exists()
    assert (
        "no check for leaks: it takes memory for each line of 85 bytes" in capsys.readouterr().err
    )


def test_it_is_said_if_nothing_is_dropped(tmp_path, capsys):
    raw = write(tmp_path / "raw", f"{TALE}\n", f"{OTHER}\n")
    clean_corpus(raw, tmp_path / "clean", rules="thorough", drop=frozenset({"leak"}))
    said = " ".join(capsys.readouterr().err.split())
    assert "no line of train was dropped that also stands in dev or a benchmark" in said
