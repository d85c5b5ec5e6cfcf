from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from token_streams import TALES, put_tales, texts
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from babyllama.data.text_pieces import (
    can_split_before_spaces,
    read_documents,
    split_before_spaces,
)
from babyllama.data.tokenizer import load_tokenizer


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return put_tales(tmp_path_factory.mktemp("pieces"))


@pytest.fixture(scope="module")
def library(place):
    return load_tokenizer(place / "tokenizer")


@settings(deadline=None)
@given(text=texts, size=st.integers(1, 8))
def test_the_pieces_of_a_text_have_the_tokens_of_the_text(library, text, size):
    blocks = [text[start : start + size] for start in range(0, len(text), size)]
    pieces = list(split_before_spaces(blocks))

    assert "".join(pieces) == text
    assert [word for piece in pieces for word in piece.split()] == text.split()
    ids = [token for piece in pieces for token in library.encode(piece)]
    assert ids == library.encode(text)


@settings(deadline=None)
@given(words=st.lists(st.text("abc", min_size=1, max_size=5), min_size=1), size=st.integers(1, 50))
def test_a_piece_is_at_most_a_block_and_a_word_long(words, size):
    text = " ".join(words)
    blocks = [text[start : start + size] for start in range(0, len(text), size)]

    assert max(len(piece) for piece in split_before_spaces(blocks)) < size + 2 * 6


def joins_words() -> Tokenizer:
    """A tokenizer one of whose tokens has the end of a word and the space after it."""
    return Tokenizer(models.BPE(vocab={"a": 0, " ": 1, "a ": 2}, merges=[("a", " ")]))


def test_only_text_for_tokenizers_that_split_at_spaces_themselves_can_be_split(library):
    assert can_split_before_spaces(library.backend_tokenizer)

    other = joins_words()
    assert not can_split_before_spaces(other)
    other.pre_tokenizer = pre_tokenizers.Metaspace()
    assert not can_split_before_spaces(other)
    other.pre_tokenizer = pre_tokenizers.ByteLevel(use_regex=False)
    assert not can_split_before_spaces(other)
    other.pre_tokenizer = pre_tokenizers.ByteLevel()
    assert can_split_before_spaces(other)
    other.normalizer = normalizers.Strip()
    assert not can_split_before_spaces(other)
    other.normalizer = normalizers.NFC()
    assert can_split_before_spaces(other)
    other.add_special_tokens(["<end of text>"])
    assert not can_split_before_spaces(other)


def documents(file: Path, layout: str, tokenizer: Tokenizer, **sizes: int) -> list[list[list[str]]]:
    """The documents of a file, each as the list of its pieces' texts."""
    sizes = {"lines_at_once": 1000, "characters_at_once": 1000} | sizes
    read = read_documents([file], layout, tokenizer, **sizes)
    return [[list(piece.texts) for piece in pieces] for pieces in read]


def test_a_file_is_one_piece_for_a_tokenizer_that_may_join_words(place, library):
    file = place / "corpus" / "train" / "tales.txt"

    ((unsplit,),) = documents(file, "stream", joins_words(), characters_at_once=4)
    (pieces,) = documents(file, "stream", library.backend_tokenizer, characters_at_once=4)

    assert unsplit == [TALES]
    assert len(pieces) > 10
    assert "".join(text for (text,) in pieces) == TALES


def test_under_lines_blank_lines_separate_documents_and_a_piece_has_so_many_lines(place, library):
    file = place / "corpus" / "train" / "tales.txt"
    written = [line for line in TALES.splitlines(keepends=True) if line.strip()]

    assert documents(file, "lines", library.backend_tokenizer, lines_at_once=1) == [
        [[written[0]], [written[1]]],
        [[written[2]]],
        [[written[3]]],
    ]
    assert documents(file, "lines", library.backend_tokenizer) == [
        [written[:2]],
        [written[2:3]],
        [written[3:]],
    ]


def test_only_the_first_piece_of_a_long_line_begins_a_line(library, tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("one\ntwo three four five\nsix\n")

    read = read_documents(
        [file], "lines", library.backend_tokenizer, lines_at_once=9, characters_at_once=8
    )

    assert [(list(piece.texts), piece.are_lines) for pieces in read for piece in pieces] == [
        (["one\n"], True),
        (["two"], True),
        ([" three four"], False),
        ([" five"], False),
        (["six\n"], True),
    ]


def test_a_long_line_is_one_piece_for_a_tokenizer_that_may_join_words(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("two three four five\n")

    assert documents(file, "lines", joins_words(), characters_at_once=8) == [
        [["two three four five\n"]]
    ]
