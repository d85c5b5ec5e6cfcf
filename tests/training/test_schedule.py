"""The plan of a training: its length, its learning rates, its words and marks."""

import numpy as np
import pytest

from babyllama.data.windows import Windows
from babyllama.errors import InputError
from babyllama.recipe import TrainingRecipe
from babyllama.training.schedule import (
    TrainingPlan,
    learning_rate,
    plan_training,
    refuse_uneven,
    word_marks,
)


def recipe(**changes):
    plain = {"epochs": 3, "batch_size": 4, "window": 16, "learning_rate": 0.1, "warmup_steps": 10}
    return TrainingRecipe.model_validate(plain | changes)


@pytest.mark.parametrize("kind", ["cosine", "linear", "wsd"])
def test_warm_up_is_a_line_and_the_end_what_is_left(kind):
    for final in (0.0, 0.1):
        chosen = recipe(schedule={"kind": kind, "final": final})
        rates = [learning_rate(step, 110, chosen) for step in range(111)]
        assert rates[0] == pytest.approx(0.01)
        assert rates[9] == pytest.approx(0.1)
        assert rates[110] == pytest.approx(0.1 * final)
        assert rates[10:] == sorted(rates[10:], reverse=True)


def test_each_schedule_has_its_shape():
    half = {
        kind: learning_rate(60, 110, recipe(schedule={"kind": kind}))
        for kind in ("cosine", "linear")
    }
    assert half == {"cosine": pytest.approx(0.05), "linear": pytest.approx(0.05)}
    quarter = learning_rate(35, 110, recipe(schedule={"kind": "cosine"}))
    assert quarter == pytest.approx(0.05 * (1 + np.cos(np.pi / 4)))
    stable = recipe(schedule={"kind": "wsd", "decay": 0.2})
    assert {learning_rate(step, 110, stable) for step in range(10, 89)} == {0.1}
    assert learning_rate(99, 110, stable) == pytest.approx(0.05)


def test_a_budget_is_refused_or_kept_to_the_update(tokens):
    windows = Windows(tokens, "train", 16)
    words = np.concatenate(
        [windows.words_of_steps(epoch, batch_size=4, seed=0) for epoch in range(3)]
    )
    most = int(words[:200].sum()) + 1
    with pytest.raises(InputError) as raised:
        plan_training(windows, recipe(budget={"words": most}), seed=0)
    message = str(raised.value)
    assert f"{words.sum():,} words" in message
    assert f"training.budget.words is {most:,}" in message
    assert "Set training.epochs=1 or training.budget.beyond=stop" in message
    plan = plan_training(windows, recipe(budget={"words": most, "beyond": "stop"}), seed=0)
    assert (plan.epoch_steps, plan.steps) == (windows.steps_per_epoch(4), 200)
    assert plan_training(windows, recipe(budget={"words": int(words.sum())}), seed=0).steps == len(
        words
    )
    with pytest.raises(InputError, match="reads"):
        plan_training(windows, recipe(budget={"words": 1, "beyond": "stop"}), seed=0)


def test_a_warm_up_longer_than_the_training_is_refused(tokens):
    windows = Windows(tokens, "train", 16)
    with pytest.raises(InputError, match=r"warmup_steps is 5000, the training has \d+ updates"):
        plan_training(windows, recipe(warmup_steps=5000), seed=0)


def test_a_decay_that_begins_within_the_warm_up_is_refused(tokens):
    windows = Windows(tokens, "train", 16)
    with pytest.raises(InputError, match=r"schedule.decay is 0.99, but the warm-up leaves"):
        plan_training(
            windows, recipe(warmup_steps=100, schedule={"kind": "wsd", "decay": 0.99}), seed=0
        )


def test_a_budget_below_an_epoch_says_what_can_be_done(tokens):
    with pytest.raises(InputError) as raised:
        plan_training(Windows(tokens, "train", 16), recipe(budget={"words": 300}), seed=0)
    assert "Set training.budget.beyond=stop, which ends within an epoch" in str(raised.value)


def test_babylms_marks_are_every_million_ten_and_hundred():
    babylm = recipe(word_checkpoints="babylm")
    every = word_marks(babylm, 0, 2_000_000_000)
    assert list(every) == [
        *(f"chck_{n}M" for n in range(1, 11)), *(f"chck_{n}M" for n in range(20, 101, 10)),
        *(f"chck_{n}M" for n in range(200, 1001, 100)),
    ]  # fmt: skip
    assert word_marks(babylm, 999_999, 1_000_000) == ("chck_1M",)
    assert word_marks(babylm, 1_000_000, 1_999_999) == ()
    assert word_marks(recipe(word_checkpoints=(500, 40_000)), 0, 10**6) == ("chck_500", "chck_40K")


def test_marks_that_do_not_rise_are_refused():
    with pytest.raises(ValueError, match="each must be above the one before it"):
        recipe(word_checkpoints=(500, 400))


def test_an_epoch_ends_after_its_last_update_and_at_the_end(tokens):
    plan = TrainingPlan(Windows(tokens, "train", 16), recipe(), 0, epoch_steps=10, steps=25)
    assert [step for step in range(1, 26) if plan.ends_epoch(step)] == [10, 20, 25]
    assert [plan.epoch(step) for step in (1, 10, 11, 25)] == [1, 1, 2, 3]


def test_a_batch_that_processes_cannot_share_is_refused():
    plain = recipe(batch_size=16)
    refuse_uneven(plain, 4)
    with pytest.raises(InputError, match=r"batch_size is 16, which 3 processes do not divide"):
        refuse_uneven(plain, 3)
    with pytest.raises(InputError) as raised:
        refuse_uneven(recipe(batch_size=16, micro_batch_size=8), 4)
    assert "training.micro_batch_size 8 in each of 4 processes" in str(raised.value)
    assert "training.batch_size=32" in str(raised.value)


def test_a_batch_larger_than_the_text_is_refused(tokens):
    windows = Windows(tokens, "train", 16)
    plan = plan_training(windows, recipe(batch_size=len(windows), warmup_steps=0), seed=1)
    assert plan.steps == 3
    for size in (len(windows) + 1, 10**5):
        with pytest.raises(InputError, match=f"batch_size is {size}, the text has {len(windows)} "):
            plan_training(windows, recipe(batch_size=size, warmup_steps=0), seed=1)


def test_a_step_reads_its_batch_at_its_rate_and_counts_its_words(tokens):
    windows = Windows(tokens, "train", 16)
    chosen = recipe(word_checkpoints=(500,), checkpoint_every=7)
    plan = plan_training(windows, chosen, seed=2)
    words, marked = 0, []
    for number in range(plan.steps):
        step = plan.step(number, words)
        batch = windows.at(number, batch_size=4, seed=2)
        assert list(step.batch.starts) == list(batch.starts)
        assert step.learning_rate == learning_rate(number, plan.steps, chosen)
        assert step.words_seen == words + windows.words(batch.starts)
        assert (step.marks == ("chck_500",)) == (words < 500 <= step.words_seen)
        marked += [number] * bool(step.marks)
        words = step.words_seen
        is_due = (number + 1) % 7 == 0 or plan.ends_epoch(number + 1) or number in marked
        assert plan.saves_after(step) == is_due
    assert len(marked) == 1
