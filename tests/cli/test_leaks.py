"""`babyllama corpus leaks`, and the options of `corpus clean` that drop what it finds."""

import json

import pytest
from commands import babyllama, invoke, refused

TALE = "Once upon a time there was a little girl who lived in a small house near the forest."


@pytest.fixture
def raw(tmp_path):
    for split, text in (("train", f"{TALE}\n\nYes.\nIt is late.\n"), ("dev", f"{TALE}\n\nYes.\n")):
        (tmp_path / "raw" / split).mkdir(parents=True)
        (tmp_path / "raw" / split / "tales.txt").write_text(text, encoding="utf-8")
    return tmp_path / "raw"


@pytest.fixture
def pairs(tmp_path):
    path = tmp_path / "pairs.jsonl"
    path.write_text(json.dumps({"sentence_good": "It is late.", "sentence_bad": "It late."}) + "\n")
    return path


def test_leaks_says_what_is_shared_in_words_as_json_and_in_a_file(raw, pairs, tmp_path):
    out = tmp_path / "found.json"
    said = babyllama("corpus", "leaks", raw, "--benchmark", f"mine={pairs}", "--out", out)
    assert "94.7% of the words of dev stand in sequences of 13 words" in said
    assert "mine: of 2 texts 1 are also lines of train" in said
    assert "By the length of lines in words" in said
    found = json.loads(invoke("corpus", "leaks", raw, "--json").stdout)
    assert found["dev"] == json.loads(out.read_text("utf-8"))["dev"]
    assert list(found["benchmarks"]) == []


def test_leaks_takes_dev_text_from_elsewhere_or_does_without(raw, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other/talk.dev").write_text("It is late.\nNo.\n")
    said = babyllama("corpus", "leaks", raw, "--dev", tmp_path / "other")
    assert "50.0% of its lines" in said
    said = babyllama("corpus", "leaks", raw / "train")
    assert "has no dev text: train is compared with benchmarks and with itself" in said


def test_leaks_refuses_what_cannot_be_compared(raw, pairs, tmp_path):
    assert "above 0 and at most 1" in refused("corpus", "leaks", raw, "--near-duplicate", "0")
    assert "gone not found" in refused("corpus", "leaks", raw, "--benchmark", "mine=gone")
    assert "is given twice" in refused(
        "corpus", "leaks", raw, "--benchmark", f"a={pairs}", "--benchmark", f"a={pairs}"
    )
    (tmp_path / "empty").mkdir()
    assert "holds no text" in refused("corpus", "leaks", raw, "--dev", tmp_path / "empty")
    (tmp_path / "empty/a.dev").write_text(" \n")
    assert "holds no text" in refused("corpus", "leaks", raw, "--dev", tmp_path / "empty")
    (raw / "dev/tales.txt").write_bytes(b"caf\xe9\n")
    assert "is not UTF-8" in refused("corpus", "leaks", raw)
    assert "is read by this command" in refused(
        "corpus", "leaks", raw / "train/tales.txt", "--out", raw / "train/tales.txt"
    )


def test_clean_drops_leaks_of_dev_and_of_benchmarks(raw, pairs, tmp_path):
    sentence = "Who might Rose flee from at the old market?"
    row = {"sentence_good": sentence, "sentence_bad": f"{sentence} Now."}
    pairs.write_text(json.dumps(row) + "\n")
    with (raw / "train/tales.txt").open("a") as file:
        file.write(f"{sentence}\n")
    out = tmp_path / "clean"
    babyllama("corpus", "clean", raw, out, "--drop-leaks", "--benchmark", f"mine={pairs}")
    assert (out / "train/tales.txt").read_text() == "Yes.\nIt is late.\n"
    assert len((out / "removed.jsonl").read_text().splitlines()) == 2
    inputs = json.loads((out / "manifest.json").read_text())["inputs"]
    assert set(inputs) == {"source", "benchmark mine"}


def test_clean_drops_duplicates_and_leaves_leaks_if_only_duplicates_are_to_go(raw, tmp_path):
    (raw / "train/tales.txt").write_text(f"{TALE}\nYes.\n\n{TALE}\n")
    out = tmp_path / "clean"
    babyllama("corpus", "clean", raw, out, "--drop-duplicates")
    assert (out / "train/tales.txt").read_text() == f"{TALE}\nYes.\n"
    recipe = json.loads((out / "manifest.json").read_text())["recipe"]
    assert (recipe["drop_duplicates"], recipe["near_duplicate"]) == (True, 0.7)
    assert "drop_leaks" not in recipe


def test_clean_refuses_options_that_would_do_nothing_or_leave_nothing(raw, pairs, tmp_path):
    out = tmp_path / "clean"
    given = f"mine={pairs}"
    assert "does nothing without --drop-leaks" in refused(
        "corpus", "clean", raw, out, "--benchmark", given
    )
    assert "near_duplicate is 1.5" in refused(
        "corpus", "clean", raw, out, "--near-duplicate", "1.5"
    )
    (raw / "train/tales.txt").write_text(f"{TALE}\n")
    assert "nothing of the training text" in refused("corpus", "clean", raw, out, "--drop-leaks")


def test_the_folder_of_the_results_is_made(raw, tmp_path):
    babyllama("corpus", "leaks", raw, "--out", tmp_path / "new" / "found.json")
    assert (tmp_path / "new" / "found.json").is_file()
