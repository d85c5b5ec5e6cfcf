"""`fetch` completes a folder from the hub or a zip, checks every byte, and says what is wrong."""

import io
import shutil
import zipfile

import pytest
from huggingface_hub import constants
from release_server import TOKEN, git_blob, hub_release, official, zipped_release

from babyllama.data.releases.failures import explaining
from babyllama.data.releases.fetching import fetch
from babyllama.errors import InputError

A, B = b"what is that ?\n" * 900, b"once upon a time\n" * 300
FILES = (official("a.train.txt", A), official("b.train.txt", B, "git"))
AT = "/datasets/Org/Repo/resolve/r1/"


@pytest.fixture
def hub(server, releases):
    """A server that has the release `small`."""
    server.files |= {f"{AT}a.train.txt": A, f"{AT}b.train.txt": B}
    releases(hub_release("small", FILES))
    return server


def refused(name, out):
    with pytest.raises(InputError) as error:
        fetch(name, out)
    return str(error.value)


def names(folder):
    return sorted(each.name for each in folder.iterdir())


def test_a_release_is_complete_after_drops_and_lies_and_is_not_fetched_twice(hub, tmp_path):
    hub.faults = {f"{AT}a.train.txt": ["drops", "half", 503], f"{AT}b.train.txt": ["half"]}
    fetch("small", tmp_path)
    assert (tmp_path / "a.train.txt").read_bytes() == A
    assert (tmp_path / "b.train.txt").read_bytes() == B
    assert names(tmp_path) == ["a.train.txt", "b.train.txt"]
    requests = len(hub.seen)
    fetch("small", tmp_path)
    assert len(hub.seen) == requests


def test_an_interrupted_fetch_goes_on_where_it_was(hub, tmp_path):
    hub.faults = {f"{AT}a.train.txt": ["drops", 404]}
    said = refused("small", tmp_path)
    assert "does not have it, or not any more" in said
    assert f"resolve/r1/a.train.txt\n    {hub.endpoint}" in said
    assert (
        f"Then the same command checks them and goes on: babyllama corpus fetch small {tmp_path}"
        in said
    )
    hub.seen.clear()
    fetch("small", tmp_path)
    assert hub.ranges() == [f"bytes={len(A) // 2}-", None]


def test_other_bytes_are_discarded_and_both_checksums_are_shown(hub, tmp_path):
    hub.faults = {f"{AT}b.train.txt": ["other bytes"]}
    said = refused("small", tmp_path)
    assert f"what came for {tmp_path / 'b.train.txt'} is not" in said
    changed = bytes(byte ^ 1 for byte in B)
    assert "b.train.txt is not b.train.txt of small: checksum mismatch" in said
    assert (
        f"Its git blob id is {git_blob(changed)}, that of the official file {git_blob(B)}" in said
    )
    assert "a.train.txt" in names(tmp_path)
    fetch("small", tmp_path)


def test_a_file_of_the_user_with_other_bytes_is_left_and_named(hub, tmp_path):
    (tmp_path / "a.train.txt").write_bytes(B)
    said = refused("small", tmp_path)
    assert f"it has {len(B):,} bytes, the official file {len(A):,}" in said
    assert "babyllama corpus identify" in said
    assert (tmp_path / "a.train.txt").read_bytes() == B
    assert hub.seen == []


def test_files_that_were_got_by_hand_are_checked_and_kept(hub, tmp_path):
    (tmp_path / "a.train.txt").write_bytes(A)
    fetch("small", tmp_path)
    assert [each[0] for each in hub.seen] == [f"{AT}b.train.txt"]


@pytest.mark.parametrize("other", ["mine.train", "mine.txt", "a.train", "train/"])
def test_a_folder_with_other_text_of_the_split_is_refused(hub, tmp_path, other):
    (tmp_path / other).mkdir() if other == "train/" else (tmp_path / other).write_bytes(A)
    assert f"holds {other}, which is not of small" in refused("small", tmp_path)
    assert hub.seen == []


@pytest.mark.usefixtures("hub")
def test_dev_text_and_notes_may_lie_beside(tmp_path):
    for name in ("a.dev", "notes.md"):
        (tmp_path / name).write_bytes(A)
    fetch("small", tmp_path)


def test_nothing_of_ours_stays_when_the_last_files_came_by_hand(hub, tmp_path):
    hub.faults = {f"{AT}a.train.txt": ["drops", 404]}
    refused("small", tmp_path)
    (tmp_path / "a.train.txt").write_bytes(A)
    (tmp_path / "b.train.txt").write_bytes(B)
    fetch("small", tmp_path)
    assert names(tmp_path) == ["a.train.txt", "b.train.txt"]


def test_a_gated_repository_wants_a_token(hub, tmp_path, monkeypatch):
    hub.is_gated = True
    said = refused("small", tmp_path)
    assert "does not let you read Org/Repo" in said
    assert "hf auth login" in said
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    fetch("small", tmp_path)


def test_the_token_does_not_follow_when_the_hub_sends_a_download_elsewhere(
    hub, tmp_path, monkeypatch
):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    elsewhere = hub.endpoint.replace("127.0.0.1", "localhost")  # counts as another server
    hub.faults = {f"{AT}a.train.txt": [f"{elsewhere}{AT}a.train.txt"]}
    fetch("small", tmp_path)
    assert [each[2] for each in hub.seen] == [f"Bearer {TOKEN}", None, f"Bearer {TOKEN}"]


