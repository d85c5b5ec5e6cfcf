import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from babyllama.data.sources import Domain, read_split, read_text, split_dev
from babyllama.errors import InputError


def put(folder: Path, **files: str) -> Path:
    """Write files into a folder; `__` in a name stands for the dot of its suffix."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text, encoding="utf-8")
    return folder


def names(domains: list[Domain]) -> list[str]:
    return [domain.name for domain in domains]


def test_a_split_lists_the_files_with_its_suffixes_sorted(tmp_path):
    put(tmp_path / "train", qed__train="a", cbt__txt="b", notes__md="c", old__dev="d")
    put(tmp_path / "dev", qed__dev="a", other__train="b")
    (tmp_path / "train" / ".hidden.txt").write_text("x")

    assert names(read_split(tmp_path, "train")) == ["cbt", "qed"]
    assert names(read_split(tmp_path, "dev")) == ["qed"]


def test_compressed_files_are_domains_and_read_like_plain_ones(tmp_path):
    folder = put(tmp_path / "train")
    (folder / "cbt.train.gz").write_bytes(gzip.compress("Grüße\r\n".encode()))

    (domain,) = read_split(tmp_path, "train")

    assert domain.name == "cbt"
    assert read_text(domain.path) == "Grüße\n"


def test_files_directly_in_the_folder_are_train_unless_their_suffix_is_dev(tmp_path):
    put(tmp_path, tales__txt="a", talks__train="b", talks__dev="c")

    assert names(read_split(tmp_path, "train")) == ["tales", "talks"]
    assert names(read_split(tmp_path, "dev")) == ["talks"]


def test_one_file_is_a_corpus_of_one_domain(tmp_path):
    put(tmp_path, tales__txt="a")

    assert read_split(tmp_path / "tales.txt", "train") == [Domain("tales", tmp_path / "tales.txt")]
    assert read_split(tmp_path / "tales.txt", "dev") == []


def test_a_source_without_dev_has_no_dev_domains(tmp_path):
    put(tmp_path / "train", cbt__train="a")

    assert read_split(tmp_path, "dev") == []


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(InputError, match="nowhere does not exist"):
        read_split(tmp_path / "nowhere", "train")


def test_the_error_for_a_folder_without_text_names_what_is_expected_and_what_is_found(tmp_path):
    put(tmp_path, readme__md="a")
    (tmp_path / "train_10M").mkdir()

    with pytest.raises(InputError, match=r"\*\.train or \*\.txt.*readme\.md, train_10M/"):
        read_split(tmp_path, "train")


def test_an_empty_dev_folder_is_refused_not_treated_as_missing(tmp_path):
    put(tmp_path / "train", cbt__train="a")
    put(tmp_path / "dev")

    with pytest.raises(InputError, match="dev holds no text"):
        read_split(tmp_path, "dev")


def test_two_files_of_one_domain_are_refused_by_name(tmp_path):
    put(tmp_path / "train", cbt__train="a", cbt__txt="b")

    with pytest.raises(InputError, match=r"domain cbt twice: cbt\.train and cbt\.txt"):
        read_split(tmp_path, "train")


def test_text_is_read_without_byte_order_mark_and_with_one_kind_of_line_end(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeffone\r\ntwo\rthree\n".encode())

    assert read_text(path) == "one\ntwo\nthree\n"


def test_a_file_that_is_not_utf8_is_named_with_byte_line_and_mend(tmp_path):
    path = tmp_path / "a b.txt"
    path.write_bytes(b"fine\nna\xefve\n")

    with pytest.raises(InputError) as error:
        read_text(path)

    assert "byte 7 (line 2) is 0xef" in error.value.what
    assert f"iconv -f latin1 -t utf-8 '{path}'" in error.value.mend


def test_utf16_is_recognised(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("text".encode("utf-16"))

    with pytest.raises(InputError, match="UTF-16"):
        read_text(path)


@pytest.mark.parametrize("content", ["", " \n\t\n", "\ufeff\n", "\u3000\n"])
def test_a_file_of_white_space_is_refused(tmp_path, content):
    path = tmp_path / "a.txt"
    path.write_text(content, encoding="utf-8")

    with pytest.raises(InputError, match="holds no text"):
        read_text(path)


@pytest.mark.parametrize("damage", [lambda data: data[:-9], lambda _data: b"not gzip at all"])
def test_damaged_gzip_is_named(tmp_path, damage):
    path = tmp_path / "a.txt.gz"
    path.write_bytes(damage(gzip.compress(b"some text " * 50)))

    with pytest.raises(InputError, match="not a complete gzip file"):
        read_text(path)


def test_dev_starts_between_documents_if_one_ends_near_the_share():
    text = "".join(f"document {i:02}\n" + "another line\n" * 5 + "\n" for i in range(100))

    # The wanted share ends within a document, nearer to a line's end than to the document's.
    train, dev = split_dev(text, fraction=0.104, name="x")

    assert dev.startswith("document 90\n")
    assert train.endswith("\n\n")


def test_dev_starts_between_lines_if_no_document_ends_near():
    text = "one\n\n" + "a line of words\n" * 100

    train, dev = split_dev(text, fraction=0.1, name="x")

    assert dev == "a line of words\n" * 10
    assert train + dev == text


def test_dev_starts_between_words_if_there_is_one_line():
    train, dev = split_dev("word " * 100 + "\n", fraction=0.1, name="x")

    assert train.endswith("word ")
    assert dev == "word " * 10 + "\n"


def test_a_text_that_cannot_be_split_is_refused():
    with pytest.raises(InputError, match=r"tale\.txt is too short"):
        split_dev("indivisible\n", fraction=0.1, name="tale.txt")


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.5, 2.0])
def test_a_dev_fraction_out_of_range_is_refused(fraction):
    with pytest.raises(InputError, match="dev_fraction is"):
        split_dev("one\ntwo\n", fraction=fraction, name="x")


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["word", "a few words", "", " "]), min_size=1, max_size=40),
    st.floats(0.01, 0.99),
)
def test_no_character_is_lost_and_neither_split_is_blank(lines, fraction):
    text = "\n".join(lines)
    try:
        train, dev = split_dev(text, fraction=fraction, name="x")
    except InputError:
        assert len(text.split()) < 2
        return

    assert train + dev == text
    assert train.strip()
    assert dev.strip()
