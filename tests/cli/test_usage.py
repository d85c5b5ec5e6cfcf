"""Typer's own messages: the value that is wrong, and what was meant."""

import re

import pytest
from commands import invoke


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (["run", "mini", "--jobs", "0"], "0 is wrong. Input should be greater than or equal to 1"),
        (["run", "mini", "--jobs=-3"], "-3 is wrong. Input should be"),
        (["corpus", "clean"], "Missing argument 'src'. "),
        (["version"], "No such command 'version'. The version: babyllama --version"),
        (["sweep"], "babyllama studies"),
        (["chat", "runs/mini"], "babyllama play RUN"),
        (["open", "runs/mini"], "babyllama show RUN"),
        (["verfy", "runs/mini"], "Did you mean 'verify'"),
        (["run", "mini", "--seeds", "3"], "No such option: --seeds Several seeds are a study"),
    ],
)
def test_a_usage_error_names_the_value_or_what_was_meant(arguments, printed):
    found = invoke(*arguments)
    assert found.exit_code == 2
    assert printed in " ".join(found.output.replace("│", "").split())


def test_seeds_in_a_setting_are_answered_with_a_study():
    printed = " ".join(invoke("run", "mini", "--set", "seeds=3").output.split())
    assert "seeds is not a field" in printed
    assert "Several seeds are a study: babyllama study replication" in printed


def test_help_names_types_as_words():
    help_of = {name: invoke(name, "-h").stdout for name in ("run", "generate", "compare")}
    assert "<list" not in "".join(help_of.values())
    assert " range>" not in "".join(help_of.values())
    assert re.search(r"models\.\.\. +<path>", help_of["generate"])
    assert re.search(r"--jobs +<int>", help_of["run"])
    assert re.search(r"--dry-run +Only", help_of["run"])
