"""The command line: help without torch, one example per command, errors without a traceback."""

import errno
import os
import re
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager

import pytest
from commands import babyllama, invoke, refused

from babyllama import __version__, cli, recipe
from babyllama.cli import app, main
from babyllama.console import RUN_AGAIN, Interrupted, stderr_console


def commands():
    import typer

    def walk(command, path):
        for name, child in command.commands.items():
            if hasattr(child, "commands"):
                yield from walk(child, [*path, name])
            else:
                yield [*path, name], child

    return list(walk(typer.main.get_command(app), []))


def test_help_the_page_and_reports_import_nothing_heavy():
    script = (
        "import sys; sys.argv = ['babyllama', '--help']\n"
        "from babyllama.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "assert not {'torch', 'transformers', 'scipy', 'pydantic'} & sys.modules.keys()\n"
        "from babyllama.play import finding, opening, server\n"
        "assert not {'torch', 'transformers', 'scipy'} & sys.modules.keys()\n"
        "import babyllama.report\n"
        "heavy = {'torch', 'scipy.stats', 'scipy.optimize', 'matplotlib.pyplot'}\n"
        "assert not heavy & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)


def test_torch_keeps_few_compiled_shapes_unless_the_user_says_how_many(monkeypatch):
    monkeypatch.setattr(os, "environ", {"LRU_CACHE_CAPACITY": "1000"})
    cli.prepare_environment()
    assert os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] == "64"
    assert os.environ["LRU_CACHE_CAPACITY"] == "1000"


