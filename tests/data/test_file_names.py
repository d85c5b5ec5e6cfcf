import pytest

from babyllama.data.file_names import parse_name


@pytest.mark.parametrize(
    ("name", "domain", "split"),
    [
        ("childes.train", "childes", "train"),
        ("childes.train.txt", "childes", "train"),
        ("childes.TRAIN.TXT.GZ", "childes", "train"),
        ("childes.dev.txt.xz", "childes", "dev"),
        ("childes.validation.bz2", "childes", "dev"),
        ("childes.test.txt", "childes", "test"),
        ("train.txt", "train", "train"),
        ("val.txt", "val", "dev"),
        ("test.txt.gz", "test", "test"),
        ("tales.txt", "tales", "text"),
        ("tales.v1.2.txt", "tales.v1.2", "text"),
        ("training.txt", "training", "text"),
        ("notes.md", "notes", "other"),
        ("corpus.tar.gz", "corpus", "other"),
        ("README", "README", "other"),
        (".hidden.txt", ".hidden", "other"),
        (".train", ".train", "other"),
        ("train", "train", "other"),
    ],
)
def test_a_name_says_its_domain_and_split(name, domain, split):
    parsed = parse_name(name)

    assert (parsed.domain, parsed.split) == (domain, split)
    assert bool(parsed.why_left_out) == (split in ("other", "test"))


def test_only_a_suffix_marks_a_split():
    assert parse_name("a.dev.txt").marks_split
    assert not parse_name("dev.txt").marks_split


def test_what_is_not_a_regular_file_is_no_text():
    assert parse_name("a.txt", is_regular=False).why_left_out == "not a regular file"
