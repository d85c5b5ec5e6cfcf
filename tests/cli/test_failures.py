"""Errors of the machine are one line with a mend; a mistake of ours is saved, and named ours."""

import errno
import io
import re
import tempfile
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from safetensors import SafetensorError

from babyllama import console
from babyllama.cli.failures import explained, report_our_mistake


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (OSError(errno.ENOSPC, "", "a/b"), "a/b cannot be written: no space left"),
        (OSError(errno.EDQUOT, "", "a/b"), "a/b cannot be written: your disk quota is used up"),
        (OSError(errno.EROFS, "", "a"), "a cannot be written: its file system is read-only"),
        (OSError(errno.EACCES, "", "a/b"), "a/b cannot be written: permission denied"),
        (OSError(errno.EIO, "", "a"), "a cannot be used: input/output error"),
        (OSError(errno.ENOTDIR, "", "a/b"), "a/b cannot be used: a part of the path is a file"),
        (OSError(errno.ENOENT, "", "a/b"), "a/b cannot be read: it does not exist"),
        (OSError(errno.ENOSPC, ""), "a file cannot be written: no space left"),
        (SafetensorError("I/O error: File too large (os error 27)"), "a file cannot be written"),
        (Exception("No space left on device (os error 28)"), "a file cannot be written: no space"),
        (OSError("400 requested and 12 written"), "a file cannot be written: no space left"),
        (MemoryError("Unable to allocate 9 TiB"), "this machine has not enough memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "this machine has not enough"),
        (RuntimeError("Connection closed by peer [::1]"), "another process of the launcher has"),
    ],
)
def test_an_error_of_the_machine_is_one_line_with_a_mend(error, what):
    found = explained(error)
    assert found.what.startswith(what)
    assert found.mend


def test_a_real_full_disk_and_a_name_that_is_not_text_are_explained():
    with pytest.raises(OSError, match="space") as full, open("/dev/full", "w") as file:
        file.write("a" * 10**6)
    assert "no space left" in explained(full.value).what
    with pytest.raises(OSError, match="written") as full, open("/dev/full", "wb") as file:
        np.zeros(10**6).tofile(file)
    assert "no space left" in explained(full.value).what
    with pytest.raises(UnicodeEncodeError) as raised:
        "caf\udce9.txt".encode()
    assert explained(raised.value).what == "a name is not UTF-8: caf\udce9.txt"


@pytest.mark.parametrize("error", [ValueError("x"), OSError(errno.EBADF, "x"), RuntimeError("x")])
def test_any_other_error_is_not_the_machines(error):
    assert explained(error) is None


@pytest.fixture
def printed(monkeypatch):
    file = io.StringIO()
    monkeypatch.setattr(console, "stderr_console", Console(file=file, width=500))

    return file


def fail():
    raise ValueError("caused by \x1b[31mus")


def test_a_mistake_of_ours_is_saved_whole_and_said_to_be_ours(printed, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(ValueError, match="us") as raised:
        fail()
    report_our_mistake(raised.value)
    assert printed.getvalue().startswith(
        r"error: this is a mistake in babyllama, not yours: ValueError: caused by \x1b[31mus"
    )
    saved = Path(re.search(r"The full traceback is in (\S+)", printed.getvalue())[1])
    assert [*tmp_path.iterdir()] == [saved]
    text = saved.read_text()
    assert "Traceback (most recent call last)" in text
    assert "in fail" in text
    assert "versions: babyllama" in text
    assert "report it" in printed.getvalue()


def test_a_traceback_that_cannot_be_saved_is_printed(printed, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    report_our_mistake(ValueError("x"))
    assert "ValueError: x\n" in printed.getvalue()
    assert "with the lines above" in printed.getvalue()
