import pytest
from raw_recipes import changed, refusal

from babyllama.recipe import (
    BABYLM_WORD_MARKS,
    FixedWindows,
    JitteredWindows,
    ShiftedWindows,
    TokenizerRecipe,
    decisive_fields,
    load_recipe,
)


def training(*settings):
    changes = tuple(f"teachers.llama.training.{each}" for each in settings)
    return load_recipe("mini", changes).teachers["llama"].training


def test_a_micro_batch_divides_its_batch():
    path = "students.distilled.training.micro_batch_size"
    error = refusal(changed(path, 5))
    assert error.what == f"mine.yaml: {path} is 5"
    assert error.why == "It does not divide batch_size 16."
    assert training("micro_batch_size=4").micro_batch_size == 4
    assert training("micro_batch_size=null").micro_batch_size is None


@pytest.mark.parametrize("words", [[5, 5], [5, 4], [0, 5], [-1]])
def test_word_checkpoints_rise_from_above_0(words):
    error = refusal(changed("teachers.llama.training.word_checkpoints", words))
    assert error.what.endswith(f"training.word_checkpoints is {words}")
    assert error.why == "Each must be above the one before it, and the first above 0."


def test_word_marks_are_the_recipes_own_or_babylms():
    assert training().word_marks == ()
    assert training("word_checkpoints=[10, 200]").word_marks == (10, 200)
    marks = training("word_checkpoints=babylm").word_marks
    assert marks == BABYLM_WORD_MARKS
    millions = [*range(1, 11), *range(20, 101, 10), *range(200, 1001, 100)]
    assert [mark / 1e6 for mark in marks] == millions


def test_windows_start_at_even_offsets_as_often_as_a_window_has_tokens_at_most():
    assert FixedWindows().offsets(128) == (0,)
    assert ShiftedWindows(kind="shifted", passes=4).offsets(128) == (0, 32, 64, 96)
    assert ShiftedWindows(kind="shifted", passes=64).offsets(8) == tuple(range(8))
    assert JitteredWindows(kind="jittered").offsets(8) == tuple(range(8))


@pytest.mark.parametrize(
    "setting",
    ["keep=5", "log_every=7", "checkpoint_every=9", "trackers=[aim]", "on_divergence=rewind"],
)
def test_how_a_training_is_followed_is_no_reason_to_train_again(setting):
    assert decisive_fields(training(setting)) == decisive_fields(training())


@pytest.mark.parametrize("setting", ["epochs=3", "precision=float32", "optimizer.beta2=0.9"])
def test_whatever_changes_the_weights_is_decisive(setting):
    assert decisive_fields(training(setting)) != decisive_fields(training())


def test_decisive_fields_are_found_at_any_depth():
    part = load_recipe("mini").teachers["llama"]
    assert decisive_fields(part) == {
        "model": part.model.model_dump(mode="json"),
        "training": decisive_fields(part.training),
    }


def test_a_field_that_came_later_is_recorded_only_if_it_differs_from_its_default():
    assert decisive_fields(TokenizerRecipe()) == {"vocab_size": 16_000, "min_frequency": 2}
    assert decisive_fields(TokenizerRecipe(normalization="nfc")) == {
        "vocab_size": 16_000,
        "min_frequency": 2,
        "normalization": "nfc",
    }
