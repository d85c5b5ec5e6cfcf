"""`babyllama corpus fetch` and `corpus identify`."""

import json

from commands import babyllama, invoke, refused
from release_server import hub_release, official

from babyllama.data.releases import identifying


def test_fetch_refuses_a_place_that_is_a_file(tmp_path):
    (tmp_path / "a").write_text("x")
    assert "is a file, not a folder" in refused(
        "corpus", "fetch", "babylm-2026-dev", tmp_path / "a"
    )


def test_identify_says_what_a_folder_is_in_words_and_as_json(tmp_path):
    (tmp_path / "switchboard.train").write_text("A:\tUh-huh .\n")
    (tmp_path / "odd.bin").write_bytes(b"\0")
    said = babyllama("corpus", "identify", tmp_path)
    assert "0 of 2 files are official files of a release" in said
    assert "no, but 1 of its 10 file names are here with other bytes" in said
    assert "of no release that is known here: odd.bin" in said
    found = json.loads(invoke("corpus", "identify", tmp_path, "--json").stdout)
    assert found["others"] == ["odd.bin"]


def test_identify_says_what_is_missing_changed_renamed_or_complete(tmp_path, monkeypatch):
    release = hub_release("small", [official("a.train", b"one\n"), official("b.train", b"two\n")])
    monkeypatch.setattr(identifying, "known_releases", lambda: {"small": release})
    (tmp_path / "b.train").write_bytes(b"two\r\n")
    said = babyllama("corpus", "identify", tmp_path)
    assert "none of its 2 files is here as it was published" in said
    assert "b.train the same text, but with Windows line ends missing: a.train" in said
    (tmp_path / "x.txt").write_bytes(b"one\n")
    said = babyllama("corpus", "identify", tmp_path)
    assert "small (Small): 1 of its 2 files are here" in said
    assert "x.txt the official a.train" in said
    (tmp_path / "b.train").write_bytes(b"two\n")
    said = babyllama("corpus", "identify", tmp_path)
    assert "2 of 2 files are official files of a release, byte for byte" in said
    assert "complete, all 2 files are here" in said
