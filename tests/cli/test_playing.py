"""`babyllama play`: what is refused before anything is loaded, and what is opened."""

import shutil

import pytest
from typer.testing import CliRunner

from babyllama.cli import app, playing


def failure(*arguments):
    result = CliRunner().invoke(app, ["play", *map(str, arguments)])
    return result.exit_code, result.output


def test_what_is_not_there_is_refused(tmp_path):
    code, printed = failure(tmp_path / "none")
    assert code == 2
    assert "not found" in printed
    (tmp_path / "empty").mkdir()
    code, printed = failure(tmp_path / "empty", "--no-browser", "--port", "0")
    assert code == 2
    assert "neither a run nor a model" in printed.replace("\n", " ")


def test_the_page_is_served_and_opened_and_ctrl_c_is_an_ordinary_end(tmp_path, monkeypatch):
    from babyllama.play import finding, opening, server
    from babyllama.play.models import Cast

    cast = Cast((), {}, {}, ("a note",))
    opened = []

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(finding, "find_models", lambda _: finding.Found((), (), {}, {}, ()))
    monkeypatch.setattr(opening, "load", lambda *_: cast)
    monkeypatch.setattr(server, "answer_with", interrupted)
    monkeypatch.setattr(playing.webbrowser, "open", lambda address: opened.append(address) or True)
    monkeypatch.setenv("DISPLAY", ":0")
    result = CliRunner().invoke(app, ["play", str(tmp_path), "--port", "0"])
    assert result.exit_code == 0
    (address,) = opened
    assert address.startswith("http://127.0.0.1:")
    assert address in result.output
    assert "a note" in result.output


def test_a_port_in_use_is_named_beside_the_one_that_is_taken(tmp_path, monkeypatch):
    from babyllama.play import finding, opening, server

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(finding, "find_models", lambda _: finding.Found((), (), {}, {}, ()))
    monkeypatch.setattr(opening, "load", interrupted)
    taken = server.bound(0)
    number = taken.getsockname()[1]
    code, printed = failure(tmp_path, "--no-browser", "--port", number)
    taken.close()
    assert code == 0
    assert f"port {number} is in use, so this page is at port " in printed


def test_one_run_given_twice_is_to_be_named_once(tmp_path):
    (tmp_path / "recipe.yaml").write_text("", encoding="utf-8")
    code, printed = failure(tmp_path, tmp_path)
    assert code == 2
    assert "overwrite" not in printed
    assert "once." in printed


def test_a_commit_on_the_hub_is_a_model(teachers, tmp_path, monkeypatch):
    """One in the hub's cache; how one is fetched: tests/models/test_given.py."""
    from babyllama.play import finding

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    snapshot = tmp_path / "models--someone--small" / "snapshots" / ("a" * 40)
    shutil.copytree(teachers[0], snapshot)
    asked = []

    def find(given):
        asked.append(given)
        raise KeyboardInterrupt

    monkeypatch.setattr(finding, "find_models", find)
    failure(f"someone/small@{'a' * 40}", "--no-browser")
    assert [{name: path.resolve() for name, path in given.items()} for given in asked] == [
        {"small": snapshot.resolve()}
    ]
    code, printed = failure(f"someone/small@{'b' * 39}", "--no-browser")
    assert code == 2
    assert "ORG/NAME@COMMIT" in printed


def test_a_model_that_cannot_be_loaded_ends_the_command(tmp_path):
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    code, printed = failure(tmp_path, "--no-browser", "--port", "0")
    assert code == 2
    assert "http://127.0.0.1:" in printed  # the page was there, and said so
    assert "error:" in printed


def test_without_a_screen_no_browser_of_the_terminal_is_started(monkeypatch, capsys):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(playing.sys, "platform", "linux")
    monkeypatch.setattr(playing.webbrowser, "open", lambda _: pytest.fail("opened"))
    playing._open("http://127.0.0.1:1/")
    assert "no screen" in capsys.readouterr().err


def test_a_port_that_does_not_exist_is_refused():
    assert failure("x", "--port", "70000")[0] == 2
