"""What is ready in an unfinished folder is compared with its record before it is used or sealed."""

import pytest

from babyllama.errors import InputError
from babyllama.runs.files import hash_file
from babyllama.runs.unfinished import fault, is_foreign, record, refuse_unrecorded


@pytest.fixture
def shard(tmp_path):
    """A file that was made from `x`, with its record."""
    path = tmp_path / "shard"
    path.write_text("numbers")
    record(path, hash_file(path), "x")
    return path


def test_a_recorded_file_that_has_not_changed_is_used(shard):
    assert fault(shard, "x") == ""
    assert not is_foreign(shard, "x")


def test_a_changed_a_foreign_and_an_unrecorded_file_are_not_used(shard):
    assert fault(shard, "y") == f"{shard} was written for other inputs"
    assert is_foreign(shard, "y")
    shard.write_text("numbErs")
    assert fault(shard, "x") == f"{shard} has changed since it was written"
    for text in ("", "[", "[1]"):
        (shard.parent / "checkpoints" / "shard.record").write_text(text)
        assert fault(shard, "x") == f"{shard} has no record of its checksum"


def test_a_record_without_what_it_was_made_from_is_the_folders_own(shard):
    record(shard, hash_file(shard))
    assert fault(shard, "y") == ""


def test_nothing_is_sealed_that_differs_from_its_record(shard):
    manifest = shard.parent / "manifest.json"
    files = {"shard": {"sha256": hash_file(shard)}, "other": {"sha256": "0"}}
    manifest.touch()
    refuse_unrecorded(shard.parent, files)
    assert manifest.exists()
    for change in (
        lambda: files["shard"].update(sha256="1"),
        lambda: record(shard.parent / "other", "0", "y"),
    ):
        change()
        manifest.touch()
        with pytest.raises(InputError, match="shard has changed since it was written"):
            refuse_unrecorded(shard.parent, files)
        assert not manifest.exists()
        files["shard"]["sha256"] = hash_file(shard)
