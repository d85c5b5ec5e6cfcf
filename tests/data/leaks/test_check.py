"""All of a check, against comparing the words themselves; and its counts, samples and places."""

import os
from pathlib import Path

import pytest
from plain_leaks import again_in_train, copied_text, dev_in_train

from babyllama.data.leaks.check import check
from babyllama.data.leaks.index import text_of_benchmark
from babyllama.data.sources import Domain, read_split

DATA = os.environ.get("BABYLLAMA_DATA")
BOTH = frozenset({"leak", "duplicate"})
STORY = "Once upon a time there was a little girl who lived in a small house near the forest."


@pytest.fixture
def written(tmp_path):
    def write(name, text):
        path = tmp_path / f"{name}.txt"
        path.write_text(text, encoding="utf-8")
        return [Domain(name, path)]

    return write


def part(found, keys):
    return {key: found["total"][key] for key in keys}


@pytest.mark.parametrize("seed", range(5))
def test_the_counts_are_those_of_comparing_the_words_themselves(written, seed):
    train = copied_text(seed, documents=30)
    dev = copied_text(seed + 100) + "\n" + "\n\n".join(train.split("\n\n")[3:6])
    found = check(written("train", train), written("dev", dev)).found
    expected = dev_in_train(train, dev)
    assert expected["shared_sequences"] > 20
    assert part(found["dev"], expected) == expected
    expected = again_in_train(train)
    assert expected["shared_sequences"] > 20
    assert part(found["within"], expected) == expected


def test_domains_and_lengths_add_up_to_the_total(written):
    text = copied_text(7, documents=30)
    train = [*written("a", text), *written("b", "\n\n".join(text.split("\n\n")[:15]))]
    found = check(train, written("dev", text)).found
    for each in (found["dev"], found["within"]):
        for group in ("domains", "lengths"):
            for key in ("lines", "words", "same_lines", "sequence_words", "near_lines"):
                assert sum(row[key] for row in each[group].values()) == each["total"][key]
    domains = found["within"]["domains"]
    assert domains["b"]["same_lines"] == domains["b"]["lines"]  # all of it stands in a


def test_short_lines_are_counted_apart_and_are_no_leaks(written):
    train = written("train", f"Yes.\nOh yes.\n\n{STORY}\n")
    checked = check(train, written("dev", f"yes\noh, yes!\nYes?\n\n{STORY.upper()}\n"), drop=BOTH)
    lengths = checked.found["dev"]["lengths"]
    assert (lengths["1-2"]["same_lines"], lengths["13+"]["same_lines"]) == (3, 1)
    assert checked.found["dev"]["dropped"]["lines"] == 1
    assert [(place.line, copy.why) for place, copy in checked.copies["leak"].items()] == [
        (4, "sequence")
    ]


def test_a_sentence_of_a_benchmark_is_found_inside_a_line_and_across_lines(written):
    texts = [
        "Who might Rose flee from at the old market?",
        "Too short to say.",
        "Not in it at all.",
    ]
    text = (
        "He asked: who might Rose flee\nfrom at the old market? Nobody knew.\nToo short to say!\n"
    )
    checked = check(
        written("train", text), benchmarks=[text_of_benchmark("mine", texts)], drop=BOTH
    )
    found = checked.found["benchmarks"]["mine"]
    assert found["total"]["shared_sequences"] == 1
    assert found["total"]["sequence_words"] == 9
    assert found["total"]["same_lines"] == 1
    assert "domains" not in found
    leaks = {place.line: copy for place, copy in checked.copies["leak"].items()}
    assert leaks.keys() == {1, 2}
    assert (leaks[2].where, leaks[2].place.line) == ("mine", 1)
    (sample, *_) = [each for each in found["samples"] if each["why"] == "sequence"]
    assert sample["text"] == texts[0]
    assert sample["copy"]["text"] == "He asked: who might Rose flee"


def test_a_private_benchmark_is_counted_and_not_shown(written):
    private = text_of_benchmark("mine", [STORY], is_private=True)
    found = check(written("train", STORY), benchmarks=[private]).found["benchmarks"]["mine"]
    assert found["total"]["same_lines"] == 1
    assert found["samples"] == []


def test_duplicates_are_equal_nearly_equal_or_fully_repeated_lines(written):
    words = STORY[:-1].split()
    near = " ".join([*words[:-1], "wood."])
    halves = " ".join(words[:9]) + "\n" + " ".join(words[9:])
    text = "\n\n".join([STORY, "Yes.", STORY.upper(), near, "Yes.", halves])
    checked = check(written("train", text), drop=BOTH)
    assert {place.line: copy.why for place, copy in checked.copies["duplicate"].items()} == {
        5: "same", 7: "near", 11: "sequence", 12: "sequence"
    }  # fmt: skip
    assert {copy.place.line for copy in checked.copies["duplicate"].values()} == {1}
    assert checked.found["within"]["most"] == [
        {"times": 2, "text": STORY}, {"times": 2, "text": "Yes."}
    ]  # fmt: skip


def test_text_without_spaces_is_compared_by_characters(written):
    sentence = "我昨天在圖書館裡看見一位老先生正在讀一本很厚的歷史書籍"
    train = written("train", f"他說{sentence}，然後走了。\n好。\n")
    found = check(train, written("dev", f"{sentence}。\n好\n今天下雨\n")).found
    assert found["settings"]["unit"] == "characters"
    assert found["dev"]["total"]["sequence_words"] == len(sentence)
    assert found["dev"]["lengths"]["1-5"]["same_lines"] == 1


def test_a_text_in_which_nothing_can_be_compared_shares_nothing(written):
    found = check(written("train", "...\n!\n"), written("dev", "?\n")).found
    assert found["train"] == {"lines": 0, "words": 0}
    assert found["dev"]["total"]["same_lines"] == found["within"]["total"]["lines"] == 0


@pytest.mark.skipif(not DATA, reason="BABYLLAMA_DATA names no folder with text/")
def test_the_tales_that_babylm_2023_has_in_train_and_dev_are_found():
    folder = Path(str(DATA)) / "text/large"
    train = [each for each in read_split(folder, "train") if each.name == "cbt"]
    dev = [each for each in read_split(folder, "dev") if each.name == "children_stories"]
    found = check(train, dev, within=False).found["dev"]["domains"]["children_stories"]
    assert found["shared_sequences"] == 6395
