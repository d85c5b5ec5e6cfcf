"""What a manifest says of a folder, and how an input is identified."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from babyllama.errors import InputError
from babyllama.runs.manifests import (
    damaged,
    digest,
    is_readable,
    read_manifest,
    refuse_damaged_input,
    write_manifest,
)

trees = st.dictionaries(st.sampled_from(["a", "b", "d/a", "d/b"]), st.binary(max_size=3))


def plant(folder: Path, tree: dict[str, bytes]) -> Path:
    folder.mkdir()
    for name, data in tree.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


@settings(deadline=None)
@given(one=trees, other=trees)
def test_two_plain_folders_have_one_digest_when_and_only_when_their_files_agree(
    tmp_path_factory, one, other
):
    place = tmp_path_factory.mktemp("digests")

    digests = digest(plant(place / "one", one)), digest(plant(place / "other", other))

    assert (digests[0] == digests[1]) == (one == other)


def test_a_digest_does_not_depend_on_place_order_or_time(tmp_path):
    plant(tmp_path / "one", {"a": b"1", "b": b"2", "d/c": b"3"})
    plant(tmp_path / "other", {"d/c": b"3", "b": b"2", "a": b"1"})
    later(tmp_path / "other" / "b")

    assert digest(tmp_path / "one") == digest(tmp_path / "other")
    assert digest(tmp_path / "one" / "a") == digest(tmp_path / "other" / "a")
    assert digest(tmp_path / "one" / "a") != digest(tmp_path / "one" / "b")


def test_an_input_whose_manifest_is_unreadable_is_known_by_what_it_holds(tmp_path):
    one = plant(tmp_path / "one", {"manifest.json": b"{", "a": b"1"})
    other = plant(tmp_path / "other", {"manifest.json": b"{", "a": b"2"})

    assert digest(one) != digest(other)


def test_a_linked_folder_counts_as_what_it_points_to(tmp_path):
    real = plant(tmp_path / "real", {"a": b"1"})
    linked, copied = tmp_path / "linked", plant(tmp_path / "copied", {"train/a": b"1"})
    linked.mkdir()
    (linked / "train").symlink_to(real)
    assert digest(linked) == digest(copied)

    (real / "a").write_bytes(b"2")

    assert digest(linked) != digest(copied)


def test_a_link_to_a_folder_above_it_is_followed_once(tmp_path):
    folder = plant(tmp_path / "folder", {"train/a": b"1"})
    (folder / "train" / "again").symlink_to(folder)

    assert digest(folder) == digest(plant(tmp_path / "other", {"train/a": b"1"}))


def test_an_input_that_is_not_there_has_no_digest(tmp_path):
    assert digest(tmp_path / "nothing") == ""
    assert digest(plant(tmp_path / "empty", {})) != ""


# --- the manifest itself ---------------------------------------------------------------------

MADE = {
    "stage": "kind", "version": 1, "recipe": {"a": {"b": 1}}, "inputs": {"text": "3f"}, "seed": 3,
    "facts": {"steps": 68, "counts": {1: 2}}, "wall_seconds": 1.5,
}  # fmt: skip


def sealed(folder: Path, *, old: bool = False) -> Path:
    """A finished folder; `old` as it was written before manifests had a checksum and dates."""
    plant(folder, {"a": b"1", "d/b": b"2"})
    write_manifest(folder, MADE, leave_out=())
    if old:
        path = folder / "manifest.json"
        manifest = json.loads(path.read_text())
        path.write_text(json.dumps({k: manifest[k] for k in [*MADE, "versions", "files"]}))
    return folder


def found(folder: Path, **options: bool) -> list[str]:
    return list(damaged(folder, read_manifest(folder) or {}, **options))


def test_no_change_of_one_byte_of_a_manifest_goes_unnoticed(tmp_path):
    path = sealed(tmp_path / "out") / "manifest.json"
    whole, data = path.read_bytes(), json.loads(path.read_bytes())
    for at in range(len(whole)):
        changed = bytearray(whole)
        changed[at] ^= 1
        path.write_bytes(changed)
        manifest = read_manifest(path.parent)
        assert manifest is not None
        assert manifest == data or not is_readable(manifest), at


def test_a_manifest_without_a_checksum_is_as_good_as_its_form(tmp_path):
    path = sealed(tmp_path / "out", old=True) / "manifest.json"
    assert found(path.parent) == []
    text = path.read_text()
    for wrong in ("files", "recipe", "inputs", '"size"', '"sha256"', "facts"):
        path.write_text(text.replace(wrong, wrong.swapcase(), 1))
        manifest = read_manifest(path.parent)
        assert manifest is not None
        assert not is_readable(manifest), wrong
        assert "manifest.json cannot be read" in found(path.parent)[0]


@pytest.mark.parametrize("text", ["[" * 100_000, '{"version": ' + "9" * 5_000 + "}"])
def test_a_manifest_that_json_cannot_read_is_unreadable(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    assert not is_readable(read_manifest(tmp_path) or {})


@pytest.mark.parametrize("old", [False, True])
def test_a_date_in_the_future_hides_no_damage(tmp_path, old):
    out = sealed(tmp_path / "out", old=old)
    future = 4_000_000_000
    os.utime(out / "manifest.json", (future, future))
    assert found(out, changed_only=True) == []
    (out / "a").write_bytes(b"3")
    for date in ((future - 1000, future - 1000), None):
        os.utime(out / "a", date)
        message = f"{out}/a has changed since it was written: checksum mismatch"
        assert found(out, changed_only=True) == [message]


def test_a_file_whose_date_is_older_than_recorded_is_hashed_too(tmp_path):
    out = sealed(tmp_path / "out")
    (out / "a").write_bytes(b"3")
    os.utime(out / "a", (1_000_000_000, 1_000_000_000))
    assert len(found(out, changed_only=True)) == 1


def test_a_file_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    out = sealed(tmp_path / "out")

    def bad_disk(_: Path) -> str:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("babyllama.runs.manifests.hash_file", bad_disk)
    assert found(out)[0] == f"{out}/a cannot be read: Input/output error"


def test_a_temporary_file_sealed_by_an_earlier_version_may_go(tmp_path):
    out = sealed(tmp_path / "out", old=True)
    path = out / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"][".work.json.123"] = {"sha256": "0", "size": 1}
    path.write_text(json.dumps(manifest))
    known = digest(out)
    assert found(out) == []
    (out / ".work.json.123").write_text("{")
    assert (found(out), digest(out)) == ([], known)


def test_a_part_of_a_finished_folder_is_checked_as_an_input(tmp_path):
    out = sealed(tmp_path / "out")
    refuse_damaged_input(out / "d")
    (out / "a").write_bytes(b"33")
    refuse_damaged_input(out / "d")
    with pytest.raises(InputError, match="out/a has 2 bytes where its manifest says 1"):
        refuse_damaged_input(out)
    (out / "d" / "b").write_bytes(b"33")
    with pytest.raises(InputError, match="d/b has 2 bytes"):
        refuse_damaged_input(out / "d" / "b")
    refuse_damaged_input(tmp_path / "nothing")


def later(path: Path) -> None:
    """Give a file a time that is surely after its manifest's."""
    time = (path.stat().st_mtime_ns // 10**9) + 10
    os.utime(path, (time, time))
