"""`python -m babyllama`, and what a shell does to the command's streams and arguments."""

import os
import signal
import subprocess
import sys

import pytest

COMMAND = [sys.executable, "-m", "babyllama"]


def run(*arguments, **how):
    return subprocess.run([*COMMAND, *arguments], capture_output=not how, check=False, **how)


def test_the_module_is_the_command():
    listed = run("recipes")
    assert (listed.returncode, listed.stderr) == (0, b"")
    assert all(name in listed.stdout.decode() for name in ("mini", "laptop", "strict-small"))
    mistake = run("run")
    assert mistake.returncode == 2
    assert mistake.stderr.startswith(b"Usage: babyllama run [OPTIONS]")


def test_a_pipe_that_nobody_reads_ends_the_command_quietly():
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        ended = run("recipes", "mini", stdout=closed, stderr=subprocess.PIPE)
    assert (ended.returncode, ended.stderr) == (128 + signal.SIGPIPE, b"")


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("shell", ["recipes mini", "--help", "--version"])
def test_a_full_disk_under_the_output_is_said_once(shell, unbuffered):
    line = f'"{sys.executable}" -m babyllama {shell} > /dev/full'
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    ended = subprocess.run(["bash", "-c", line], capture_output=True, text=True, env=environment)
    assert ended.returncode == 2, ended.stderr
    assert ended.stderr.count("no space left") == 1
    assert len(ended.stderr.splitlines()) == 2


@pytest.mark.parametrize(
    ("shell", "code", "printed"),
    [
        ("recipes >&- 2>&- <&-", 0, ""),
        ("generate x --prompt $'a\\xff'", 2, r"a\udcff is not UTF-8"),
        ("recipes $'\\x1b[31m'", 2, r"recipe '\x1b[31m' not found"),
        ("$'\\x1b[31m'", 2, r"No such command '\x1b[31m'"),
    ],
)
def test_no_stream_or_argument_leads_to_a_traceback(shell, code, printed):
    line = f'"{sys.executable}" -m babyllama {shell}'
    ended = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert ended.returncode == code, ended.stderr
    assert printed in ended.stderr
    assert "Traceback" not in ended.stderr


def test_ctrl_c_during_the_imports_is_quiet(tmp_path):
    (tmp_path / "typer.py").write_text("raise KeyboardInterrupt")
    path = f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    ended = run("recipes", stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path})
    assert (ended.returncode, ended.stderr) == (1, b"")
