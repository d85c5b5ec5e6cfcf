"""A user's mistake reads as one message: what, why, and how to mend it."""

import ast
import re
import subprocess
from datetime import date
from pathlib import Path

import pytest

from babyllama import errors
from babyllama.errors import InputError, command, kind_of, listed


def test_a_message_is_what_then_why_and_mend_indented():
    error = InputError("mine.yaml: seed is -1", why="It must be 0 or more.", mend="Try 0.")
    assert str(error) == "mine.yaml: seed is -1\n  It must be 0 or more.\n  Try 0."


def test_parts_that_are_not_given_leave_no_line():
    assert str(InputError("a is b", mend="Try c.")) == "a is b\n  Try c."


@pytest.mark.parametrize("field", ["what", "why", "mend"])
def test_a_value_of_many_characters_is_shortened_in_its_middle(field):
    parts = {"what": "x", field: f"seed is {'12' * 100_000} in mine.yaml"}
    message = str(InputError(parts.pop("what"), **parts))
    assert len(message) < 10_000
    assert "seed is 1212" in message
    assert message.endswith("1212 in mine.yaml")
    assert "characters ...]" in message


def test_of_many_names_the_first_are_listed_and_the_others_counted():
    assert listed([1, 2, 3], 3) == "1, 2, 3"
    assert listed(list("abcd"), 3) == "a, b, c and 1 more"
    assert listed([]) == ""


def test_many_words_are_shortened_too():
    assert len(str(InputError("x", why="word " * 100_000))) < 5_000


def test_a_long_path_in_a_command_is_never_shortened():
    path = Path("/".join(["folder"] * 500))
    assert str(path) in str(InputError("x", mend=f"Run: {command('watch', path)}"))


def test_a_command_for_ordinary_paths_is_plain():
    assert command("run", Path("runs/mini/recipe.yaml"), "--run-dir", Path("runs/mini")) == (
        "babyllama run runs/mini/recipe.yaml --run-dir runs/mini"
    )


def test_a_value_is_called_what_a_reader_calls_it():
    values = [None, True, 1, 0.5, "a", [1], {"a": 1}, date(2026, 1, 1)]
    assert [kind_of(each) for each in values] == [
        "null", "true or false", "a number", "a number", "a text", "a list", "a mapping", "a date",
    ]  # fmt: skip


ODD = [
    "a run ü", "it's", 'say "so"', "$HOME", "`id`", "a;b&c|d", "*", "~", "#x", "!!", "a\\b",
    "line\nend", "tab\t", "esc\x1b[31m", "it's\x1b\\", "\u202e", "é\u0301語",
]  # fmt: skip


def test_a_command_can_be_pasted_whatever_its_paths():
    pasted = command(*(Path(name) for name in ODD), "--set", "a=b c")
    assert pasted.isprintable()
    script = f"babyllama() {{ printf '%s\\0' \"$@\"; }}; {pasted}"
    read = subprocess.run(["bash", "-c", script], capture_output=True, check=True).stdout
    assert read.decode().split("\0")[:-1] == [*ODD, "--set", "a=b c"]


def test_a_path_that_begins_with_a_dash_is_no_option():
    assert command("watch", Path("-x")) == "babyllama watch ./-x"
    assert command("recipes", "--json") == "babyllama recipes --json"


def test_every_message_says_what_to_do():
    """Two make no message of their own: one lists several mistakes, one shortens typer's text."""
    source = Path(errors.__file__).parent
    without = [
        f"{path.relative_to(source)}:{node.lineno}"
        for path in sorted(source.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "InputError"
        and not {"mend", None} & {each.arg for each in node.keywords}
    ]  # fmt: skip
    assert [each.partition(":")[0] for each in without] == ["cli/usage.py", "recipe/mistakes.py"]


def test_no_message_puts_a_value_into_a_command_without_quoting_it():
    source = Path(errors.__file__).parent
    unquoted = re.compile(r"""babyllama [a-z-]+[^"`']*\{(?!RULES)""")
    lines = [
        f"{path.name}: {line.strip()}"
        for path in sorted(source.rglob("*.py"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if unquoted.search(line)
    ]
    assert lines == []
