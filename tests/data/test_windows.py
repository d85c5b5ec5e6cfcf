import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from token_streams import put_stream, word_starts, word_tokenizer

from babyllama.data.difficulty import windows_in_order
from babyllama.data.tokenizer import vocabulary_digest
from babyllama.data.windows import (
    IGNORE_INDEX,
    Windows,
    read_header,
    refuse_foreign_tokens,
    refuse_other_tokenizer,
    token_counts,
)
from babyllama.errors import InputError
from babyllama.recipe import FixedWindows, JitteredWindows, ShiftedWindows, TrainingRecipe


def test_windows_are_adjacent_and_labels_are_the_next_token(tmp_path):
    windows = Windows(put_stream(tmp_path, 35), "train", 8)

    batch = windows.read(np.array([2, 0]))

    assert len(windows) == windows.count == 4
    assert batch.starts.tolist() == [16, 0]
    assert batch.input_ids.tolist() == [list(range(16, 24)), list(range(8))]
    assert batch.labels.tolist() == [[*range(17, 24), IGNORE_INDEX], [*range(1, 8), IGNORE_INDEX]]


def test_rows_are_a_part_of_a_batch(tmp_path):
    batch = Windows(put_stream(tmp_path, 64), "dev", 8).read(np.array([5, 1, 7]))

    part = batch.rows(1, 3)

    assert part.starts.tolist() == [8, 56]
    assert part.input_ids.tolist() == batch.input_ids[1:3].tolist()
    assert part.labels.tolist() == batch.labels[1:3].tolist()


drawn = {
    "count": st.integers(1, 40),
    "batch_size": st.integers(1, 12),
    "seed": st.integers(0, 2**31 - 1),
    "epoch": st.integers(0, 3),
}


@pytest.fixture(scope="module")
def long_stream(tmp_path_factory) -> Path:
    return put_stream(tmp_path_factory.mktemp("stream"), 8 * 40)


def first_windows(folder: Path, count: int) -> Windows:
    windows = Windows(folder, "train", 8)
    windows.count = count
    return windows


