"""Folders in folders, zips and source code as domains."""

import zipfile
from pathlib import Path

import pytest

from babyllama.data.gathering.files import read_files
from babyllama.errors import InputError
from babyllama.recipe import FolderSource


def put(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def read(path: Path, **fields) -> list[tuple[str, str | None, str]]:
    reading = read_files(FolderSource(kind="folder", path=path, **fields))
    return [(each.domain, each.split, "".join(each.pieces)) for each in reading.documents()]


def zipped(folder: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*.*")):
            archive.write(file, Path("release/v1") / file.relative_to(folder))
        archive.writestr("__MACOSX/release/a.txt", "no")
    return path


def test_the_outermost_folder_names_the_domain_and_a_folder_or_suffix_the_split(tmp_path):
    files = {
        "news/2020/a.txt": "a", "news/b.txt": "b", "train/tales/c.txt": "c",
        "valid/tales/d.txt": "d", "letters.txt": "e", "x/cbt.txt": "f", "x/mine.dev": "g",
        "test/h.txt": "h", ".git/i.txt": "i",
    }  # fmt: skip
    expected = [
        ("cbt", None, "f"), ("letters", None, "e"), ("mine", "dev", "g"), ("news", None, "a"),
        ("news", None, "b"), ("tales", "train", "c"), ("tales", "dev", "d"),
    ]  # fmt: skip
    folder = put(tmp_path / "corpus", files)
    assert read(folder, nested=True) == expected
    assert read(zipped(folder, tmp_path / "corpus.zip")) == expected


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a/x.txt", "A/y.txt"], "holds the domain [aA] twice"),
        (["10M/cbt.train", "100M/cbt.train"], "holds the domain cbt twice"),
        (["tales/a.txt", "tales.txt"], "holds the domain tales twice"),
        (["train/a.dev"], "is dev text by its name, but lies in a folder for train"),
        (["a.pdf"], r"holds no text\n.*found a\.pdf(.|\n)*--code"),
        (["a/b.jsonl.gz"], r"holds no text\n.*found a/b\.jsonl\.gz(.|\n)*--column NAME"),
    ],
)
def test_what_looks_like_a_slip_is_refused(tmp_path, names, message):
    with pytest.raises(InputError, match=message):
        read(put(tmp_path, dict.fromkeys(names, "text")), nested=True)


def test_a_file_of_code_is_a_document_with_its_indents_and_no_blank_line(tmp_path):
    code = "def f():\n\n    return 1\n  \n\n"
    put(tmp_path, {"a/__init__.py": "", "a/x.py": code, "y.PY": "x = 1", "notes.md": "no"})
    assert read(tmp_path, code=(".py",)) == [
        ("code_py", None, ""),
        ("code_py", None, "def f():\n    return 1\n"),
        ("code_py", None, "x = 1"),
    ]


def test_documents_that_are_drawn_from_are_blocks_between_blank_lines_and_lose_nothing(tmp_path):
    text = "\none\ntwo\n\n\nthree " + "long " * 300_000 + "\n \nfour"
    put(tmp_path, {"a.txt": text})
    texts = [each[2] for each in read(tmp_path, dev_seed=1)]
    assert [text[:5] for text in texts] == ["one\nt", "three", "four"]
    assert "".join(texts).split() == text.split()


def test_text_in_a_zip_is_refused_with_its_name_and_read_in_its_encoding(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("b.txt", "café\n".encode("latin1"))
    with pytest.raises(InputError, match=r"a\.zip/b\.txt is not UTF-8: byte 3 .*\n.*\n.*latin1"):
        read(tmp_path / "a.zip")
    assert read(tmp_path / "a.zip", encoding="latin1") == [("b", None, "café\n")]
