"""Typer's own messages: the value that is wrong, and what was meant."""

import pytest
from commands import invoke


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (["run", "mini", "--jobs", "0"], "0 is wrong. Input should be greater than or equal to 1"),
        (["run", "mini", "--jobs=-3"], "-3 is wrong. Input should be"),
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
