import copy
import sys
import unicodedata
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from token_streams import put_tales, texts
from tokenizers import normalizers, pre_tokenizers

from babyllama.data import word_starts
from babyllama.data.text_pieces import Piece
from babyllama.data.tokenizer import load_tokenizer
from babyllama.data.word_starts import (
    IS_SPACE,
    byte_tokens,
    count_word_starts,
    encode_in_groups,
    words_in_tokens,
)


def encode(library, piece, known=None):
    (found,) = encode_in_groups(library, piece, [len(piece.texts)], known)
    return found


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return load_tokenizer(put_tales(tmp_path_factory.mktemp("words")) / "tokenizer")


def plain_word_starts(text: str, spans: list[tuple[int, int]]) -> list[int]:
    """For each token, the words that begin in it: each word and each token one by one."""
    counts, at = [0] * len(spans), 0
    for word in text.split():
        at = text.index(word, at)
        reaching = [token for token, (_, end) in enumerate(spans) if end > at]
        counts[min([*reaching, len(spans) - 1])] += 1
        at += len(word)
    return counts


@settings(deadline=None)
@given(lines=st.lists(texts, min_size=1, max_size=5), layout=st.sampled_from(["lines", "stream"]))
def test_each_word_counts_where_a_plain_search_finds_it(library, lines, layout):
    first, bos, piece = [(0, 0)], [library.bos_token_id], [line.rstrip("\n") for line in lines]
    if layout == "stream":
        first, bos, piece = [], [], ["\n".join(lines)]
    expected, tokens = [], []
    for text in piece:
        encoding = library.backend_tokenizer.encode(text, add_special_tokens=False)
        expected += plain_word_starts(text, first + encoding.offsets)
        tokens += bos + encoding.ids

    for known in (None, byte_tokens(library)):
        ids, counts = encode(library, Piece(piece, are_lines=layout == "lines"), known)

        assert counts.tolist() == expected
        assert ids.tolist() == tokens


def test_lengths_in_bytes_give_the_ends_that_the_library_gives(library):
    """Text that is not ASCII, in the normal form; characters in several tokens; spaces around."""
    known = byte_tokens(library)
    piece = ["", " ", "żółw  łza", "a\tb ", "\u3000漢字 😀 x", "the\u00a0cat", "\r"]
    normal = [unicodedata.normalize("NFKC", text) for text in piece]
    encodings = library.backend_tokenizer.encode_batch(normal, add_special_tokens=False)
    expected = [
        count
        for text, each in zip(normal, encodings, strict=True)
        for count in plain_word_starts(text, each.offsets)
    ]
    with patch.object(library.backend_tokenizer.__class__, "encode_batch", None):  # the slow way
        _, counts = encode(library, Piece(normal, are_lines=False), known)

    assert counts.tolist() == expected


LINES = ["the quick dog", "żółw łza", "a  fox. it jumps .", "狐狸 🦊", "it's 12"]


def test_plain_lines_are_encoded_as_one_text(library):
    """The slow ways are closed: lines between which nothing but a line feed stands need none."""
    plain = encode(library, Piece(LINES, are_lines=True))
    known = byte_tokens(library)
    with patch.object(word_starts, "_flat", None):
        fast = encode(library, Piece(LINES, are_lines=True), known)
    for ours, expected in zip(fast, plain, strict=True):
        assert ours.tolist() == expected.tolist()


def test_each_group_has_its_own_tokens_even_if_a_text_has_the_token_for_a_start(library):
    other = copy.deepcopy(library)
    other.bos_token = "."
    assert other.bos_token_id in encode(library, Piece(LINES, are_lines=True))[0]
    lines = [*LINES, "½. not in the normal form"]
    groups = encode_in_groups(other, Piece(lines, are_lines=True), [1, 3, 2], byte_tokens(other))
    for (ids, words), (start, end) in zip(groups, [(0, 1), (1, 4), (4, 6)], strict=True):
        expected = encode(other, Piece(lines[start:end], are_lines=True))
        assert (ids.tolist(), words.tolist()) == tuple(each.tolist() for each in expected)


def test_text_that_becomes_shorter_in_the_normal_form_is_counted_by_the_librarys_ends(library):
    """The Angstrom sign has a byte more than its normal form: as many as the added space."""
    piece = Piece(["\u212b bc de"], are_lines=False)

    _, plain = encode(library, piece)
    _, counts = encode(library, piece, byte_tokens(library))

    assert counts.tolist() == plain.tolist()


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ("pre_tokenizer", pre_tokenizers.Whitespace()),
        ("normalizer", normalizers.Lowercase()),
    ],
)
def test_only_byte_level_tokens_have_lengths(library, change, value):
    other = copy.deepcopy(library)
    setattr(other.backend_tokenizer, change, value)

    assert byte_tokens(other) is None


def test_a_word_counts_at_its_first_token_even_if_later_tokens_end_before_it():
    assert count_word_starts(["abc d"], [[3, 0, 0, 3, 5]]).tolist() == [1, 0, 0, 0, 1]


def test_a_space_is_what_str_split_splits_at():
    spaces = {code for code in range(sys.maxunicode + 1) if not chr(code).split()}

    assert set(np.flatnonzero(IS_SPACE)) == spaces


@settings(deadline=None, max_examples=30)
@given(lines=st.lists(st.text("abe. ,'\t"), min_size=1, max_size=5))
def test_without_the_text_as_many_words_are_counted_from_the_tokens_alone(library, lines):
    ids, words = encode(library, Piece(lines, are_lines=True))
    counted = words_in_tokens(library, np.array([*ids, library.eos_token_id]))
    assert counted.tolist() == [*words.tolist(), 0]