def test_offline_and_without_a_network_nothing_is_waited_for(hub, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(constants, "HF_HUB_OFFLINE", True)
        assert "HF_HUB_OFFLINE is set" in refused("small", tmp_path)
    nowhere = "http://127.0.0.1:9/{repo_id}/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", nowhere)
    assert "put them into" in refused("small", tmp_path)
    assert hub.seen == []


def test_an_endpoint_that_is_no_address_is_named(hub, tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "huggingface")
    assert "HF_ENDPOINT is huggingface" in refused("small", tmp_path)
    assert hub.seen == []


def test_a_disk_without_space_is_refused_first(hub, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": 100}))
    assert "100 bytes are free" in refused("small", tmp_path)
    assert hub.seen == []


def zipped(data):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("inner/a.train", data)
    return packed.getvalue()


def test_a_zip_is_unpacked_checked_and_removed(server, releases, tmp_path):
    server.files["/zip"] = zipped(A)
    file = official("a.train", A, "git", size=False)
    releases(zipped_release("old", [file], f"{server.endpoint}/zip"))
    server.faults["/zip"] = ["drops"]
    fetch("old", tmp_path)
    assert (tmp_path / "a.train").read_bytes() == A
    assert names(tmp_path) == ["a.train"]
    assert {each[2] for each in server.seen} == {None}  # the token is for the hub alone


def test_a_zip_that_was_got_by_hand_is_used_and_kept(server, releases, tmp_path):
    file = official("a.train", A, kind="")
    releases(zipped_release("old", [file], f"{server.endpoint}/zip", bytes=len(zipped(A))))
    assert "download text.zip from https://p" in refused("old", tmp_path)
    assert len(server.seen) == 1
    (tmp_path / "text.zip").write_bytes(zipped(A)[:-1])
    assert "Download it again" in refused("old", tmp_path)
    (tmp_path / "text.zip").write_bytes(zipped(A))
    fetch("old", tmp_path)
    assert names(tmp_path) == ["a.train", "text.zip"]


def test_a_zip_of_several_releases_is_downloaded_once(server, releases, tmp_path):
    server.files["/zip"] = zipped(A)
    one = zipped_release("one", [official("a.train", A)], f"{server.endpoint}/zip")
    releases(one, one.model_copy(update={"name": "two"}))
    fetch("one", tmp_path)
    (tmp_path / "a.train").unlink()
    fetch("two", tmp_path)
    assert len(server.seen) == 1


def test_the_unfinished_files_of_another_release_stay(hub, releases, tmp_path):
    hub.files[f"{AT}c.dev"] = B
    releases(hub_release("small", FILES[:1]), hub_release("dev", [official("c.dev", B)]))
    hub.faults = {f"{AT}a.train.txt": ["drops", 404]}
    refused("small", tmp_path)
    fetch("dev", tmp_path)
    hub.seen.clear()
    fetch("small", tmp_path)
    assert hub.ranges() == [f"bytes={len(A) // 2}-"]
    assert names(tmp_path) == ["a.train.txt", "c.dev"]


def test_what_has_no_known_checksum_is_said(server, releases, tmp_path, capsys):
    server.files["/zip"] = zipped(A)
    release = zipped_release("old", [official("a.train", A, "")], f"{server.endpoint}/zip")
    releases(release.model_copy(update={"unknown": "the hashes of its files"}))
    fetch("old", tmp_path)
    said = capsys.readouterr().err
    assert "unknown for this release: the hashes of its files" in said
    assert "a.train: sha256" in said


def listing(*files):
    siblings = [
        {"rfilename": name, "size": len(data), "blobId": git_blob(data)} for name, data in files
    ]
    return {"_id": "1", "id": "Org/Repo", "sha": "r1", "siblings": siblings, "tags": []}


def test_the_hub_is_asked_for_files_that_nobody_recorded(server, releases, tmp_path):
    releases(hub_release("many", []))
    server.files["/api/datasets/Org/Repo"] = listing((".gitattributes", b""), ("data/x.parquet", A))
    server.files[f"{AT}data/x.parquet"] = A
    fetch("many", tmp_path)
    assert (tmp_path / "data" / "x.parquet").read_bytes() == A


def test_a_listing_with_names_that_lead_out_is_refused(server, releases, tmp_path):
    releases(hub_release("many", []))
    server.files["/api/datasets/Org/Repo"] = listing(("../x.train", A))
    assert "leads out of the folder" in refused("many", tmp_path / "out")


def test_a_page_in_place_of_a_listing_is_no_hub(server, releases, tmp_path):
    releases(hub_release("many", []))
    server.files["/api/datasets/Org/Repo"] = b"<html>log in</html>"
    said = refused("many", tmp_path / "out")
    assert "does not answer like a hub" in said
    assert "No size or hash of these files is known here" in said


def test_only_of_the_hub_the_address_can_be_set(tmp_path):
    for release, is_named in (
        (hub_release("small", FILES), True),
        (zipped_release("old", FILES, "http://127.0.0.1:9/a.zip"), False),
    ):
        with pytest.raises(InputError) as caught, explaining(release, tmp_path, ()):
            raise TimeoutError("no answer")
        assert ("HF_ENDPOINT" in str(caught.value)) == is_named