def epoch_of(windows: Windows, epoch: int, *, batch_size: int, seed: int) -> list[int]:
    steps = windows.steps_per_epoch(batch_size)
    batches = [
        windows.at(step, batch_size=batch_size, seed=seed)
        for step in range(epoch * steps, (epoch + 1) * steps)
    ]
    return [int(at) // 8 for batch in batches for at in batch.starts]


@settings(deadline=None)
@given(**drawn)
def test_an_epoch_reads_every_window_at_most_once_and_drops_only_the_partial_last_batch(
    long_stream, count, batch_size, seed, epoch
):
    windows = first_windows(long_stream, count)

    read = epoch_of(windows, epoch, batch_size=batch_size, seed=seed)

    assert len(set(read)) == len(read)
    assert set(read) <= set(range(count))
    assert len(read) == (count if count < batch_size else count - count % batch_size)


def test_the_order_differs_between_epochs_and_between_seeds(long_stream):
    windows = Windows(long_stream, "train", 8)

    orders = [
        tuple(epoch_of(windows, epoch, batch_size=10, seed=seed))
        for seed in (0, 1)
        for epoch in (0, 1)
    ]

    assert len(set(orders)) == 4
    assert all(sorted(order) == list(range(40)) for order in orders)


@settings(deadline=None)
@given(**drawn, asked=st.lists(st.integers(0, 200), max_size=5), step=st.integers(0, 200))
def test_a_step_reads_the_same_windows_whatever_was_read_before(
    long_stream, count, batch_size, seed, epoch, asked, step
):
    fresh, used = first_windows(long_stream, count), first_windows(long_stream, count)
    for before in asked:
        used.at(before, batch_size=batch_size, seed=seed + epoch)

    one = fresh.at(step, batch_size=batch_size, seed=seed)
    other = used.at(step, batch_size=batch_size, seed=seed)

    assert one.starts.tolist() == other.starts.tolist()
    assert one.input_ids.tolist() == other.input_ids.tolist()
    assert one.input_ids[0, 0] == one.starts[0]


@settings(deadline=None)
@given(seed=st.integers(0, 2**31), epoch=st.integers(0, 9), passes=st.integers(2, 8))
def test_shifted_epochs_start_at_even_offsets_in_turn_whatever_the_seed(
    long_stream, seed, epoch, passes
):
    windows = Windows(long_stream, "train", 8, ShiftedWindows(kind="shifted", passes=passes))
    steps = windows.steps_per_epoch(1)
    starts = [
        int(windows.at(step, batch_size=1, seed=seed).starts[0])
        for step in range(epoch * steps, (epoch + 1) * steps)
    ]
    offset = (epoch % passes) * 8 // passes
    assert sorted(starts) == [offset + 8 * number for number in range(39)]


@settings(deadline=None)
@given(seed=st.integers(0, 2**31), epoch=st.integers(0, 3))
def test_jittered_windows_move_each_by_its_own_offset_and_stay_in_the_stream(
    long_stream, seed, epoch
):
    windows = Windows(long_stream, "train", 8, JitteredWindows(kind="jittered"))
    assert len(windows) == 39
    batches = [windows.at(39 * epoch + step, batch_size=1, seed=seed) for step in range(39)]
    starts = [int(batch.starts[0]) for batch in batches]
    assert sorted(start // 8 for start in starts) == list(range(39))
    assert max(starts) + 8 <= 8 * 40
    assert len({start % 8 for start in starts}) > 2
    assert all(batch.input_ids[0, 0] == batch.starts[0] for batch in batches)
    again = windows.at(39 * epoch + 7, batch_size=1, seed=seed)
    assert again.starts[0] == starts[7]


def test_the_order_of_windows_stays_as_it_was_so_that_older_runs_can_resume(long_stream):
    batch = Windows(long_stream, "train", 8).at(5, batch_size=8, seed=0)

    assert (batch.starts // 8).tolist() == [33, 22, 15, 24, 5, 21, 1, 31]


PLACEMENTS = [
    FixedWindows(),
    ShiftedWindows(kind="shifted", passes=4),
    JitteredWindows(kind="jittered"),
]


def plain_words(folder: Path, starts: np.ndarray, window: int) -> int:
    begun = word_starts(folder)
    return sum(sum(begun[start : start + window]) for start in starts.tolist())


@settings(deadline=None)
@given(starts=st.lists(st.integers(0, 8 * 40 - 8), max_size=30))
def test_words_are_those_that_begin_in_the_windows(long_stream, starts):
    windows, at = Windows(long_stream, "train", 8), np.array(starts, np.int64)

    assert windows.words(at, windows_at_once=7) == plain_words(long_stream, at, 8)
    assert windows.words(at) == plain_words(long_stream, at, 8)


@pytest.mark.parametrize("placement", PLACEMENTS, ids=lambda placement: placement.kind)
@settings(deadline=None)
@given(**drawn)
def test_words_of_steps_are_those_of_the_batches_that_are_read(
    long_stream, placement, count, batch_size, seed, epoch
):
    windows = Windows(long_stream, "train", 8, placement)
    windows.count = min(count, 39)
    steps = windows.steps_per_epoch(batch_size)
    batches = [
        windows.at(epoch * steps + step, batch_size=batch_size, seed=seed) for step in range(steps)
    ]

    words = windows.words_of_steps(epoch, batch_size=batch_size, seed=seed)

    assert words.dtype == np.int64
    assert words.tolist() == [plain_words(long_stream, batch.starts, 8) for batch in batches]


def test_more_words_than_a_byte_holds_are_counted(tmp_path):
    put_stream(tmp_path, 1024)
    np.full(1024, 255, np.uint8).tofile(tmp_path / "train.words.bin")
    windows = Windows(tmp_path, "train", 512)

    assert windows.words(np.array([0, 1, 512])) == 3 * 512 * 255
    assert windows.words_of_steps(0, batch_size=1, seed=0).tolist() == [512 * 255] * 2


@pytest.mark.parametrize(
    ("placement", "starts"),
    list(zip(PLACEMENTS, ([232, 56, 280], [140, 308, 108], [141, 307, 110]), strict=True)),
)
def test_every_placement_reads_the_same_windows_as_in_earlier_versions(
    long_stream, placement, starts
):
    batch = Windows(long_stream, "train", 8, placement).at(9, batch_size=8, seed=0)

    assert batch.starts[:3].tolist() == starts


@settings(deadline=None)
@given(count=st.integers(1, 40), limit=st.integers(1, 60), batch_size=st.integers(1, 12))
def test_evenly_spaced_reads_the_wanted_number_of_windows_at_equal_distances(
    long_stream, count, limit, batch_size
):
    batches = list(first_windows(long_stream, count).evenly_spaced(limit, batch_size))
    read = [int(at) // 8 for batch in batches for at in batch.starts]

    assert len(read) == min(limit, count)
    assert read == sorted(set(read))
    assert all(len(batch.starts) == batch_size for batch in batches[:-1])
    gaps = np.diff(read)
    assert read[0] == 0
    assert len(read) == 1 or read[-1] == count - 1
    assert len(gaps) == 0 or gaps.max() - gaps.min() <= 1


@pytest.mark.parametrize("placement", PLACEMENTS, ids=lambda placement: placement.kind)
@settings(deadline=None)
@given(seed=st.integers(0, 2**31), epoch=st.integers(0, 3))
def test_shuffled_documents_keep_their_windows_together_and_in_order(
    long_stream, placement, seed, epoch
):
    windows = Windows(long_stream, "train", 8, placement)
    windows.shuffled_documents = np.array([0, 50, 51, 130, 250])

    starts = windows.at(epoch, batch_size=len(windows), seed=seed).starts

    moved = starts // 8 * 8 if placement.kind == "jittered" else starts
    owners = np.searchsorted(windows.shuffled_documents, moved, side="right")
    changes = np.flatnonzero(np.diff(owners))
    assert len(changes) == len(set(owners.tolist())) - 1
    assert (np.diff(moved)[np.diff(owners) == 0] > 0).all()
    assert len(set(moved // 8)) == len(windows)


def test_separate_or_shuffled_documents_need_to_be_known(tmp_path):
    separate = put_stream(tmp_path / "separate", 64, documents="separate")
    with pytest.raises(InputError, match="separate does not say where documents start"):
        Windows(separate, "train", 8)
    training = TrainingRecipe(
        epochs=1, batch_size=2, window=8, learning_rate=0.1, shuffle="documents"
    )
    plain = put_stream(tmp_path / "plain", 64)
    with pytest.raises(InputError, match="plain does not say where documents start"):
        windows_in_order(training, plain, tmp_path, seed=0)


def test_less_than_one_window_of_text_is_refused(tmp_path):
    assert len(Windows(put_stream(tmp_path, 128), "train", 128)) == 1

    with pytest.raises(InputError, match=r"train\.bin holds 128 tokens, less than one window of"):
        Windows(tmp_path, "train", 129)


def test_a_folder_without_tokens_is_refused(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")

    for folder in (tmp_path, tmp_path / "nothing", tmp_path / "file"):
        with pytest.raises(InputError, match=r"holds no tokens\.json") as caught:
            Windows(folder, "train", 8)
        assert caught.value.mend == "Make one: babyllama tokenize CORPUS TOKENIZER OUT"


@pytest.mark.parametrize(
    ("size", "what"),
    [
        (None, r"train\.words\.bin is missing"),
        (30, r"train\.words\.bin has 30 bytes for 32 tokens"),
    ],
)
def test_a_stream_without_its_words_is_refused(tmp_path, size, what):
    words = put_stream(tmp_path, 32) / "train.words.bin"
    words.unlink()
    if size is not None:
        words.write_bytes(bytes(size))

    with pytest.raises(InputError, match=what) as caught:
        Windows(tmp_path, "train", 8)

    assert caught.value.mend == "Run: babyllama tokenize CORPUS TOKENIZER OUT"


def test_a_model_that_does_not_know_a_token_is_refused_with_the_token(tmp_path):
    put_stream(tmp_path, 300)
    refuse_foreign_tokens(tmp_path, 300, "teachers/llama")

    with pytest.raises(InputError) as caught:
        refuse_foreign_tokens(tmp_path, 299, "teachers/llama")

    assert caught.value.what == (
        f"{tmp_path}/train.bin holds token 299, but teachers/llama knows only 0 to 298"
    )


def test_an_unknown_token_in_dev_alone_is_refused_too(tmp_path):
    put_stream(tmp_path, 300)
    np.arange(10, dtype="uint16").tofile(tmp_path / "train.bin")

    with pytest.raises(InputError, match=r"dev\.bin holds token 299"):
        refuse_foreign_tokens(tmp_path, 100, "student")


@pytest.mark.parametrize("at_once", [3, 7, 100])
def test_the_training_tokens_are_counted_block_by_block(tmp_path, at_once):
    put_stream(tmp_path, 10)
    stream = [5, 0, 5, 2, 5, 2, 9, 1, 0]
    np.array(stream, dtype="uint16").tofile(tmp_path / "train.bin")

    counts = token_counts(tmp_path, at_once=at_once)

    assert counts.tolist() == [stream.count(token) for token in range(10)]
    assert token_counts(tmp_path, 12, at_once=at_once).tolist() == [*counts.tolist(), 0, 0]


def test_tokens_of_another_vocabulary_of_the_same_size_are_refused(tmp_path):
    ours, theirs = (word_tokenizer(tmp_path / name, 10) for name in ("ours", "theirs"))
    put_stream(tmp_path, 10)
    header = {"dtype": "uint16", "vocabulary_sha256": vocabulary_digest(ours)}
    (tmp_path / "tokens.json").write_text(json.dumps(header), encoding="utf-8")
    refuse_other_tokenizer(tmp_path, ours)
    refuse_other_tokenizer(tmp_path, theirs)

    text = (theirs / "tokenizer.json").read_text(encoding="utf-8")
    (theirs / "tokenizer.json").write_text(text.replace('"w7"', '"w77"'), encoding="utf-8")

    with pytest.raises(InputError, match=r"was not made by the tokenizer in .*theirs") as caught:
        refuse_other_tokenizer(tmp_path, theirs)
    assert caught.value.mend.startswith("Run: babyllama tokenize CORPUS ")


def test_a_header_that_is_not_json_is_refused(tmp_path):
    (tmp_path / "tokens.json").write_text("{", encoding="utf-8")

    with pytest.raises(InputError, match=r"tokens\.json cannot be read"):
        read_header(tmp_path)
