"""The command: it changes nothing, stays light, and follows a run in a terminal."""

import json
import os
import pty
import signal
import subprocess
import sys

from typer.testing import CliRunner
from watched import finish, once, step, words, write

from babyllama.cli import app

WATCH = [sys.executable, "-c", "from babyllama.cli import main; main()", "watch"]


def test_watching_changes_nothing(run):
    def everything():
        return {path: (path.stat().st_mtime_ns, path.is_file() and path.read_bytes())
                for path in sorted(run.rglob("*"))}  # fmt: skip

    before = everything()
    once(run)
    assert everything() == before


def test_a_program_reads_a_snapshot_as_json(run):
    result = CliRunner().invoke(app, ["watch", str(run), "--json"])
    printed = json.loads(result.output)
    states = {each["name"]: each["state"] for each in printed["stages"]}
    assert (states["teachers/llama"], states["teachers/gpt2"]) == ("complete", "in progress")
    assert printed["last_step"]["step"] == 120
    assert printed["last_epoch"]["dev_cross_entropy"] == 4.25
    assert printed["seconds_left"] == 28  # 280 steps of 512 tokens at 5,120 a second
    assert printed["process"]["state"] == "alive"
    assert not printed["complete"]


def test_watching_never_imports_torch(run):
    script = (
        "import sys; sys.argv = ['babyllama', 'watch', sys.argv[1], '--once']\n"
        "from babyllama.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "assert not {'torch', 'transformers', 'scipy'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", script, run], check=True, capture_output=True)


def test_a_terminal_without_unicode_gets_letters_alone(run):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "COLUMNS": "80"}
    link = run.with_name("a run ü")
    link.symlink_to(run)
    shown = subprocess.run([*WATCH, link.name, "--once"], capture_output=True, check=True,
                           env=environment, cwd=link.parent).stdout  # fmt: skip
    assert b"step 120 of 400" in shown
    assert rb"a run \xfc" in shown
    assert shown.isascii()


class Terminal:
    """The command in a pseudo-terminal: a real process that believes a person sits there."""

    def __init__(self, *arguments):
        self.process, self.file = pty.fork()
        if self.process == 0:
            os.environ["TERM"] = "xterm"
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # a job in the background ignores it
            os.execv(sys.executable, [*WATCH, *map(str, arguments)])
        self.seen = ""

    def read_until(self, text):
        """Blocks until it was printed; None: until the end."""
        while text is None or text not in self.seen:
            try:
                read = os.read(self.file, 65536)
            except OSError:  # how Linux says that the other side is closed
                read = b""
            if not read:
                assert text is None, self.seen
                return
            self.seen += read.decode(errors="replace")

    def exit_code(self):
        self.read_until(None)
        os.close(self.file)
        return os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])


def test_ctrl_c_ends_quietly_and_leaves_the_last_picture(run):
    terminal = Terminal(run, "--every", "0.1")
    terminal.read_until("step 120 of")
    write(run / "teachers" / "gpt2.partial", [step(130)])
    terminal.read_until("step 130 of")
    os.kill(terminal.process, signal.SIGINT)
    assert terminal.exit_code() == 0
    left = terminal.seen.rpartition("\x1b[?1049l")[2]  # after the alternate screen
    assert "step 130 of 400" in left
    assert "Traceback" not in terminal.seen


def test_watching_ends_by_itself_when_the_model_is_complete(tmp_path, tiny_recipe):
    write(tmp_path / "gpt2.partial", [step(10)])
    terminal = Terminal(tmp_path / "gpt2", "--every", "0.1")
    terminal.read_until("step 10 of")
    finish(tmp_path / "gpt2", tiny_recipe.pretraining("gpt2"), lines=[step(400)])
    assert terminal.exit_code() == 0
    assert "Complete." in terminal.seen.rpartition("\x1b[?1049l")[2]


def test_what_is_not_a_run_is_refused_with_exit_code_2(tmp_path):
    assert "nowhere is not a folder" in words(once(tmp_path / "nowhere", code=2))
