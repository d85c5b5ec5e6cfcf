"""Files are replaced at once or not at all."""

import pytest

from babyllama.runs import files
from babyllama.runs.files import write_atomically


def test_a_file_written_atomically_is_replaced_and_leaves_nothing_beside_it(tmp_path):
    write_atomically(tmp_path / "a.txt", "old\n")
    write_atomically(tmp_path / "a.txt", "Größe\n")

    assert (tmp_path / "a.txt").read_bytes() == "Größe\n".encode()
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path, monkeypatch):
    write_atomically(tmp_path / "a.txt", "old")

    with pytest.raises(UnicodeEncodeError):
        write_atomically(tmp_path / "a.txt", "new" * 10_000 + "\ud800")

    def full(_: int) -> None:
        raise OSError("full")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="full"):
        write_atomically(tmp_path / "a.txt", "new")

    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
