"""`babyllama generate`: one model or several, a prompt, a pipe or a terminal."""

import json
import shutil

import pytest
from commands import invoke, refused

from babyllama.cli import generating

SHORT = ("--prompt", "The cat", "--max-new-tokens", 5)


def test_the_same_seed_generates_the_same_text(teachers):
    prompt = ("generate", teachers[0], *SHORT, "--n", 2)
    first = invoke(*prompt, "--seed", 1).stdout
    assert len(first.splitlines()) >= 2
    assert first == invoke(*prompt, "--seed", 1).stdout
    assert first != invoke(*prompt, "--seed", 2).stdout


def test_several_models_stand_side_by_side_or_in_a_narrow_terminal_below_each_other(
    teachers, monkeypatch
):
    command = ("generate", f"one={teachers[0]}", f"two={teachers[1]}", *SHORT)
    (found,) = json.loads(invoke(*command, "--json").stdout)
    texts = {name: texts[0] for name, texts in found["texts"].items()}
    assert list(texts) == ["one", "two"]

    wide = invoke(*command).stdout
    assert wide.splitlines()[0].split() == ["one", "two"]
    assert all(text.split()[-1] in wide for text in texts.values())

    monkeypatch.setattr("babyllama.cli.generating.output_width", lambda: 40)
    narrow = invoke(*command).stdout
    assert narrow == f"one\n{texts['one']}\n\ntwo\n{texts['two']}\n\n"


def test_each_line_of_a_pipe_is_a_prompt(teachers):
    found = json.loads(invoke("generate", teachers[0], "--json", stdin="The cat\n\nA dog").stdout)
    assert [each["prompt"] for each in found] == ["The cat", "A dog"]
    assert all(each["texts"]["llama"][0].startswith(each["prompt"]) for each in found)


@pytest.mark.parametrize(
    ("options", "printed"),
    [
        (("--greedy", "--temperature", "0.5"), "--greedy and --temperature exclude each other"),
        (("--greedy", "--n", "2"), "the likeliest tokens make one text only"),
        (("--top-p", "0"), "--top-p is 0"),
        (("--temperature", "0", "--n", "2"), "the likeliest tokens make one text only"),
    ],
)
def test_options_that_exclude_each_other_are_refused(teachers, options, printed):
    assert printed in refused("generate", teachers[0], *SHORT, *options)


def test_a_text_in_place_of_a_model_is_told_about_prompt(teachers):
    assert "--prompt 'The cat'" in refused("generate", teachers[0], "The cat")


def test_ctrl_c_at_the_prompt_ends_quietly(monkeypatch, capsys):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr("builtins.input", interrupted)
    assert generating._typed() == ""
    assert capsys.readouterr().out == ""


def test_a_folder_without_a_model_is_refused(tmp_path):
    assert "not found" in refused("generate", tmp_path / "nowhere", *SHORT)
    assert "has no config.json" in refused("generate", tmp_path, *SHORT)


def test_a_commit_on_the_hub_is_a_model(teachers, tmp_path, monkeypatch):
    """One in the hub's cache; how one is fetched: tests/models/test_given.py."""
    commit = "0123456789" * 4
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    shutil.copytree(teachers[0], tmp_path / "models--org--small" / "snapshots" / commit)
    (found,) = json.loads(invoke("generate", f"org/small@{commit}", *SHORT, "--json").stdout)
    assert list(found["texts"]) == ["small"]
    assert "ORG/NAME@COMMIT" in refused("generate", "org/small", *SHORT)
