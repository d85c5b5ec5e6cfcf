"""Datasets in folders; nothing of a dataset is ever run."""

import json
from pathlib import Path

import pytest

from babyllama.data.gathering.hub import read_dataset
from babyllama.errors import InputError
from babyllama.recipe import HubSource


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    """A folder as a repository on the hub has it."""
    folder = tmp_path_factory.mktemp("hub")
    for split, count in (("train", 4), ("validation", 2), ("test", 1)):
        rows = [{"id": n, "text": f"{split} {n}"} for n in range(count)]
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture(autouse=True)
def _cache(monkeypatch, tmp_path_factory):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path_factory.mktemp("cache"))


def read(path: Path, **fields) -> list[tuple[str | None, str]]:
    reading = read_dataset(HubSource(kind="hub", path=str(path), **fields))
    return [(each.split, "".join(each.pieces)) for each in reading.documents()]


def test_the_splits_of_a_dataset_are_train_and_dev(dataset):
    train = [f"train {n}\n" for n in range(4)]
    dev = [f"validation {n}\n" for n in range(2)]
    assert read(dataset) == [("train", each) for each in train] + [("dev", each) for each in dev]
    assert read(dataset, dev="test")[4:] == [("dev", "test 0\n")]


def test_a_split_or_column_that_is_not_there_is_named(dataset):
    for fields, message in (
        ({"train": "trian"}, "has no split trian\n.*train, validation, test"),
        ({"column": "txt"}, "has no column txt\n.*id, text"),
        ({"column": "id"}, "column id holds int64, not text"),
        ({"config": "none"}, "BuilderConfig 'none' not found"),
    ):
        with pytest.raises(InputError, match=message):
            read(dataset, **fields)


def test_a_saved_dataset_is_read_and_all_of_it_is_undecided_without_dev(tmp_path):
    import datasets

    datasets.disable_progress_bars()
    datasets.Dataset.from_list([{"text": "one"}, {"text": "two"}]).save_to_disk(tmp_path / "saved")
    assert read(tmp_path / "saved") == [(None, "one\n"), (None, "two\n")]


def test_a_dataset_that_needs_code_of_its_own_is_refused_and_not_run(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "mine.py").write_text("raise SystemExit('it ran')")
    with pytest.raises(InputError, match=r"needs code of its own: mine\.py"):
        read(folder)


def test_without_datasets_the_extra_is_named(monkeypatch, dataset):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"pip install 'babyllama\[tables\]'"):
        read(dataset)
