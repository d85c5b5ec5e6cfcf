import bz2
import gzip
import lzma

import pytest

from babyllama.data.raw_text import (
    check_text,
    read_blocks,
    read_chunks,
    size_of_text,
)
from babyllama.errors import InputError


def test_text_is_read_without_byte_order_mark_and_with_one_kind_of_line_end(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeffone\r\ntwo\rthree\n".encode())

    assert "".join(read_blocks(path)) == "one\ntwo\nthree\n"


def test_a_file_that_is_not_utf8_is_named_with_byte_line_and_mend(tmp_path):
    path = tmp_path / "a b.txt"
    path.write_bytes(b"fine\nna\xefve\n")

    with pytest.raises(InputError) as error:
        "".join(read_blocks(path))

    assert "byte 7 (line 2) is 0xef" in error.value.what
    assert "--encoding latin1" in error.value.mend


def test_utf16_is_recognised(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("text".encode("utf-16"))

    with pytest.raises(InputError, match="UTF-16"):
        "".join(read_blocks(path))


@pytest.mark.parametrize("content", ["", " \n\t\n", "\ufeff\n", "\u3000\n"])
def test_a_file_of_white_space_is_refused(tmp_path, content):
    path = tmp_path / "a.txt"
    path.write_text(content, encoding="utf-8")

    with pytest.raises(InputError, match="holds no text"):
        "".join(read_blocks(path))


@pytest.mark.parametrize("damage", [lambda data: data[:-9], lambda _data: b"not gzip at all"])
def test_damaged_gzip_is_named(tmp_path, damage):
    path = tmp_path / "a.txt.gz"
    path.write_bytes(damage(gzip.compress(b"some text " * 50)))

    with pytest.raises(InputError, match="not a complete gzip file"):
        "".join(read_blocks(path))


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz"])
def test_gzip_is_known_by_its_first_bytes_whatever_the_files_name(tmp_path, name):
    (tmp_path / name).write_bytes(gzip.compress("Grüße\r\n".encode()))

    assert "".join(read_blocks(tmp_path / name)) == "Grüße\n"


@pytest.mark.parametrize(("suffix", "library"), [(".bz2", bz2), (".xz", lzma)])
def test_bzip2_and_xz_are_read_and_their_damage_is_named(tmp_path, suffix, library):
    whole, cut = tmp_path / f"a.txt{suffix}", tmp_path / f"b.txt{suffix}"
    packed = library.compress(b"some text\n" * 5000)
    whole.write_bytes(packed)
    cut.write_bytes(packed[: len(packed) // 2])
    (tmp_path / f"c{suffix}").write_bytes(b"no such data")

    assert "".join(read_blocks(whole)) == "some text\n" * 5000
    for damaged in (cut, tmp_path / f"c{suffix}"):
        with pytest.raises(InputError, match=f"{damaged.name} is not a complete"):
            check_text(damaged)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"PK\x03\x04rest", "is a zip archive"),
        (b"PAR1rest", "is a Parquet table(.|\n)*kind: table(.|\n)*--column"),
        ("text".encode("utf-32"), "UTF-32"),
        ("Some text.\n".encode("utf-16-le"), "UTF-16LE"),
        ("Some text.\n".encode("utf-16-be"), "UTF-16BE"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
            "is a git-lfs pointer(.|\n)*git lfs pull",
        ),
    ],
)
def test_what_is_not_text_is_refused_by_its_name(tmp_path, data, message):
    (tmp_path / "a.txt").write_bytes(data)

    with pytest.raises(InputError, match=message):
        check_text(tmp_path / "a.txt")


@pytest.mark.parametrize("encoding", ["cp1252", "gb18030", "utf-16"])
def test_text_is_read_in_the_encoding_that_is_given(tmp_path, encoding):
    text = "Grüße – «één»\r\n" * 9
    (tmp_path / "a.txt").write_bytes(text.encode(encoding))

    assert "".join(read_blocks(tmp_path / "a.txt", encoding)) == text.replace("\r", "")


def test_bytes_that_another_encoding_cannot_have_are_named(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"one\ncaf\x81\n")

    with pytest.raises(InputError, match=r"is not cp1252: byte 7 \(line 2\) is 0x81"):
        list(read_blocks(tmp_path / "a.txt", "cp1252"))


def test_an_error_far_into_a_file_names_its_byte_and_line(tmp_path):
    start = ("ß" * 99 + "\n").encode() * 20_000
    (tmp_path / "a.txt").write_bytes(start + b"caf\xe9\n")

    with pytest.raises(InputError, match=rf"byte {len(start) + 3} \(line 20001\) is 0xe9"):
        check_text(tmp_path / "a.txt")


def test_a_character_that_is_cut_off_at_the_end_is_named(tmp_path):
    (tmp_path / "a.txt").write_bytes("one\ntwoß".encode()[:-1])

    with pytest.raises(InputError, match=r"byte 7 \(line 2\) is 0xc3"):
        check_text(tmp_path / "a.txt")


@pytest.mark.parametrize("shift", [0, 1, 2, 3])
def test_blocks_joined_are_the_text_whatever_lies_across_their_borders(tmp_path, shift):
    block = 2**20
    text = "x" * (block - shift) + "\r\nß🦊\ry"
    (tmp_path / "a.txt").write_bytes(text.encode())

    expected = text.replace("\r\n", "\n").replace("\r", "\n")
    blocks = list(read_blocks(tmp_path / "a.txt"))
    assert len(blocks) > 1
    assert "".join(blocks) == expected
    size = size_of_text(tmp_path / "a.txt")
    assert size == (len(expected.split()), len(expected), len(expected.encode()))


@pytest.mark.parametrize("text", [" a  b\n", "a", "a b c ", "\na\n\nb"])
def test_words_are_counted_as_split_counts_them(tmp_path, text):
    (tmp_path / "a.txt").write_text(text)

    assert size_of_text(tmp_path / "a.txt").words == len(text.split())


def test_a_file_that_cannot_be_opened_is_named(tmp_path):
    with pytest.raises(InputError, match="gone cannot be read: No such file"):
        check_text(tmp_path / "gone")


def test_chunks_are_lines_and_long_lines_come_in_parts_that_hold_full_words(tmp_path):
    text = "one\n\n" + "many words " * 300_000 + "end\nlast"
    (tmp_path / "a.txt").write_text(text)

    chunks = list(read_chunks(tmp_path / "a.txt", size=100))

    assert "".join(chunk + "\n" * ends_line for chunk, ends_line in chunks) == text + "\n"
    assert chunks[:2] == [("one", True), ("", True)]
    assert len(chunks) > 4
    assert {word for chunk, _ in chunks for word in chunk.split()} == set(text.split())


def test_a_line_that_would_not_fit_into_memory_is_refused_with_what_cuts_it(tmp_path, monkeypatch):
    monkeypatch.setattr("babyllama.data.raw_text.LONGEST_LINE", 3_000_000)
    (tmp_path / "a book.txt").write_text("short\n" + "word " * 500_000 + "\n", "utf-8")
    assert check_text(tmp_path / "a book.txt") == 0

    (tmp_path / "a book.txt").write_text("short\n" + "word " * 1_000_000, "utf-8")
    with pytest.raises(InputError, match="a line of more than 3,000,000") as refused:
        check_text(tmp_path / "a book.txt")
    assert "fold -s -w 2000 '" in refused.value.mend
    assert "'a book.folded.txt'" in refused.value.mend
