"""What a manifest says of a folder, and how an input is identified."""

import os
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from babyllama.runs.manifests import digest

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


def later(path: Path) -> None:
    """Give a file a time that is surely after its manifest's."""
    time = (path.stat().st_mtime_ns // 10**9) + 10
    os.utime(path, (time, time))
