"""Making one stage: by which process, and the card that a model gets."""

import io
import shutil
from dataclasses import replace

import pytest
from rich.console import Console
from small_folders import finished, small_run

from babyllama import console
from babyllama.pipeline.making import make_stage, write_cards
from babyllama.pipeline.stages import pretraining_stage
from babyllama.pipeline.text_stages import corpus_stage
from babyllama.runs.launched import Launched
from babyllama.runs.manifests import read_manifest
from babyllama.runs.verification import verify


def test_a_stage_that_is_made_alone_is_made_by_the_first_process(tiny_recipe, corpus, tmp_path):
    stage = corpus_stage(corpus, tiny_recipe.corpus, tmp_path / "run" / "corpus")
    make_stage(stage, Launched(rank=1, count=2))
    assert not stage.out.exists()
    make_stage(stage, Launched(rank=0, count=2))
    assert read_manifest(stage.out)


@pytest.fixture
def training(tiny_recipe, tmp_path):
    """The stage of a teacher of a run, whose training writes a file."""
    layout = small_run(tmp_path / "run", tiny_recipe)
    finished(layout.tokens, "tokens")
    finished(layout.tokenizer, "tokenizer")
    stage = pretraining_stage(
        tiny_recipe.teachers["llama"], layout.tokens, layout.tokenizer, layout.teacher("llama"), 3
    )

    def build(folder):
        (folder / "model.safetensors").write_text("trained")
        return {"words_seen": 4000}

    return replace(stage, build=build)


def test_a_trained_model_has_a_card_which_is_no_damage(training):
    make_stage(training)
    card = (training.out / "README.md").read_text("utf-8")
    assert "The model has not been scored yet." in card
    assert verify(training.out) == {training.out: []}
    (training.out / "README.md").unlink()
    assert verify(training.out) == {training.out: []}
    make_stage(training)  # complete: nothing is trained again
    assert (training.out / "README.md").read_text("utf-8") == card


def test_a_card_that_was_edited_stays_with_its_training_when_its_model_is_trained_again(training):
    make_stage(training)
    (training.out / "README.md").write_text("mine")
    write_cards([training])
    assert (training.out / "README.md").read_text() == "mine"
    make_stage(replace(training, seed=4))
    asides = training.out.parent.glob("llama.aside*/README.md")
    assert [path.read_text("utf-8") for path in asides] == ["mine"]
    assert "seed 4" in (training.out / "README.md").read_text("utf-8")


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_terminal_has_one_line_for_each_stage_and_a_log_says_when_it_begins(
    training, is_terminal, monkeypatch
):
    shutil.rmtree(training.out)
    shown = Console(file=io.StringIO(), force_terminal=is_terminal, color_system=None, width=200)
    monkeypatch.setattr(console, "stderr_console", shown)
    make_stage(training)
    make_stage(replace(training, seed=4))
    lines = [
        line
        for line in shown.file.getvalue().splitlines()
        if ": made" in line or ": building" in line
    ]
    made, building = "teachers/llama: made", "teachers/llama: building (new)"
    again = "teachers/llama: building (seed was 3, now 4)"
    found = [line.partition(" in ")[0] for line in lines]
    assert found == ([made, made] if is_terminal else [building, made, again, made])
    assert not is_terminal or lines[1].endswith("(seed was 3, now 4)")


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"dev_windows": 269, "dev_windows_there": 269}, "unseen text 2.355"),
        ({"dev_windows": 256, "dev_windows_there": 269}, "unseen text 2.355 (256 of 269 windows)"),
    ],
)
def test_a_made_model_says_its_loss_and_on_how_much_of_the_unseen_text(
    training, facts, words, monkeypatch
):
    shown = Console(file=io.StringIO(), force_terminal=False, width=200)
    monkeypatch.setattr(console, "stderr_console", shown)
    make_stage(replace(training, build=lambda _: {"dev_cross_entropy": 2.3553, **facts}))
    assert shown.file.getvalue().splitlines()[-1].endswith(f", {words}")
