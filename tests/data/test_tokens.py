import json
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from babyllama.data import tokens as module
from babyllama.data.tokenizer import load_tokenizer, train_tokenizer, vocabulary_digest
from babyllama.data.tokens import tokenize
from babyllama.data.windows import IGNORE_INDEX, Windows, read_header, refuse_foreign_tokens
from babyllama.errors import InputError
from babyllama.recipe import (
    FixedWindows,
    JitteredWindows,
    ShiftedWindows,
    TokenizerRecipe,
    TokensRecipe,
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
        (np.arange(count) * 7 % 5).astype(np.uint8).tofile(folder / f"{split}.words.bin")
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

    files = ("train.bin", "train.words.bin", "train.documents.npy", "dev.bin", "tokens.json")
    for name in files:
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
    assert [word for piece in pieces for word in piece.split()] == text.split()
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


# --- words ----------------------------------------------------------------------------------

# Emoji in parts, marks that join or stand alone, wide letters, every kind of space, no letters.
HARD = """👩‍👩‍👧 waves🏳️‍🌈 👍🏽\tto ｆｕｌｌ　ｗｉｄｔｈ\u00a0letters\u2003here\x1cand\x85there.
--- *** ... !!! @#$ \u200b \u00ad
e\u0301te\u0301 \u0301 a\u0301\u0323\u0307b ¨ \ufdfa ½ ﬁ ﬁn \u1100\u1161\u11a8 <s> x</s>y

 \u3000 \t
狐狸跳过 懒狗。狐狸，　跑！\r
 lead and trail\u00a0
"""


def words_begun(folder: Path, split: str = "train") -> list[int]:
    return np.fromfile(folder / f"{split}.words.bin", np.uint8).tolist()


def plain_words_begun(text: str, spans: list[tuple[int, int]]) -> list[int]:
    """For each token, the words that begin in it: each word and each token one by one."""
    counts, at = [0] * len(spans), 0
    for word in text.split():
        at = text.index(word, at)
        reaching = [token for token, (_, end) in enumerate(spans) if end > at]
        counts[min([*reaching, len(spans) - 1])] += 1
        at += len(word)
    return counts


def put_corpus(folder: Path, text: str) -> Path:
    for split in ("train", "dev"):
        (folder / split).mkdir(parents=True)
        (folder / split / "a.txt").write_bytes(text.encode())
    return folder


def test_a_word_counts_at_its_first_token_and_separators_have_none(place, library, tmp_path):
    corpus = put_corpus(tmp_path / "corpus", "the dog  foxy\n🦊 é\n")
    out = tokenized(place, LINES, tmp_path / "out", corpus=corpus)

    tokens = library.convert_ids_to_tokens(stream(out))

    assert list(zip(tokens, words_begun(out), strict=True)) == [
        *[("<s>", 0), ("Ġthe", 1), ("Ġdog", 1), ("Ġ", 0), ("Ġfox", 1), ("y", 0)],
        *[("<s>", 0), ("ĠðŁ¦Ĭ", 1), ("Ġ", 0), ("Ã", 1), ("©", 0), ("</s>", 0)],
    ]


@pytest.mark.parametrize("recipe", [LINES, STREAM], ids=lambda recipe: recipe.layout)
@pytest.mark.parametrize("size", [1, 5, 10_000])
def test_words_of_tokens_add_up_to_the_words_of_the_text(
    place, tmp_path, monkeypatch, recipe, size
):
    monkeypatch.setattr(module, "_LINES_AT_ONCE", size)
    monkeypatch.setattr(module, "_CHARACTERS_AT_ONCE", size)
    corpus = put_corpus(tmp_path / "corpus", HARD)

    out = tokenized(place, recipe, tmp_path / "out", corpus=corpus)

    header = read_header(out)
    for split in ("train", "dev"):
        assert len(words_begun(out, split)) == len(stream(out, split)) == header[f"{split}_tokens"]
        assert sum(words_begun(out, split)) == header[f"{split}_words"] == len(HARD.split())


@settings(deadline=None)
@given(lines=st.lists(texts, min_size=1, max_size=5), layout=st.sampled_from(["lines", "stream"]))
def test_each_word_is_where_one_word_after_another_would_be_put(library, lines, layout):
    first, piece = [(0, 0)], [line.rstrip("\n") for line in lines]
    if layout == "stream":
        first, piece = [], ["\n".join(lines)]
    expected = []
    for text in piece:
        encoding = library.backend_tokenizer.encode(text, add_special_tokens=False)
        expected += plain_words_begun(text, first + encoding.offsets)

    ids, counts = module._encode(library, piece, layout)

    assert counts.tolist() == expected
    assert len(ids) == len(expected)


def test_a_word_counts_at_its_first_token_though_later_ones_end_before_it():
    assert module._words_begun(["abc d"], [[3, 0, 0, 3, 5]]).tolist() == [1, 0, 0, 0, 1]


def test_a_space_is_what_str_split_splits_at():
    spaces = {code for code in range(sys.maxunicode + 1) if not chr(code).split()}

    assert set(np.flatnonzero(module._IS_SPACE)) == spaces


def dropping_tokenizer(folder: Path) -> Path:
    """A tokenizer of words that drops every x before it looks."""
    tokenizer = Tokenizer(models.WordLevel({"<s>": 0, "</s>": 1, "<unk>": 2}, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Replace("x", "")
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder)
    return folder


def test_a_word_without_a_token_counts_at_the_next_of_its_line_or_at_the_last(tmp_path):
    corpus = put_corpus(tmp_path / "corpus", "a x b xx xx\nx\nx xa\n")
    tokenizer = dropping_tokenizer(tmp_path / "tokenizer")

    lines = tokenized(tmp_path, LINES, tmp_path / "lines", corpus=corpus, tokenizer=tokenizer)
    whole = tokenized(tmp_path, STREAM, tmp_path / "stream", corpus=corpus, tokenizer=tokenizer)

    assert stream(lines) == [0, 2, 2, 0, 0, 2, 1]
    assert words_begun(lines) == [0, 1, 4, 1, 0, 2, 0]
    assert stream(whole) == [2, 2, 2]
    assert words_begun(whole) == [1, 2, 5]
    assert read_header(lines)["train_words"] == read_header(whole)["train_words"] == 8


def test_text_without_a_token_has_no_words(tmp_path):
    corpus = put_corpus(tmp_path / "corpus", "xx x\n")
    (corpus / "train" / "b.txt").write_text("a a", encoding="utf-8")
    tokenizer = dropping_tokenizer(tmp_path / "tokenizer")

    with pytest.raises(InputError, match="corpus/dev holds no text to tokenize"):
        tokenized(tmp_path, STREAM, tmp_path, corpus=corpus, tokenizer=tokenizer)

    assert words_begun(tmp_path) == [1, 1]


@pytest.mark.parametrize("recipe", [LINES, STREAM], ids=lambda recipe: recipe.layout)
def test_a_token_of_more_words_than_a_byte_counts_is_refused(tmp_path, recipe):
    tokenizer = dropping_tokenizer(tmp_path / "tokenizer")
    most = put_corpus(tmp_path / "most", "a" + 254 * " x")
    more = put_corpus(tmp_path / "more", "a" + 255 * " x")

    out = tokenized(tmp_path, recipe, tmp_path / "out", corpus=most, tokenizer=tokenizer)
    assert max(words_begun(out)) == 255
    with pytest.raises(InputError, match="tokenizer makes one token of 256 words"):
        tokenized(tmp_path, recipe, tmp_path / "out", corpus=more, tokenizer=tokenizer)


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


PLACEMENTS = [
    FixedWindows(),
    ShiftedWindows(kind="shifted", passes=4),
    JitteredWindows(kind="jittered"),
]


def plain_words(folder: Path, starts: np.ndarray, window: int) -> int:
    begun = words_begun(folder)
    return sum(sum(begun[start : start + window]) for start in starts.tolist())


@settings(deadline=None)
@given(starts=st.lists(st.integers(0, 8 * 40 - 8), max_size=30))
def test_words_are_those_that_begin_in_the_windows(long_stream, starts):
    windows, at = Windows(long_stream, "train", 8), np.array(starts, np.int64)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("babyllama.data.windows._WINDOWS_AT_ONCE", 7)
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
def test_no_placement_reads_other_windows_than_it_did(long_stream, placement, starts):
    batch = Windows(long_stream, "train", 8, placement).at(9, batch_size=8, seed=0)

    assert batch.starts[:3].tolist() == starts


@settings(deadline=None)
@given(count=st.integers(1, 40), limit=st.integers(1, 60), batch_size=st.integers(1, 12))
def test_evenly_spaced_reads_as_many_windows_as_asked_for_evenly(
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
