"""A source becomes a folder of raw text."""

import json
from pathlib import Path

import pytest

from babyllama.data.gathering.gather import gather, look_at_source
from babyllama.errors import InputError
from babyllama.recipe import FolderSource, HubSource, TableSource


def test_a_table_is_divided_by_documents_and_all_is_counted(tmp_path, capsys):
    rows = [{"text": f"Text {n}.", "of": "ab"[n > 9]} for n in range(14)] + [
        {"text": "", "of": "a"}
    ]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = TableSource(kind="table", path=path, domain="of", dev_fraction=0.2)
    facts = gather(source, tmp_path / "out")
    assert facts["documents"] == {"train": {"a": 8, "b": 4}, "dev": {"a": 2}}
    printed = capsys.readouterr().err
    assert "12 documents for train, 2 for dev, drawn by the seed 0\n" in printed
    assert "without dev text: b\n" in printed
    assert "left out: rows with an empty text: 1\n" in printed
    assert facts["skipped"] == {"rows with an empty text": 1}


def test_a_folder_without_dev_stays_undivided_for_the_cleaning_to_divide(tmp_path):
    (tmp_path / "in" / "tales").mkdir(parents=True)
    for name in "ab":
        (tmp_path / "in" / "tales" / f"{name}.txt").write_text(f"{name}\n\nend")
    gather(FolderSource(kind="folder", path=tmp_path / "in", nested=True), tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["train"]
    assert (tmp_path / "out/train/tales.txt").read_text() == "a\n\nend\n\nb\n\nend"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (FolderSource(kind="folder", path=Path("/no.zip")), "/no.zip does not exist"),
        (TableSource(kind="table", path=Path("/no.csv")), "/no.csv does not exist"),
        (HubSource(kind="hub", path="org/no"), "org/no does not exist(.|\n)*--revision"),
    ],
)
def test_what_is_not_there_is_named(source, message):
    with pytest.raises(InputError, match=message):
        look_at_source(source)


def test_a_share_for_dev_that_is_not_used_is_named(tmp_path, capsys):
    for split in ("train", "dev"):
        (tmp_path / f"{split}.jsonl").write_text('{"text": "one"}\n')
    source = TableSource(kind="table", path=tmp_path, dev_fraction=0.2)
    gather(source, tmp_path / "out")
    said = capsys.readouterr().err
    assert "dev_fraction is not used: the source has dev text of its own" in said
    assert "1 document for train" in said
