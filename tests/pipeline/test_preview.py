from dataclasses import replace

import pytest

from babyllama.pipeline.preview import preview
from babyllama.recipe import TokenizerRecipe
from babyllama.runs.artefact import Stage, complete


def write(folder):
    (folder / "file").write_text(folder.name)
    return {}


@pytest.fixture
def line(tmp_path):
    """Text, a model of the text, and its scores."""

    def stage(name, *, seed=0, **inputs):
        keeps = name == "model"
        return Stage(
            name, tmp_path / name, name, 1, TokenizerRecipe(), inputs, write, seed, keeps=keeps
        )

    text = stage("text")
    model = stage("model", text=text.out)
    return [text, model, stage("scores", model=model.out)]


def done(line):
    return {action.stage.name: action.does for action in preview(line)}


def test_a_new_run_makes_everything_and_a_complete_one_keeps_it(line):
    assert set(done(line).values()) == {"make"}
    for stage in line:
        complete(stage)
    assert set(done(line).values()) == {"keep"}


def test_what_follows_from_a_change_is_included_and_a_training_is_kept_aside(line):
    for stage in line:
        complete(stage)
    line[0] = replace(line[0], seed=1)
    text, model, scores = preview(line)
    assert (text.does, text.why) == ("rebuild", "seed was 0, now 1")
    assert model.does == "replace"
    assert model.why == "depends on text; the earlier one is kept as model.aside"
    assert (scores.does, scores.why) == ("rebuild", "depends on model")


def test_what_is_damaged_is_made_again_and_nothing_after_it(line):
    for stage in line:
        complete(stage)
    (line[0].out / "file").write_text("other")
    assert done(line) == {"text": "rebuild", "model": "keep", "scores": "keep"}


def test_a_training_that_was_kept_is_taken_back(line):
    for stage in line:
        complete(stage)
    before = line[1]
    line[1] = replace(before, seed=1)
    complete(line[1])
    line[1] = before
    assert done(line) == {"text": "keep", "model": "take back", "scores": "rebuild"}
