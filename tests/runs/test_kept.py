"""A result is made once, and again when what decides it has changed or something is damaged."""

import json

import pytest

from babyllama.runs.kept import kept, parts_folder, read_kept, read_undamaged

KEY = {"model": "3f9c", "windows": (1, 2), "seed": 3}


class Maker:
    """Counts how often a result is made."""

    def __init__(self, *files):
        self.files, self.calls = files, 0

    def __call__(self):
        self.calls += 1
        for file in self.files:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("a line\n")
        return {"score": 61.25, "call": self.calls}


def test_a_result_is_made_once(tmp_path):
    make = Maker()
    first = kept(tmp_path / "deep" / "a.json", KEY, make)
    assert first == {"score": 61.25, "call": 1}
    assert kept(tmp_path / "deep" / "a.json", KEY, make) == first
    assert make.calls == 1


@pytest.mark.parametrize(
    "key", [{**KEY, "seed": 4}, {**KEY, "windows": (1,)}, {**KEY, "more": None}, {"seed": 3}]
)
def test_another_key_makes_it_again(tmp_path, key):
    make = Maker()
    kept(tmp_path / "a.json", KEY, make)
    assert kept(tmp_path / "a.json", key, make)["call"] == 2
    assert read_kept(tmp_path / "a.json", KEY) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace("61.25", "99.25"),
        lambda text: text.replace("3f9c", "3f9d"),
        lambda text: text[: len(text) // 2],
        lambda _: "",
        lambda _: "[1]",
        lambda _: "{}",
    ],
)
def test_a_damaged_result_is_made_again(tmp_path, damage):
    make, path = Maker(), tmp_path / "a.json"
    kept(path, KEY, make)
    path.write_text(damage(path.read_text()))
    assert read_undamaged(path) is None
    assert kept(path, KEY, make) == {"score": 61.25, "call": 2}


def test_a_file_that_was_written_besides_must_be_there_undamaged(tmp_path):
    files = [tmp_path / "items" / "a.jsonl", tmp_path / "items" / "b.jsonl"]
    make = Maker(*files)
    for call, break_it in enumerate((None, files[1].unlink, lambda: files[0].write_text("other"))):
        if break_it:
            break_it()
        for _ in range(2):
            assert kept(tmp_path / "a.json", KEY, make, files=files)["call"] == call + 1
    assert kept(tmp_path / "a.json", KEY, make, files=files[:1])["call"] == 4


def test_a_file_that_is_not_made_is_never_taken_for_made(tmp_path):
    missing = tmp_path / "never.jsonl"
    with pytest.raises(AssertionError, match=r"never\.jsonl"):
        kept(tmp_path / "a.json", KEY, Maker(), files=[missing])
    assert read_kept(tmp_path / "a.json", KEY, files=[missing]) is None


def test_a_kill_while_it_is_made_keeps_nothing(tmp_path):
    def killed():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept(tmp_path / "a.json", KEY, killed)
    assert list(tmp_path.iterdir()) == []
    assert kept(tmp_path / "a.json", KEY, Maker())["call"] == 1


def test_the_file_says_what_decided_the_result(tmp_path):
    kept(tmp_path / "a.json", KEY, Maker())
    record = json.loads((tmp_path / "a.json").read_text())
    assert list(record) == ["model", "windows", "seed", "result", "sha256"]
    assert record["windows"] == [1, 2]


def test_parts_are_beside_the_file_that_they_are_for(tmp_path):
    assert parts_folder(tmp_path / "x.json") == tmp_path / "x.json.parts"
