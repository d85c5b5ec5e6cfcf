"""Training logs, with what a resume or a rewind undid."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_trainings import run, with_training

from babyllama.errors import InputError
from babyllama.runs.training_log import TrainingLog, read_training_log


def step(number, **more):
    return {"step": number, "epoch": number / 100, "loss": 5.0, "cross_entropy": 3.0, **more}


def end(number, epoch):
    return {"step": number, "epoch": epoch, "dev_cross_entropy": 5.0}


def rewind(number, came_from):
    return {"step": number, "rewound_from": came_from, "reason": "gradient norm 1e9"}


@pytest.fixture
def log_of(tmp_path):
    def read(*lines, tail="", **more):
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (tmp_path / "training.jsonl").write_text(text + tail)
        return read_training_log(tmp_path / "training.jsonl", **more)

    return read


def numbers(lines):
    return [line["step"] for line in lines]


def test_steps_done_again_after_a_resume_count_once_as_done_last(log_of):
    log = log_of(step(10), step(20), step(30), end(30, 1), step(20, cross_entropy=9.0), step(40))
    assert numbers(log.steps) == [10, 20, 40]
    assert log.steps[1]["cross_entropy"] == 9.0
    assert log.epochs == ()


def test_the_end_of_an_epoch_and_its_step_count_side_by_side(log_of):
    log = log_of(step(10), end(10, 1), step(20), end(20, 2))
    assert (numbers(log.steps), log.epoch_ends) == ([10, 20], {1: 10, 2: 20})


def test_a_rewind_undoes_later_steps_and_keeps_the_epoch_that_it_returns_to(log_of):
    log = log_of(step(10), step(20), end(20, 1), step(30), rewind(20, 37), step(25))
    assert numbers(log.steps) == [10, 20, 25]
    assert log.epoch_ends == {1: 20}
    assert log.rewinds == (rewind(20, 37),)


@settings(deadline=None)
@given(st.lists(st.integers(1, 9), max_size=30))
def test_steps_rise_and_end_with_the_last_line(tmp_path_factory, steps):
    path = tmp_path_factory.mktemp("log") / "training.jsonl"
    path.write_text("".join(json.dumps(step(number)) + "\n" for number in steps))
    found = numbers(read_training_log(path).steps)
    assert found == sorted(set(found))
    assert found[-1:] == steps[-1:]
    assert set(found) <= set(steps)


def test_a_line_cut_short_is_an_error_unless_the_log_still_grows(log_of):
    assert numbers(log_of(step(10), tail='{"step": 1', is_growing=True).steps) == [10]
    with pytest.raises(InputError, match=r"training\.jsonl is not JSON at line 2") as refused:
        log_of(step(10), tail='{"step": 1')
    assert "babyllama verify" in refused.value.mend


def test_a_log_that_does_not_exist_is_empty_and_lines_of_other_kinds_are_left_out(log_of, tmp_path):
    assert read_training_log(tmp_path / "nothing.jsonl") == TrainingLog()
    assert log_of({"step": 3}, {"epoch": 1, "dev_cross_entropy": 1.0}, step(4), [5]) == TrainingLog(
        steps=(step(4),)
    )


def test_the_log_of_a_training_has_the_fields_that_are_declared(
    tiny_recipe, tokens, tokenizer, tmp_path
):
    from babyllama.runs.training_log import EpochEnd, Step

    part = with_training(tiny_recipe.pretraining("llama"), epochs=1)
    run(part, tokens, tokenizer, tmp_path / "m")
    log = read_training_log(tmp_path / "m" / "training.jsonl")
    for lines, kind in ((log.steps, Step), (log.epochs, EpochEnd)):
        assert lines
        for line in lines:
            assert kind.__required_keys__ <= line.keys() <= kind.__annotations__.keys()
    assert log.steps[-1].keys() == Step.__annotations__.keys()
