"""A shell's completion: names, and no more than begins with what was typed."""

from types import SimpleNamespace

from typer.testing import CliRunner

from babyllama.cli import app, evaluation
from babyllama.cli.completing import (
    BENCHMARKS,
    benchmarks_beginning_with,
    cards_beginning_with,
    recipes_beginning_with,
    stages_beginning_with,
    studies_beginning_with,
)
from babyllama.evaluation.suites import SUITES


def typed(recipe):
    return SimpleNamespace(params={"recipe": recipe}, args=[])


def test_names_are_completed():
    assert recipes_beginning_with("str") == ["strict-small", "strict"]
    assert "replication" in studies_beginning_with("re")
    assert cards_beginning_with("H1") == ["h100"]
    assert benchmarks_beginning_with("wug") == ["wug_adj=", "wug_past="]


def test_stages_are_those_of_the_recipe_that_was_typed():
    assert stages_beginning_with(typed("mini"), "t") == [
        "tokenizer", "tokens", "teachers", "teachers/llama", "teachers/gpt2"
    ]  # fmt: skip
    assert "students/twin" in stages_beginning_with(typed("mini"), "students/")
    assert stages_beginning_with(typed("nowhere"), "t") == ["tokenizer", "tokens", "teachers"]


def test_a_shell_gets_the_models_of_a_recipe_after_until(monkeypatch):
    monkeypatch.setenv("_BABYLLAMA_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "babyllama run mini --until students/")
    monkeypatch.setenv("COMP_CWORD", "4")
    found = CliRunner().invoke(app, [], prog_name="babyllama")
    assert found.stdout.split() == ["students/distilled", "students/twin"]


def test_the_names_of_benchmarks_are_those_of_the_suites_and_the_help_lists_them():
    assert set(BENCHMARKS) == {suite.name for suite in SUITES}
    listed = " ".join((evaluation.evaluate.__doc__ or "").split())
    assert f"Benchmarks: {', '.join(BENCHMARKS)}." in listed
