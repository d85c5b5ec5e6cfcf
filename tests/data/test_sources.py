import gzip
import os
import re
from pathlib import Path

import pytest

from babyllama.data.raw_text import read_blocks
from babyllama.data.sources import Domain, clean_files, left_out_in_words, read_source, read_split
from babyllama.errors import InputError
from babyllama.recipe import load_recipe


def put(folder: Path, **files: str) -> Path:
    """Write files into a folder; `__` in a name stands for the dot of its suffix."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text, encoding="utf-8")
    return folder


def names(domains: list[Domain]) -> list[str]:
    return [domain.name for domain in domains]


def test_a_split_lists_the_files_with_its_suffixes_sorted(tmp_path):
    put(tmp_path / "train", qed__train="a", cbt__txt="b", notes__md="c")
    put(tmp_path / "dev", qed__dev="a")
    (tmp_path / "train" / ".hidden.txt").write_text("x")

    assert names(read_split(tmp_path, "train")) == ["cbt", "qed"]
    assert names(read_split(tmp_path, "dev")) == ["qed"]


def test_compressed_files_are_domains_and_read_like_plain_ones(tmp_path):
    folder = put(tmp_path / "train")
    (folder / "cbt.train.gz").write_bytes(gzip.compress("Grüße\r\n".encode()))

    (domain,) = read_split(tmp_path, "train")

    assert domain.name == "cbt"
    assert "".join(read_blocks(domain.path)) == "Grüße\n"


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

    with pytest.raises(
        InputError, match=r"\*\.train or \*\.txt.*readme\.md, train_10M/(.|\n)*--nested"
    ):
        read_split(tmp_path, "train")


def test_a_folder_of_tables_needs_the_name_of_a_column(tmp_path):
    put(tmp_path, tales__parquet="a")

    with pytest.raises(InputError, match=r"found tales\.parquet(.|\n)*--column NAME"):
        read_source(tmp_path)


def test_an_empty_dev_folder_is_refused_not_treated_as_missing(tmp_path):
    put(tmp_path / "train", cbt__train="a")
    put(tmp_path / "dev")

    with pytest.raises(InputError, match="dev holds no text"):
        read_split(tmp_path, "dev")


def test_two_files_of_one_domain_are_refused_by_name(tmp_path):
    put(tmp_path / "train", cbt__train="a", cbt__txt="b")

    with pytest.raises(InputError, match=r"domain cbt twice: cbt\.train and cbt\.txt"):
        read_split(tmp_path, "train")


def left_out(folder: Path) -> dict[str, str]:
    return {each.name: each.why for each in read_source(folder).left_out}


@pytest.mark.parametrize("packing", ["", ".gz", ".bz2", ".xz"])
def test_the_names_of_babylm_2026_are_domains_and_splits(tmp_path, packing):
    for name in ("childes.train.txt", "qed.train.txt", "childes.dev.txt", "childes.test.txt"):
        (tmp_path / f"{name}{packing}").write_text("a")

    source = read_source(tmp_path)

    assert names(source.train) == ["childes", "qed"]
    assert names(source.dev) == ["childes"]
    assert left_out(tmp_path) == {f"childes.test.txt{packing}": "test text is not used"}


def test_valid_means_dev_in_names_of_files_and_folders(tmp_path):
    flat = put(tmp_path / "flat", **{"wiki.train.txt": "a", "wiki.valid.txt": "b"})
    whole = put(tmp_path / "whole", **{"train.txt": "a", "valid.txt": "b", "test.txt": "c"})
    put(tmp_path / "nested" / "train", a__txt="a")
    put(tmp_path / "nested" / "validation", a__txt="b")

    for folder, train, dev in ((flat, "wiki", "wiki"), (whole, "train", "valid")):
        assert (names(read_split(folder, "train")), names(read_split(folder, "dev"))) == (
            [train],
            [dev],
        )
    assert left_out(whole) == {"test.txt": "test text is not used"}
    (dev,) = read_split(tmp_path / "nested", "dev")
    assert dev.path == tmp_path / "nested" / "validation" / "a.txt"


def test_dev_texts_in_dev_are_read_beside_plain_training_texts(tmp_path):
    put(tmp_path, a__txt="a")
    put(tmp_path / "dev", a__txt="b")

    source = read_source(tmp_path)

    assert [each.path for each in source.train] == [tmp_path / "a.txt"]
    assert [each.path for each in source.dev] == [tmp_path / "dev" / "a.txt"]


def test_all_that_is_not_read_is_listed_with_its_reason(tmp_path):
    folder = put(tmp_path / "train", a__txt="a", c__text="b", noname="c", _DS="d")
    (folder / "_DS").rename(folder / ".DS_Store")
    put(folder / "books", b__txt="a")
    os.mkfifo(folder / "pipe.txt")
    put(tmp_path, LICENSE__txt="a")
    put(tmp_path / "test", a__test="a")

    assert left_out(tmp_path) == {
        "LICENSE.txt": "beside train/",
        "test/": "test text is not used",
        "train/.DS_Store": "a hidden file",
        "train/books/": "a subfolder",
        "train/c.text": "not called *.txt, *.train or *.dev",
        "train/noname": "not called *.txt, *.train or *.dev",
        "train/pipe.txt": "not a regular file",
    }
    assert "left out: train/c.text, train/noname (not called *.txt, *.train or *.dev)" in list(
        left_out_in_words(read_source(tmp_path).left_out)
    )


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["train/a.txt", "train/b.dev.txt"], "b.dev.txt is dev text by its name, but train/"),
        (["train/a.txt", "train/b.dev"], "b.dev is dev text by its name"),
        (["train/a.txt", "train/b.test.txt"], "b.test.txt is test text by its name"),
        (["train/a.txt", "train/b.valid.gz"], "b.valid.gz is dev text by its name"),
        (["train/a.txt", "dev/a.train"], "a.train is train text by its name, but dev/"),
        (["train/a.txt", "a.dev"], "holds train/ and the dev text a.dev beside it"),
        (["train/a.txt", "b.train.txt"], "holds train/ and the train text b.train.txt beside it"),
        (["train_10M/a.train", "README.txt"], "holds train_10M/ and the text README.txt beside"),
        (["a.txt", "a.dev", "dev/a.txt"], "holds dev texts twice: a.dev and dev/a.txt"),
        (["train/a.txt", "dev/a.txt", "valid/a.txt"], "holds dev/ and valid/"),
        (["train/a.txt", "Dev/a.txt", "dev/a.txt"], "holds Dev/ and dev/"),
        (["a.dev.train.txt"], "a.dev.train.txt names two splits"),
        (["train/a.train", "train/a.train.txt"], "domain a twice: a.train and a.train.txt"),
        (["train/a.txt", "train/a.txt.gz"], "domain a twice: a.txt and a.txt.gz"),
        (["train/A.txt", "train/a.txt"], "domain a twice: A.txt and a.txt"),
        (["dev/a.dev"], "holds no text"),
        (["a.test.txt"], "holds no text"),
    ],
)
def test_what_looks_like_a_slip_is_refused(tmp_path, files, message):
    for file in files:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text("a")

    with pytest.raises(InputError, match=message.replace(".", r"\.")):
        read_source(tmp_path)


@pytest.mark.parametrize("link", ["train/b.txt", "dev", "train"])
def test_a_broken_link_is_refused_wherever_it_lies(tmp_path, link):
    put(tmp_path if link == "train" else tmp_path / "train", a__txt="a")
    (tmp_path / link).symlink_to("nowhere")

    with pytest.raises(InputError, match=f"{link} is a broken link\n.*nowhere"):
        read_source(tmp_path)


def test_linked_folders_and_files_are_read(tmp_path):
    put(tmp_path / "real", a__txt="a")
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "train").symlink_to(tmp_path / "real")

    assert names(read_split(tmp_path / "corpus", "train")) == ["a"]


def test_a_pipe_is_refused_as_a_source_that_is_read_twice(tmp_path):
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(InputError, match="pipe is neither a folder nor a regular file"):
        read_source(tmp_path / "pipe")


@pytest.mark.parametrize("name", [b"a\xff.txt", b"a\x1b[31m.txt"])
def test_a_name_that_cannot_be_printed_is_refused(tmp_path, name):
    (tmp_path / os.fsdecode(name)).write_text("a")

    with pytest.raises(InputError, match="whose name cannot be printed") as error:
        read_source(tmp_path)
    assert error.value.what.isprintable()


@pytest.mark.parametrize(
    ("files", "reading"),
    [
        (["train/a.train", "dev/a.dev"], 1),
        (["train/a.txt", "train/dev.txt", "dev/train.txt", "README.txt"], 1),
        (["a.txt", "b.train.gz", "b.dev", "c.test", "train.txt"], 1),
        (["a.train.txt"], 2),
        (["train/a.train.txt"], 2),
        (["a.txt", "b.dev.txt"], 2),
        (["a.txt", "test.txt"], 2),
        (["a.txt", "dev/a.txt"], 2),
        (["train/a.txt", "valid/a.txt"], 2),
        (["a.txt", "Validation/a.txt"], 2),
        (["a.txt", "b.txt.xz"], 2),
    ],
)
def test_only_sources_that_the_first_releases_read_otherwise_have_a_new_reading(
    tmp_path, files, reading
):
    for file in files:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text("a")

    assert read_source(tmp_path).reading == reading


def test_a_clean_corpus_has_visible_text_files_alone(tmp_path):
    folder = put(tmp_path / "train", b__txt="b", a__txt="a", notes__md="c")
    (folder / "._a.txt").write_bytes(b"\0")

    assert clean_files(tmp_path, "train") == [folder / "a.txt", folder / "b.txt"]
    assert clean_files(tmp_path, "dev") == []


@pytest.mark.parametrize("name", ["b.train", "b.txt.gz", "b.dev"])
def test_raw_text_in_a_clean_corpus_is_refused_not_left_out(tmp_path, name):
    folder = put(tmp_path / "train", a__txt="a")
    (folder / name).write_text("b")

    with pytest.raises(InputError, match=f"{name} is not a text of a clean corpus"):
        clean_files(tmp_path, "train")


@pytest.mark.parametrize(("name", "option"), [("a.csv", "--column"), ("a.zip", "OUT")])
def test_a_table_or_a_zip_must_be_cleaned_first(tmp_path, name, option):
    (tmp_path / name).write_text("text\none\n")
    with pytest.raises(InputError, match=f"not plain text\n(.|\n)*corpus clean .*{option}"):
        read_source(tmp_path / name)


def test_the_files_of_a_corpus_that_is_not_there_are_not_called_missing_texts(tmp_path):
    with pytest.raises(InputError, match="gone does not exist"):
        clean_files(tmp_path / "gone", "train")


def test_a_table_is_refused_with_the_setting_of_a_run_that_reads_it(tmp_path):
    (tmp_path / "tales.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match="is a table, not plain text") as caught:
        read_source(tmp_path / "tales.parquet")
    [setting] = re.findall("--set '(.*)'", caught.value.mend)
    assert load_recipe("sprout", (setting,)).corpus.source.kind == "table"
