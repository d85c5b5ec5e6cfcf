"""`babyllama corpus fetch` and `corpus identify`."""

import json

from commands import babyllama, invoke, refused


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
