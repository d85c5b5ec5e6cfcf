"""What is private is replaced, and what only looks like it stays."""

import getpass
import json
import socket
from pathlib import Path

import pytest

from babyllama.publish.hub.privacy import Private, private_here

HERE = Private(("/data/my runs/tiny",), {"zaphod": "USER", "heart": "HOST"}, token="secret-token")


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("babyllama run '/data/my runs/tiny/recipe.yaml'", "babyllama run 'PATH'"),
        ("see /home/anna/text and C:\\Users\\anna\\x.", "see PATH and PATH"),
        ("mailto:zaphod@heart", "mailto:USER@HOST"),
        ("use hf_abcdefghijklmnopqrstuv or secret-token", "use TOKEN or TOKEN"),
        ("text from /srv/anna/corpus", "text from PATH"),
        ("file:///srv/anna/x, [/srv/anna/x,/srv/anna/y]", "PATH, [PATH,PATH]"),
        ("&quot;/srv/anna/x&quot; &#39;/home/anna/x&#39;", "&quot;PATH&quot; &#39;PATH&#39;"),
    ],
)
def test_a_text_loses_paths_names_and_tokens(text, clean):
    assert HERE.cleaned_prose(text) == clean


@pytest.mark.parametrize(
    "text",
    [
        "zaphods hearts, a_zaphod_b", "and/or 1/2 km/h", "</td></tr><br/>", "TCP/IP and n/a/x",
        "[a](report/report.md) ![b](figures/loss.svg)", "https://huggingface.co/org/name/tree/main",
        "M 10 20 L 30/40 z", "hf_token and hf auth login", "babyllama run runs/mini/recipe.yaml",
    ],
)  # fmt: skip
def test_other_text_stays(text):
    assert HERE.cleaned_prose(text) == text


def test_words_of_a_configuration_are_no_names():
    silu = Private((), {"silu": "USER", "default": "HOST"})
    config = json.dumps({"hidden_act": "silu", "rope_type": "default", "a": "</s>/think/"})
    assert silu.cleaned(config) == config


@pytest.mark.parametrize("path", ["/srv/anna/base", "~/base", "../anna/base", "D:\\\\anna"])
def test_fields_of_a_configuration_that_name_a_folder_lose_it(path):
    text = f'{{"_name_or_path": "{path}", "model_type": "llama"}}'
    assert HERE.cleaned(text) == '{"_name_or_path": "PATH", "model_type": "llama"}'
    named = '{"_name_or_path": "org/name"}'
    assert HERE.cleaned(named) == named


def test_names_that_are_words_of_every_report_are_let_through(monkeypatch, tmp_path):
    monkeypatch.setattr(getpass, "getuser", lambda: "student")
    monkeypatch.setattr(socket, "gethostname", lambda: "strict-small.example.org")
    monkeypatch.setenv("HOME", str(tmp_path / "zaphod"))
    private = private_here([], "name: strict-small")
    assert private.names == {"strict-small.example.org": "HOST", "zaphod": "USER"}


def test_folders_and_their_targets_are_private(tmp_path, monkeypatch):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there")
    private = private_here([tmp_path / "link"], "")
    assert {str(tmp_path / "there"), str(tmp_path / "link")} <= set(private.paths)
    assert private.found_in(f"x{tmp_path}/there/y".encode()) == str(tmp_path / "there")
    assert private.found_in(b"x") == ""


def test_a_token_is_found_and_not_shown():
    assert HERE.found_in(b"xsecret-tokeny") == "the token of the hub"


def test_a_user_without_an_entry_has_no_name(monkeypatch):
    def unknown():
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", unknown)
    monkeypatch.setattr(Path, "home", lambda: Path("/"))
    assert "USER" not in private_here([], "").names.values()
