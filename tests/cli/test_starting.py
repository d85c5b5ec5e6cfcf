from types import SimpleNamespace

import pytest
import typer
from commands import babyllama, refused

from babyllama.cli import starting
from babyllama.pipeline import sizing
from babyllama.pipeline.timing import Speed
from babyllama.recipe import load_recipe


@pytest.fixture(autouse=True)
def speed(monkeypatch):
    monkeypatch.setattr(sizing, "trial_flops", lambda *_: 1e11)


def test_a_recipe_is_written_for_a_text_and_loads(corpus, tmp_path):
    out = tmp_path / "mine.yaml"
    printed = babyllama(
        "init", out, "--text", corpus, "--language", "de", "--time", "1h", "--machine", "here"
    )
    assert str(out) in printed
    lines = out.read_text("utf-8").splitlines()
    assert len(lines) <= 22
    assert "extends: laptop" in "\n".join(lines)
    recipe = load_recipe(str(out))
    assert (recipe.name, recipe.card.language) == ("mine", ("de",))
    assert (recipe.corpus.source.path, recipe.corpus.language) == (corpus, "de")
    assert recipe.students["distilled"].model.hidden_size == 64
    assert not recipe.students["distilled"].training.compile  # in so short a run


def test_without_a_terminal_the_defaults_are_taken_and_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    printed = babyllama("init")
    assert "Folder of the text, or none for synthetic text: none (no terminal" in printed
    assert "--time sets it" in printed
    assert "less than 1 h 00 min: larger models would need more than 60,000 words" in printed
    assert "Run it: babyllama run mine.yaml" in printed
    assert load_recipe("mine.yaml").corpus.source.kind == "synthetic"


def test_a_question_can_be_left(tmp_path, monkeypatch):
    """Not in a terminal of its own: Ctrl-C just before readline waits is not seen by it."""

    def ctrl_c(*_, **__):
        raise typer.Abort

    monkeypatch.setattr(starting.typer, "prompt", ctrl_c)
    terminal = SimpleNamespace(isatty=lambda: True)
    monkeypatch.setattr(starting, "sys", SimpleNamespace(stdin=terminal))
    assert babyllama("init", tmp_path / "mine.yaml", code=130) == ""
    assert not (tmp_path / "mine.yaml").exists()


def test_a_part_of_the_text_is_taken_where_the_time_is_short(tmp_path, monkeypatch):
    monkeypatch.setattr(sizing, "trial_flops", lambda *_: None)
    monkeypatch.setattr(sizing, "speed_of_products", lambda: Speed(1e8, "assumed"))
    folder = tmp_path / "text"
    folder.mkdir()
    (folder / "a.txt").write_text("a few words here\n" * 5_000)
    out = tmp_path / "mine.yaml"
    printed = babyllama("init", out, "--text", folder, "--time", "1min", "--machine", "here")
    assert "1 min 00 s is too short: a run needs at least 5,000 words" in printed
    assert load_recipe(str(out)).corpus.words == 5000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--time", "soon"), "--time soon is not a time"),
        (("--machine", "h10"), "--machine h10: no such card is known"),
        (("--text", "/nope"), "/nope"),
        (("--language", "German"), "'German' is not a code"),
    ],
)
def test_an_answer_that_is_wrong_is_refused_and_nothing_is_written(tmp_path, options, message):
    out = tmp_path / "mine.yaml"
    assert message in refused("init", out, "--text", "none", "--time", "1h", *options)
    assert not out.exists()


def test_a_file_that_is_there_is_not_replaced(tmp_path):
    (tmp_path / "mine.yaml").write_text("mine")
    assert "mine.yaml exists" in refused("init", tmp_path / "mine.yaml")
