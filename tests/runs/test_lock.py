import errno
import fcntl
import os
import platform
import re
import shutil

import pytest
from other_processes import kill, start

from babyllama.errors import InputError
from babyllama.runs.lock import Holder, locked, read_holder

HOLDER = """
import sys
from pathlib import Path
from babyllama.runs.lock import locked

with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_refused_and_the_holder_is_named(tmp_path):
    process = start(HOLDER, tmp_path / "run")
    try:
        with pytest.raises(InputError, match="run is in use by another run") as caught:
            locked(tmp_path / "run").__enter__()
        assert f"process {process.pid} on " in caught.value.what
        assert "--run-dir DIR" in caught.value.mend
    finally:
        kill(process)


def test_a_lock_ends_with_its_process_however_that_ends(tmp_path):
    kill(start(HOLDER, tmp_path / "run"))

    with locked(tmp_path / "run"):
        holder = (tmp_path / "run" / ".holder").read_text(encoding="utf-8")
    assert f"process {os.getpid()} on " in holder


def test_a_process_that_left_no_note_still_holds_the_folder(tmp_path):
    process = start(HOLDER, tmp_path / "run")
    (tmp_path / "run" / ".holder").unlink()
    try:
        with pytest.raises(InputError, match="an unknown process"):
            locked(tmp_path / "run").__enter__()
    finally:
        kill(process)


def test_a_folder_is_free_again_and_unheld_after_an_error(tmp_path):
    with pytest.raises(RuntimeError, match="within"), locked(tmp_path):
        raise RuntimeError("within")
    assert not (tmp_path / ".holder").exists()

    with locked(tmp_path):
        pass


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")

    for folder in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(InputError, match=re.escape(f"{folder} cannot be written: ")):
            locked(folder).__enter__()


def test_a_holder_is_a_process_of_this_machine_or_none(tmp_path):
    assert read_holder(tmp_path) is None
    with locked(tmp_path):
        holder = read_holder(tmp_path)
    assert holder is not None
    assert holder.process == os.getpid()
    for note in ("process 1 on elsewhere since Monday", "something else"):
        (tmp_path / ".holder").write_text(note, encoding="utf-8")
        assert read_holder(tmp_path) == Holder(note, None)


def test_on_a_disk_that_cannot_lock_only_a_process_that_runs_holds_the_folder(
    tmp_path, monkeypatch, capsys
):
    def no_flock(*_):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", no_flock)
    (tmp_path / ".lock").write_text("copied")
    with locked(tmp_path):
        assert "cannot lock files: let no other command write it" in capsys.readouterr().err
    for process, is_free in ((os.getppid(), False), (2**22 + 1, True)):
        note = f"process {process} on {platform.node()} since Monday"
        (tmp_path / ".holder").write_text(note, encoding="utf-8")
        if is_free:
            locked(tmp_path).__enter__()
        else:
            with pytest.raises(InputError, match=f"in use by another run: process {process}"):
                locked(tmp_path).__enter__()


def test_a_file_that_another_process_writes_is_named(tmp_path):
    process = start(HOLDER, tmp_path / "x.json.parts")
    try:
        with pytest.raises(InputError, match=r"x\.json is in use by another run"):
            locked(tmp_path / "x.json.parts", shown=tmp_path / "x.json").__enter__()
    finally:
        kill(process)


def test_a_folder_that_goes_meanwhile_is_left_without_an_error(tmp_path):
    with locked(tmp_path / "x.parts"):
        shutil.rmtree(tmp_path / "x.parts")
    assert not (tmp_path / "x.parts").exists()
