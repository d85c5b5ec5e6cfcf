import json

import pytest

from babyllama.data.leaks.check import check
from babyllama.data.leaks.removal import remove_copies
from babyllama.data.sources import read_split
from babyllama.errors import InputError

TALE = "Once upon a time there was a little girl who lived in a small house near the forest."
OTHER = "The ship sailed at dawn, and by noon the last of the islands was out of our sight."
BOTH = frozenset({"leak", "duplicate"})


@pytest.fixture
def corpus(tmp_path):
    def write(train, dev="Nothing that train has.\n"):
        for split, texts in (("train", train), ("dev", {"a": dev})):
            (tmp_path / split).mkdir(exist_ok=True)
            for name, text in texts.items():
                (tmp_path / split / f"{name}.txt").write_text(text, encoding="utf-8")
        return tmp_path

    return write


def remove(folder, drop=BOTH):
    train, dev = read_split(folder, "train"), read_split(folder, "dev")
    return remove_copies(folder, check(train, dev, drop=frozenset(drop)), folder / "raw")


def text(folder, name="a"):
    return (folder / "train" / f"{name}.txt").read_text("utf-8")


def log(folder):
    return [json.loads(line) for line in (folder / "removed.jsonl").read_text("utf-8").splitlines()]


def test_a_leak_goes_and_a_document_ends_where_it_stood(corpus):
    folder = corpus({"a": f"First.\n{TALE}\nLast.\n\nNext.\n"}, f"{TALE.upper()}\n")
    removed = remove(folder, {"leak"})
    assert text(folder) == "First.\n\nLast.\n\nNext.\n"
    assert log(folder) == [
        {
            "domain": "a", "line": 2, "text": TALE, "kind": "leak", "why": "sequence",
            "copy": {"in": "dev", "domain": "a", "line": 1},
        }
    ]  # fmt: skip
    assert removed == {
        "leak": {"lines": 1, "words": 18, "domains": {"a": 1}}, "left_in_code": {}
    }  # fmt: skip


def test_the_first_of_several_copies_stays_and_short_lines_stay_all(corpus):
    folder = corpus({"a": f"Yes.\n{OTHER}\nYes.\n", "b": f"{OTHER.lower()}\nYes.\nNew.\n"})
    removed = remove(folder)
    assert text(folder, "a") == f"Yes.\n{OTHER}\nYes.\n"
    assert text(folder, "b") == "Yes.\nNew.\n"
    assert removed["duplicate"]["domains"] == {"b": 1}
    assert log(folder)[0]["copy"] == {"in": "train", "domain": "a", "line": 2}


def test_what_is_not_asked_for_stays(corpus):
    before = f"{OTHER}\n{OTHER}\n{TALE}\n"
    folder = corpus({"a": before}, f"{TALE}\n")
    remove(folder, {"duplicate"})
    assert text(folder) == f"{OTHER}\n\n{TALE}\n"


def test_a_file_without_copies_keeps_its_bytes_and_removing_again_finds_nothing(corpus):
    folder = corpus({"a": "\n\nOdd.\n\n\nText", "b": f"{TALE}\nMore.\n"}, f"{TALE}\n")
    remove(folder)
    assert text(folder, "a") == "\n\nOdd.\n\n\nText"
    assert remove(folder)["leak"]["lines"] == 0


def test_of_a_very_long_line_only_the_stretch_with_the_leak_goes(corpus):
    sentences = [f"Sentence {n} says a thing of its own, and it is number {n}. " for n in range(90)]
    folder = corpus({"a": "".join([*sentences[:45], TALE, " ", *sentences[45:]]) + "\n"}, TALE)
    removed = remove(folder)["leak"]
    assert removed["lines"] == len(log(folder)) <= 2
    left = text(folder)
    assert TALE not in left
    assert left.startswith(sentences[0])
    assert left.endswith(sentences[-1] + "\n")
    assert 0.6 < len(left) / len("".join(sentences)) < 1
    assert left.count("\n\n") == 1


def test_a_domain_of_which_nothing_is_left_has_no_file(corpus):
    folder = corpus({"a": f"{TALE}\n", "b": "Stays.\n"}, f"{TALE}\n")
    remove(folder)
    assert sorted(path.name for path in (folder / "train").iterdir()) == ["b.txt"]


def test_source_code_keeps_its_lines(corpus):
    line = "if each is not None and each not in found: found.append(each) or print(each, 'is new')"
    folder = corpus({"code_py": f"{line}\n\n{line}\n"})
    assert remove(folder)["left_in_code"] == {"code_py": 1}
    assert text(folder, "code_py") == f"{line}\n\n{line}\n"


def test_a_training_text_that_is_all_leaks_is_refused_and_stays(corpus):
    folder = corpus({"a": f"{TALE}\n{OTHER}\n"}, f"{TALE}\n{OTHER}\n")
    with pytest.raises(InputError, match=r"nothing of the training text of .*/raw is(.|\n)*/raw$"):
        remove(folder)
    assert text(folder) == f"{TALE}\n{OTHER}\n"
