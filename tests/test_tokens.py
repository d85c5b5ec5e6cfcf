import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from babyllama import tokens as module
from babyllama.errors import InputError
from babyllama.recipe import JitteredWindows, ShiftedWindows, TokenizerRecipe, TokensRecipe
from babyllama.tokenizer import load_tokenizer, train_tokenizer, vocabulary_digest
from babyllama.tokens import (
    IGNORE_INDEX,
    Windows,
    read_header,
    refuse_foreign_tokens,
    tokenize,
)

TALES = """The quick brown fox jumps over the lazy dog.
The dog does not jump.

Füchse springen über Hunde.  It's 12 o'clock!

\t
狐狸跳过懒狗。 🦊
"""
TALKS = "the dog    jumps\nthe fox doesn't"
LINES = TokensRecipe(layout="lines")
STREAM = TokensRecipe(layout="stream")
PAD, BOS, EOS = 0, 1, 2


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with a corpus of two files and its tokenizer."""
    place = tmp_path_factory.mktemp("tokens")
    for split in ("train", "dev"):
        (place / "corpus" / split).mkdir(parents=True)
        (place / "corpus" / split / "tales.txt").write_text(TALES, encoding="utf-8")
        (place / "corpus" / split / "talks.txt").write_text(TALKS, encoding="utf-8")
    # With every pair of the text merged, a word cut in two would show.
    recipe = TokenizerRecipe(vocab_size=1000, min_frequency=1)
    train_tokenizer(place / "corpus", recipe, place / "tokenizer")
    return place


@pytest.fixture(scope="module")
def library(place):
    return load_tokenizer(place / "tokenizer")


def tokenized(place: Path, recipe: TokensRecipe, out: Path, **folders: Path) -> Path:
    out.mkdir(exist_ok=True)
    corpus, tokenizer = folders.get("corpus"), folders.get("tokenizer")
    tokenize(corpus or place / "corpus", tokenizer or place / "tokenizer", recipe, out)
    return out


def stream(folder: Path, split: str = "train") -> list[int]:
    header = read_header(folder)
    return np.fromfile(folder / f"{split}.bin", header["dtype"]).tolist()


def put_stream(folder: Path, count: int, *, dtype: str = "uint16") -> Path:
    """A folder of tokens 0, 1, 2 ... without any text behind it."""
    folder.mkdir(exist_ok=True)
    for split in ("train", "dev"):
        np.arange(count, dtype=dtype).tofile(folder / f"{split}.bin")
    (folder / "tokens.json").write_text(json.dumps({"dtype": dtype}), encoding="utf-8")
    return folder


# --- layouts --------------------------------------------------------------------------------


def test_lines_begin_with_bos_and_documents_end_with_eos(place, library, tmp_path):
    def ids(text: str) -> list[int]:
        return library.backend_tokenizer.encode(text, add_special_tokens=False).ids

    out = tokenized(place, LINES, tmp_path / "out")

    assert stream(out) == stream(out, "dev")
    assert stream(out) == [
        *(BOS, *ids("The quick brown fox jumps over the lazy dog.")),
        *(BOS, *ids("The dog does not jump."), EOS),
        *(BOS, *ids("Füchse springen über Hunde.  It's 12 o'clock!"), EOS),
        *(BOS, *ids("狐狸跳过懒狗。 🦊"), EOS),
        *(BOS, *ids("the dog    jumps")),
        *(BOS, *ids("the fox doesn't"), EOS),
    ]
    assert not set(stream(out)) & set(library.encode("\n")[1:])


def test_documents_say_where_each_one_starts(place, tmp_path):
    out = tokenized(place, LINES, tmp_path / "out")
    starts = np.load(out / "train.documents.npy")
    ids = np.array(stream(out))

    ends = np.flatnonzero(ids == EOS) + 1
    assert starts.tolist() == [0, *ends[:-1]]
    assert ends[-1] == len(ids)


def test_a_stream_is_each_files_text_as_the_tokenizer_sees_it_whole(place, library, tmp_path):
    out = tokenized(place, STREAM, tmp_path / "out")

    tales, talks = library.encode(TALES), library.encode(TALKS)
    assert stream(out) == tales + talks
    assert np.load(out / "train.documents.npy").tolist() == [0, len(tales)]
    assert not {PAD, BOS, EOS} & set(stream(out))


def test_a_stream_decodes_to_the_text(place, library, tmp_path):
    out = tokenized(place, STREAM, tmp_path / "out")
    starts = np.load(out / "train.documents.npy")
    ids = stream(out)

    assert library.decode(ids[: starts[1]]) == " " + unicodedata.normalize("NFKC", TALES)
    assert library.decode(ids[starts[1] :]) == " " + TALKS


def test_lines_decode_to_the_text_without_its_blank_lines(place, library, tmp_path):
    out = tokenized(place, LINES, tmp_path / "out")

    text = library.decode(stream(out)).replace("</s>", "").replace("<s> ", "\n").strip()

    written = [line for line in [*TALES.split("\n"), *TALKS.split("\n")] if line.strip()]
    assert text == unicodedata.normalize("NFKC", "\n".join(written))


@pytest.mark.parametrize("recipe", [LINES, STREAM], ids=lambda recipe: recipe.layout)
def test_facts_and_header_count_tokens_and_words(place, library, tmp_path, recipe):
    facts = tokenize(place / "corpus", place / "tokenizer", recipe, tmp_path)

    count = len(stream(tmp_path))
    assert facts == {
        "vocab_size": len(library),
        "train_tokens": count,
        "train_words": len((TALES + " " + TALKS).split()),
        "dev_tokens": count,
        "dev_words": len((TALES + " " + TALKS).split()),
    }
    assert read_header(tmp_path) == {
        "dtype": "uint16",
        "layout": recipe.layout,
        "vocabulary_sha256": vocabulary_digest(place / "tokenizer"),
        **facts,
    }


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize("recipe", [LINES, STREAM], ids=lambda recipe: recipe.layout)
def test_how_much_is_read_at_once_changes_nothing(place, tmp_path, monkeypatch, recipe, size):
    whole = tokenized(place, recipe, tmp_path / "whole")
    monkeypatch.setattr(module, "_LINES_AT_ONCE", size)
    monkeypatch.setattr(module, "_CHARACTERS_AT_ONCE", size)

    parts = tokenized(place, recipe, tmp_path / "parts")

    for name in ("train.bin", "train.documents.npy", "dev.bin", "tokens.json"):
        assert (parts / name).read_bytes() == (whole / name).read_bytes()


SPACES = [" ", "  ", "\n", "\t", "\r\n", "\u3000", "\u00a0"]
WORDS = ["the", "dog", "'", "'s", "'t", "12", "½", "ﬁ", "狐狸", "🦊", ".", "!?", "<s>", "</s>"]
MARKS = ["é", "e\u0301", "\u0301", "¨", "\ufdfa"]  # what NFKC takes apart or joins
texts = st.lists(st.sampled_from(SPACES + WORDS + MARKS), max_size=30).map("".join) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=30
)


@settings(deadline=None)
@given(text=texts, size=st.integers(1, 8))
def test_pieces_of_a_text_have_the_tokens_of_the_whole(library, text, size):
    blocks = [text[start : start + size] for start in range(0, len(text), size)]
    pieces = list(module._cut(blocks))

    assert "".join(pieces) == text
    ids = [token for piece in pieces for token in library.encode(piece)]
    assert ids == library.encode(text)


@settings(deadline=None)
@given(words=st.lists(st.text("abc", min_size=1, max_size=5), min_size=1), size=st.integers(1, 50))
def test_a_piece_is_no_longer_than_what_is_read_at_once_and_a_word(words, size):
    text = " ".join(words)
    blocks = [text[start : start + size] for start in range(0, len(text), size)]

    assert max(len(piece) for piece in module._cut(blocks)) < size + 2 * 6


def test_text_is_cut_for_tokenizers_that_cut_there_themselves_alone(library):
    assert module._may_be_cut(library.backend_tokenizer)

    other = Tokenizer(models.BPE())
    assert not module._may_be_cut(other)
    other.pre_tokenizer = pre_tokenizers.Metaspace()
    assert not module._may_be_cut(other)
    other.pre_tokenizer = pre_tokenizers.ByteLevel(use_regex=False)
    assert not module._may_be_cut(other)
    other.pre_tokenizer = pre_tokenizers.ByteLevel()
    assert module._may_be_cut(other)
    other.normalizer = normalizers.Strip()
    assert not module._may_be_cut(other)
    other.normalizer = normalizers.NFC()
    assert module._may_be_cut(other)
    other.add_special_tokens(["<end of text>"])
    assert not module._may_be_cut(other)


def test_a_file_is_read_whole_for_a_tokenizer_that_may_join_words(place, library, monkeypatch):
    monkeypatch.setattr(module, "_CHARACTERS_AT_ONCE", 4)
    file = place / "corpus" / "train" / "tales.txt"

    ((whole,),) = module._documents([file], "stream", Tokenizer(models.BPE()))
    pieces = [
        piece
        for document in module._documents([file], "stream", library.backend_tokenizer)
        for piece in document
    ]

    assert whole == [TALES]
    assert len(pieces) > 10


def test_progress_ends_at_all_of_a_stream(place, tmp_path, capsys):
    tokenized(place, STREAM, tmp_path / "out")

    assert "tokens train 100%" in capsys.readouterr().err


def word_tokenizer(folder: Path, size: int) -> Path:
    """A tokenizer that knows the words w0, w1 ... and has `size` tokens in all."""
    vocab = {"<s>": 0, "</s>": 1, "<unk>": 2} | {f"w{index}": index for index in range(3, size)}
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder)
    return folder


@pytest.mark.parametrize(("size", "dtype"), [(2**16, "uint16"), (2**16 + 1, "uint32")])
def test_tokens_take_two_bytes_while_the_vocabulary_fits(tmp_path, size, dtype):
    for split in ("train", "dev"):
        (tmp_path / "corpus" / split).mkdir(parents=True)
        (tmp_path / "corpus" / split / "a.txt").write_text(f"w3 w{size - 1}\n", encoding="utf-8")
    tokenizer = word_tokenizer(tmp_path / "tokenizer", size)

    tokenize(tmp_path / "corpus", tokenizer, LINES, tmp_path)

    assert read_header(tmp_path)["dtype"] == dtype
    assert stream(tmp_path) == [0, 3, size - 1, 1]
    assert (tmp_path / "train.bin").stat().st_size == 4 * np.dtype(dtype).itemsize


# --- windows --------------------------------------------------------------------------------


def test_windows_lie_side_by_side_and_labels_are_the_next_token(tmp_path):
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
def test_an_epoch_reads_every_window_once_but_what_fills_no_batch(
    long_stream, count, batch_size, seed, epoch
):
    windows = first_windows(long_stream, count)

    read = epoch_of(windows, epoch, batch_size=batch_size, seed=seed)

    assert len(set(read)) == len(read)
    assert set(read) <= set(range(count))
    assert len(read) == (count if count < batch_size else count - count % batch_size)


def test_the_order_is_another_in_another_epoch_and_for_another_seed(long_stream):
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
def test_a_step_reads_the_same_windows_whatever_was_asked_before(
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
    assert sorted(start // 8 for start in starts) == sorted({start // 8 for start in starts})
    assert len({start % 8 for start in starts}) > 2
    assert all(batch.input_ids[0, 0] == batch.starts[0] for batch in batches)
    again = windows.at(39 * epoch + 7, batch_size=1, seed=seed)
    assert again.starts[0] == starts[7]


def test_the_order_of_windows_stays_as_it_was_so_that_runs_begun_before_can_go_on(long_stream):
    batch = Windows(long_stream, "train", 8).at(5, batch_size=8, seed=0)

    assert (batch.starts // 8).tolist() == [33, 22, 15, 24, 5, 21, 1, 31]


@settings(deadline=None)
@given(count=st.integers(1, 40), limit=st.integers(1, 60), batch_size=st.integers(1, 12))
def test_spread_reads_as_many_windows_as_asked_for_evenly(long_stream, count, limit, batch_size):
    batches = list(first_windows(long_stream, count).spread(limit, batch_size))
    read = [int(at) // 8 for batch in batches for at in batch.starts]

    assert len(read) == min(limit, count)
    assert read == sorted(set(read))
    assert all(len(batch.starts) == batch_size for batch in batches[:-1])
    gaps = np.diff(read)
    assert read[0] == 0
    assert len(read) == 1 or read[-1] == count - 1
    assert len(gaps) == 0 or gaps.max() - gaps.min() <= 1


# --- errors ---------------------------------------------------------------------------------


def test_less_than_one_window_of_text_is_refused(tmp_path):
    assert len(Windows(put_stream(tmp_path, 128), "train", 128)) == 1

    with pytest.raises(InputError, match=r"train\.bin holds 128 tokens, less than one window of"):
        Windows(tmp_path, "train", 129)


def test_a_folder_that_holds_no_tokens_is_refused(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")

    for folder in (tmp_path, tmp_path / "nothing", tmp_path / "file"):
        with pytest.raises(InputError, match=r"holds no tokens\.json") as caught:
            Windows(folder, "train", 8)
        assert caught.value.mend == "Make one: babyllama tokenize CORPUS TOKENIZER OUT"


def test_a_model_that_does_not_know_a_token_is_refused_with_the_token(tmp_path):
    put_stream(tmp_path, 300)
    refuse_foreign_tokens(tmp_path, 300, "teachers/llama")

    with pytest.raises(InputError) as caught:
        refuse_foreign_tokens(tmp_path, 299, "teachers/llama")

    assert caught.value.what == (
        f"{tmp_path}/train.bin holds token 299, but teachers/llama knows only 0 to 298"
    )


def test_a_foreign_token_of_dev_alone_is_refused_too(tmp_path):
    put_stream(tmp_path, 300)
    np.arange(10, dtype="uint16").tofile(tmp_path / "train.bin")

    with pytest.raises(InputError, match=r"dev\.bin holds token 299"):
        refuse_foreign_tokens(tmp_path, 100, "student")


@pytest.mark.parametrize("recipe", [LINES, STREAM], ids=lambda recipe: recipe.layout)
@pytest.mark.parametrize("text", [None, "", " \n\n"])
def test_a_split_without_text_is_refused(place, tmp_path, recipe, text):
    (tmp_path / "corpus" / "train").mkdir(parents=True)
    (tmp_path / "corpus" / "train" / "a.txt").write_text("the dog", encoding="utf-8")
    (tmp_path / "corpus" / "dev").mkdir()
    if text is not None:
        (tmp_path / "corpus" / "dev" / "a.txt").write_text(text, encoding="utf-8")

    with pytest.raises(InputError, match="corpus/dev holds no text to tokenize"):
        tokenized(place, recipe, tmp_path, corpus=tmp_path / "corpus")


@pytest.mark.parametrize("recipe", [LINES, STREAM], ids=lambda recipe: recipe.layout)
def test_text_that_is_not_utf8_is_refused_with_its_file(place, tmp_path, recipe):
    (tmp_path / "corpus" / "train").mkdir(parents=True)
    (tmp_path / "corpus" / "train" / "a.txt").write_bytes("the Größe".encode("latin-1"))

    with pytest.raises(InputError, match=r"corpus/train/a\.txt is not UTF-8 text"):
        tokenized(place, recipe, tmp_path, corpus=tmp_path / "corpus")


def test_lines_need_a_tokenizer_with_a_start_and_an_end(place, tmp_path):
    tokenizer = word_tokenizer(tmp_path / "tokenizer", 10)
    config = json.loads((tokenizer / "tokenizer_config.json").read_text(encoding="utf-8"))
    del config["bos_token"]
    (tokenizer / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")

    with pytest.raises(InputError, match="has no token for the start or the end of a text"):
        tokenized(place, LINES, tmp_path / "lines", tokenizer=tokenizer)
    tokenized(place, STREAM, tmp_path / "stream", tokenizer=tokenizer)
