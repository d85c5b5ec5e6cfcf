"""Files are replaced at once or not at all."""

import errno
import os
import subprocess
import sys

import pytest

from babyllama.errors import InputError
from babyllama.runs import files
from babyllama.runs.files import naming, remove_temporary, write_atomically


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


def test_an_error_that_names_no_file_gets_the_name(tmp_path):
    with pytest.raises(OSError, match="space") as full, naming(tmp_path / "a.bin"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert full.value.filename == str(tmp_path / "a.bin")
    with pytest.raises(OSError, match="too large") as full, naming(tmp_path / "a.bin"):
        raise RuntimeError("I/O error: File too large (os error 27)")
    assert (full.value.errno, full.value.filename) == (errno.EFBIG, str(tmp_path / "a.bin"))
    for other in (ValueError("x"), InputError("x (os error 2)"), OSError(2, "gone", "b.bin")):
        with pytest.raises(type(other)) as kept, naming(tmp_path / "a.bin"):
            raise other
        assert kept.value is other


def test_a_failed_write_names_the_file_not_the_temporary_one(tmp_path):
    with pytest.raises(OSError, match="No such file") as raised:
        write_atomically(tmp_path / "gone" / "a.txt", "new")
    assert raised.value.filename == str(tmp_path / "gone" / "a.txt")


def test_what_a_killed_write_left_is_removed_by_the_next_write_of_the_file(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for name in (".a.txt", ".b.txt"):
        (tmp_path / f"{name}.{gone.pid}").write_text("half")
    (tmp_path / f".a.txt.{os.getppid()}").write_text("being written")
    (tmp_path / ".a.txt.note").write_text("mine")

    write_atomically(tmp_path / "a.txt", "new")

    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["a.txt", f".a.txt.{os.getppid()}", ".a.txt.note", f".b.txt.{gone.pid}"]
    )
    remove_temporary(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".a.txt.note", "a.txt"]
