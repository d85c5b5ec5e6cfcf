"""Branches are completed, and nothing else in a repository changes."""

from functools import partial

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError
from stand_in_hub import ATTRIBUTES, Blob

from babyllama.console import ProgressBar
from babyllama.errors import InputError
from babyllama.publish.hub import uploading
from babyllama.publish.hub.contents import Contents, Upload
from babyllama.publish.hub.repositories import account, find, other_content
from babyllama.publish.hub.uploading import upload

NAME = "tester/tiny"
WANTED = Contents(
    {"main": {"a": Upload(b"a"), "w.bin": Upload(b"w")}, "chck_1M": {"w.bin": Upload(b"1")}}
)
FILES = {
    branch: {path: each.source for path, each in files.items()}
    for branch, files in WANTED.branches.items()
}


def uploaded(*, is_private=False, is_overwritten=False):
    api = HfApi()
    repository = find(api, account(api), NAME, WANTED, is_private=is_private)
    assert other_content(repository, WANTED) == "" or is_overwritten
    upload(api, repository, WANTED, is_private=is_private)


def test_a_new_repository_is_private_from_its_creation_on(hub):
    uploaded(is_private=True)
    assert hub.repositories[NAME].private


def test_nothing_is_uploaded_into_a_new_repository_that_is_public_against_the_wish(
    hub, monkeypatch
):
    create = hub.create
    monkeypatch.setattr(hub, "create", lambda name, **_: create(name, private=False))
    with pytest.raises(InputError, match="the hub made it public"):
        uploaded(is_private=True)
    assert hub.repositories[NAME].files("main").keys() == {".gitattributes"}


def test_only_what_is_lacking_is_sent(hub, monkeypatch, capsys):
    monkeypatch.setattr(uploading, "_LARGE", 1)
    every_line = partial(ProgressBar, seconds_between_lines=0)
    monkeypatch.setattr(uploading, "ProgressBar", every_line)
    hub.create(NAME, files={"a": b"a", "notes": b"mine"})
    hub.repositories[NAME].branches["chck_9M"] = list(hub.repositories[NAME].branches["main"])
    uploaded(is_overwritten=True)
    made = hub.repositories[NAME]
    assert [len(made.branches[name]) for name in ("main", "chck_1M", "chck_9M")] == [3, 3, 2]
    assert len(hub.uploads) == 2
    assert made.files("main").keys() == {".gitattributes", "a", "notes", "w.bin"}
    assert made.files("chck_1M").keys() == {".gitattributes", "w.bin"}
    printed = capsys.readouterr().err
    assert "main: 1 files to upload (1 bytes), 1 are there" in printed
    assert "main 100%" in printed
    assert "w.bin, 1 bytes" in printed
    assert "the branch chck_9M is kept" in printed


def test_a_complete_branch_gets_no_commit(hub, capsys):
    uploaded()
    made = hub.repositories[NAME]
    made.commit("main", made.branches["main"][0][1] | {"notes": Blob(b"mine")})
    before = {branch: len(commits) for branch, commits in made.branches.items()}
    uploaded()
    assert {branch: len(commits) for branch, commits in made.branches.items()} == before
    assert "chck_1M: complete" in capsys.readouterr().err


def test_an_interruption_at_any_request_costs_no_question_and_no_second_upload(hub, monkeypatch):
    monkeypatch.setattr(uploading, "_LARGE", 1)
    uploaded()
    requests = len(hub.requests)
    assert requests > 12
    for stop_at in range(1, requests + 1):
        for kept in (hub.repositories, hub.large, hub.uploads, hub.requests):
            kept.clear()
        hub.stop_at = stop_at
        with pytest.raises((HfHubHTTPError, RuntimeError)) as stopped:
            uploaded()
        assert "stopped by the test" in f"{stopped.value} {stopped.value.__cause__}"
        hub.stop_at = None
        uploaded()
        made = hub.repositories[NAME]
        for branch, files in FILES.items():
            assert made.files(branch) == files | {".gitattributes": ATTRIBUTES}
        assert len(hub.uploads) == len(set(hub.uploads)) == 2