def test_a_command_whose_import_of_torch_was_interrupted_ends(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.distributed", None)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    cli._leave_processes()
    assert "torch" not in sys.modules


@pytest.mark.parametrize("path", [" ".join(path) for path, _ in commands()])
def test_every_command_shows_one_example(path):
    assert "Example: babyllama " + path in babyllama(*path.split(), "--help").replace("│", "")


@pytest.mark.parametrize("path", [" ".join(path) for path, _ in commands()])
def test_every_option_has_a_sentence(path):
    command = {" ".join(p): c for p, c in commands()}[path]
    assert all(parameter.help for parameter in command.params)


def test_examples_use_real_options():
    for path, command in commands():
        example = re.search(r"Example: `(.*)`", command.help).group(1)
        options = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", example)) <= options, path


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (["run", "minni"], "Did you mean mini?"),
        (["run", "mini", "--set", "students.distilled.alpha=1.5"], "distilled.alpha is 1.5"),
        (["run", "mini", "--set", "students.distilled.alhpa=1"], "Did you mean alpha?"),
        (["run", "mini", "--set", "nothing.here=1"], "nothing is not a field"),
        (["run", "mini", "--until", "teecher"], "no such stage"),
        (["corpus", "clean", "nowhere", "out"], "nowhere"),
        (["corpus", "synthesize", "out", "--words", "3"], "words is 3"),
        (["tokenizer", "train", "nowhere", "out"], "nowhere does not exist"),
        (["evaluate", "nowhere", "--benchmark", "blimp"], "is not NAME=PATH"),
        (["evaluate", "nowhere", "--benchmark", "blimp=nowhere"], "nowhere"),
        (["generate", "nowhere", "--prompt", "a"], "nowhere not found"),
        (["verify", "nowhere"], "nowhere is not a folder"),
        (["pretrain", "mini", "--model", "lama", "--tokens", "t", "--tokenizer", "b", "--out", "o"],
         "Did you mean llama?"),
        (["distill", "mini", "--tokens", "t", "--tokenizer", "b", "--out", "o"],
         "either --teacher or --signal"),
        (["run", "laptop", "--set", "corpus.source.path=nowhere"], "nowhere"),
        (["run", "mini", "--set", 'seed=!!bool "x"'], "is not YAML"),
        (["run", "mini", "--set", f"teachers.llama.training.window={2**63}"],
         "window is 9223372036854775808 It is beyond 9,007,199,254,740,992"),
        (["run", "mini", "--set", f"teachers.llama.training.epochs=1{'0' * 400}"], "It is beyond"),
        (["corpus", "synthesize", "out", "--words", "9" * 30], "It is beyond"),
        (["verify", "x" * 5000], "its name is too long"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_without_a_traceback(arguments, printed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert printed in refused(*arguments)


@pytest.mark.parametrize(("error", "code"), [(Interrupted, RUN_AGAIN), (KeyboardInterrupt, 130)])
def test_only_a_command_that_resumes_promises_it_when_it_is_interrupted(monkeypatch, error, code):
    def interrupted(*_):
        raise error

    monkeypatch.setattr(recipe, "load_recipe", interrupted)
    monkeypatch.setattr(sys, "argv", ["babyllama", "run", "my recipe"])
    printed = babyllama("run", "my recipe", code=code)
    assert "The same command resumes: babyllama run 'my recipe'" in printed
    assert babyllama("recipes", "mini", code=code) == ""
    assert babyllama("run", "mini", "--dry-run", code=code) == ""


def test_what_resumes_are_commands_and_evaluate_needs_a_place():
    known = {" ".join(path) for path, _ in commands()}
    assert known >= cli._RESUME
    assert cli._resumes(["evaluate", "runs/mini", "--out=x.json"])
    assert not cli._resumes(["evaluate", "runs/mini"])
    assert not cli._resumes(["corpus", "stats", "clean"])


def test_sigterm_interrupts_a_command_once_and_the_handler_is_restored(monkeypatch):
    before = signal.getsignal(signal.SIGTERM)

    def terminated(*_):
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGTERM)  # the second one must not stop the clean-up

    monkeypatch.setattr(recipe, "load_recipe", terminated)
    assert invoke("recipes", "mini").exit_code == RUN_AGAIN
    assert signal.getsignal(signal.SIGTERM) == before


def test_an_error_on_one_rank_is_printed_by_that_rank(monkeypatch):
    monkeypatch.setenv("RANK", "2")
    monkeypatch.setenv("WORLD_SIZE", "3")
    monkeypatch.setattr(stderr_console, "quiet", True)
    assert "error on rank 2: nowhere is not a folder" in refused("verify", "nowhere")


def run_main(monkeypatch, *arguments):
    """The exit code of the whole command line, in this process."""
    monkeypatch.setattr(sys, "argv", ["babyllama", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


def test_a_mistake_of_ours_is_exit_code_70_and_its_traceback_is_saved(
    monkeypatch, capsys, tmp_path
):
    def fail(*_):
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(recipe, "load_recipe", fail)
    assert run_main(monkeypatch, "recipes", "mini") == 70
    printed = " ".join(capsys.readouterr().err.split())
    assert "this is a mistake in babyllama, not yours: ZeroDivisionError: ours" in printed
    assert "Traceback" not in printed
    [saved] = tmp_path.iterdir()
    assert str(saved) in printed
    assert "in fail" in saved.read_text()


@pytest.mark.parametrize("kind", [OSError, BrokenPipeError])
def test_a_full_disk_is_the_machines_fault_but_a_broken_pipe_inside_is_ours(
    monkeypatch, capsys, tmp_path, kind
):
    def fail(*_):
        raise kind(errno.EPIPE if kind is BrokenPipeError else errno.ENOSPC, "x", "a/b")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(recipe, "load_recipe", fail)
    assert run_main(monkeypatch, "recipes", "mini") == (2 if kind is OSError else 70)
    printed = capsys.readouterr().err
    assert ("a/b cannot be written: no space left" in printed) == (kind is OSError)


@contextmanager
def unread_output():
    """Standard output is a pipe that nobody reads; pytest moves it between fixtures and tests."""
    before = os.dup(1)
    reading, writing = os.pipe()
    os.close(reading)
    os.dup2(writing, 1)
    os.close(writing)
    yield
    os.dup2(before, 1)
    os.close(before)


def test_a_library_that_prints_into_a_pipe_that_nobody_reads_is_no_fault_of_ours(
    monkeypatch, capsys
):
    def fail(*_):  # as typer's help of a subcommand, of which `head` has read enough
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr(recipe, "load_recipe", fail)
    with unread_output():
        assert run_main(monkeypatch, "recipes", "mini") == 128 + signal.SIGPIPE
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("arguments", [["recipes"], ["--help"], ["corpus", "stats", "nowhere"]])
def test_an_odd_variable_of_a_launcher_is_named_whatever_the_command(
    monkeypatch, capsys, arguments
):
    monkeypatch.setenv("RANK", "")
    assert run_main(monkeypatch, *arguments) == 2
    assert "error: the environment variable RANK is ''" in capsys.readouterr().err


def test_a_rank_of_one_process_is_ignored_and_hidden_from_libraries(monkeypatch, capsys):
    monkeypatch.setenv("RANK", "3")
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert run_main(monkeypatch, "recipes") == 0
    captured = capsys.readouterr()
    assert "mini" in captured.out
    assert "RANK is 3, but there is one process: RANK is ignored" in captured.err
    assert not {"RANK", "LOCAL_RANK"} & os.environ.keys()


def test_an_error_shows_control_characters_of_the_input(monkeypatch, capsys):
    assert run_main(monkeypatch, "verify", "no\x1b[31mwhere\n[/red]") == 2
    printed = capsys.readouterr().err
    assert r"error: no\x1b[31mwhere\n[/red] is not a folder" in printed


def test_the_version_is_printed_and_h_is_help():
    assert babyllama("--version") == f"babyllama {__version__}"
    assert babyllama("-h") == babyllama("--help")
    assert babyllama("corpus", "clean", "-h") == babyllama("corpus", "clean", "--help")


def test_help_groups_every_command_and_says_no_type_of_a_flag():
    printed = babyllama("--help")
    names = ("Start", "Steps", "Models", "Scores", "Upkeep")
    panels = [printed.index(f"─ {panel} ") for panel in names]
    assert panels == sorted(panels)
    assert "─ Commands " not in printed
    assert printed.index("│ run ") < printed.index("│ init ") < printed.index("│ corpus ")
    assert "bool" not in printed + babyllama("verify", "--help")
    assert "<int" in babyllama("study", "--help")


SIGNALLED = """
import os, signal, sys
from babyllama import cli, recipe
def signalled(*_):
    os.kill(os.getpid(), signal.SIGTERM)
def ended(text, style=None):  # the command has ended, and its handler is gone
    for _ in range(3):
        os.kill(os.getpid(), signal.SIGTERM)
recipe.load_recipe, cli.print_status = signalled, ended
sys.argv = ["babyllama", "recipes", "mini"]
cli.main()
"""


def test_however_often_sigterm_comes_the_exit_code_says_that_the_command_can_go_on():
    ended = subprocess.run([sys.executable, "-c", SIGNALLED], capture_output=True, check=False)
    assert ended.returncode == RUN_AGAIN, ended.stderr
