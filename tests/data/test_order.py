"""A curriculum: which windows each update reads, as a function of the seed and the step."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from token_streams import put_stream

from babyllama.data.order import Order, rank
from babyllama.data.windows import Windows
from babyllama.recipe import FixedWindows, MeasuredOrder, ShiftedWindows

EPOCHS, COUNT = 6, 39
orders = st.builds(
    MeasuredOrder,
    by=st.just("length"),
    pacing=st.sampled_from(["linear", "root", "step"]),
    start=st.floats(0.01, 1),
    until=st.floats(0.01, 1),
    reverse=st.booleans(),
)
placements = st.sampled_from([FixedWindows(), ShiftedWindows(kind="shifted", passes=3)])
drawn = {
    "recipe": orders,
    "placement": placements,
    "batch_size": st.integers(4, 12),
    "seed": st.integers(0, 2**31 - 1),
}


@pytest.fixture(scope="module")
def stream(tmp_path_factory):
    return put_stream(tmp_path_factory.mktemp("stream"), 8 * (COUNT + 1))


def in_order(stream, recipe, placement, seed):
    """Windows whose difficulties are other at every offset."""
    windows = Windows(stream, "train", 8, placement)
    shape = (len(windows.offsets), len(windows))
    difficulties = np.random.default_rng(5).random(shape)
    ranked = rank(difficulties, reverse=recipe.reverse, seed=seed)
    windows.order = Order(recipe, ranked, EPOCHS)
    return windows, -difficulties if recipe.reverse else difficulties


@settings(deadline=None, max_examples=12)
@given(**drawn)
def test_an_update_reads_the_easiest_windows_only_none_twice_and_an_epoch_is_as_long(
    stream, recipe, placement, batch_size, seed
):
    windows, difficulties = in_order(stream, recipe, placement, seed)
    steps = windows.steps_per_epoch(batch_size)
    for step in range(0, EPOCHS * steps, 5):
        starts = windows.at(step, batch_size=batch_size, seed=seed).starts
        numbers = starts // 8
        assert len(set(numbers.tolist())) == len(numbers) == batch_size
        pass_ = step // steps % len(windows.offsets)
        assert (starts % 8 == windows.offsets[pass_]).all()
        share = recipe.eligible_share(step / (EPOCHS * steps))
        most = max(batch_size, round(share * len(windows)))
        places = np.argsort(np.argsort(difficulties[pass_]))[numbers]
        assert places.max() < most


@settings(deadline=None, max_examples=12)
@given(**drawn, step=st.integers(0, 100), before=st.lists(st.integers(0, 100), max_size=4))
def test_a_killed_training_goes_on_with_the_same_windows(
    stream, recipe, placement, batch_size, seed, step, before
):
    used, _ = in_order(stream, recipe, placement, seed)
    fresh, _ = in_order(stream, recipe, placement, seed)
    for each in before:
        used.at(each, batch_size=batch_size, seed=seed)
    one, other = (each.at(step, batch_size=batch_size, seed=seed) for each in (used, fresh))
    assert one.starts.tolist() == other.starts.tolist()


@settings(deadline=None, max_examples=12)
@given(**drawn)
def test_an_epoch_in_which_all_windows_are_eligible_is_that_of_a_training_without_order(
    stream, recipe, placement, batch_size, seed
):
    windows, _ = in_order(stream, recipe, placement, seed)
    plain = Windows(stream, "train", 8, placement)
    steps = windows.steps_per_epoch(batch_size)
    first = -(-int(recipe.until * EPOCHS * steps + 1) // steps) * steps
    for step in range(0 if recipe.start == 1 else first, EPOCHS * steps, 5):
        one, other = (each.at(step, batch_size=batch_size, seed=seed) for each in (windows, plain))
        assert one.starts.tolist() == other.starts.tolist()


@settings(deadline=None, max_examples=12)
@given(**drawn, epoch=st.integers(0, EPOCHS - 1))
def test_words_and_readings_are_counted_by_what_is_read(
    stream, recipe, placement, batch_size, seed, epoch
):
    windows, _ = in_order(stream, recipe, placement, seed)
    steps = windows.steps_per_epoch(batch_size)
    these = range(epoch * steps, (epoch + 1) * steps)
    batches = [windows.at(step, batch_size=batch_size, seed=seed) for step in these]
    words = windows.words_of_steps(epoch, batch_size=batch_size, seed=seed)
    assert words.tolist() == [windows.words(batch.starts) for batch in batches]
    times = windows.times_read(these, batch_size=batch_size, seed=seed)
    read = np.concatenate([batch.starts for batch in batches]) // 8
    assert times.tolist() == np.bincount(read, minlength=len(windows)).tolist()


def test_the_seed_decides_between_windows_of_one_difficulty_and_unknown_ones_come_last():
    difficulties = np.array([[2.0, 1, np.nan, 1, 1, 1, 0]])
    found = {seed: rank(difficulties, reverse=False, seed=seed)[0].tolist() for seed in range(9)}
    assert all(row[0] == 6 and row[5:] == [0, 2] for row in found.values())
    assert len({tuple(row) for row in found.values()}) > 1
    hardest_first = rank(difficulties, reverse=True, seed=0)[0].tolist()
    assert (hardest_first[0], hardest_first[5:]) == (0, [6, 2])


def test_the_drawn_windows_stay_as_they_are_so_that_older_runs_can_resume(stream):
    recipe = MeasuredOrder(by="length")
    windows, _ = in_order(stream, recipe, FixedWindows(), 0)
    assert (windows.at(5, batch_size=4, seed=0).starts // 8).tolist() == [4, 29, 7, 8]


def test_an_order_says_what_was_found():
    ranked = rank(np.zeros((1, 3)), reverse=False, seed=0)
    assert str(Order(MeasuredOrder(by="rarity"), ranked, 1, "so")).endswith("(linear); so")
