"""A repository on the hub is ours or refused, and what an upload would replace is named."""

import pytest
from huggingface_hub import HfApi
from stand_in_hub import Blob

from babyllama.errors import InputError
from babyllama.publish.hub.contents import Contents, Upload
from babyllama.publish.hub.repositories import (
    account,
    find,
    other_content,
    refuse_wrong_name,
    tree,
)

WANTED = Contents({"main": {"a": Upload(b"a"), "b": Upload(b"b")}, "chck_1M": {"c": Upload(b"c")}})


def found(name="tester/tiny", *, is_private=False):
    api = HfApi()
    return find(api, account(api), name, WANTED, is_private=is_private)


@pytest.mark.parametrize("name", ["", "a b", "a/b/c", "-a", "a.git", "a..b", "ä" * 97])
def test_a_name_that_the_hub_does_not_know_is_refused(name):
    with pytest.raises(InputError, match="Write NAME or ORGANISATION/NAME"):
        refuse_wrong_name(name)


def test_names_with_and_without_an_owner_are_accepted():
    refuse_wrong_name("mini")
    refuse_wrong_name("babylm-org/strict.small_1")


def test_a_token_that_may_only_read_is_refused(hub):
    hub.role = "read"
    with pytest.raises(InputError, match="token of tester may only read"):
        found()


def test_a_repository_of_somebody_else_is_refused(hub):
    hub.create("somebody/tiny")
    with pytest.raises(InputError, match=r"somebody/tiny .* not yours(.|\n)*tester/tiny"):
        found("somebody/tiny")


def test_a_repository_of_an_own_organisation_is_ours(hub):
    hub.create("lab/tiny", private=True)
    assert found("lab/tiny", is_private=True).is_private


def test_a_public_repository_is_refused_if_it_has_to_be_private(hub):
    hub.create("tester/tiny")
    with pytest.raises(InputError, match="exists and is public"):
        found(is_private=True)
    assert found().is_private is False


def test_what_differs_and_what_is_of_others_is_named(hub):
    hub.create("tester/tiny", files={"a": b"a", "b": b"other", "notes": b"mine"})
    assert other_content(found(), WANTED) == (
        "tester/tiny has other content: main/b (differs), main/notes (not of this model)"
    )
    hub.create("tester/tiny", files={str(number): b"" for number in range(9)})
    assert other_content(found(), WANTED).endswith("main/4 (not of this model) and 4 more")


def test_nothing_is_asked_about_what_is_complete_new_or_missing(hub):
    assert found().is_private is None
    assert other_content(found(), WANTED) == ""
    made = hub.create("tester/tiny", files={"a": b"a"})
    assert other_content(found(), WANTED) == ""
    made.commit("main", {"a": Blob(b"a"), "b": Blob(b"b"), "notes": Blob(b"mine")})
    assert other_content(found(), WANTED) == ""


def test_a_branch_counts_from_its_first_own_commit(hub):
    made = hub.create("tester/tiny", files={"a": b"a"})
    made.branches["chck_1M"] = list(made.branches["main"])
    assert found().branches.keys() == {"main"}
    made.commit("chck_1M", {"c": Blob(b"mine")})
    assert other_content(found(), WANTED).endswith("chck_1M/c (differs)")


def test_branches_of_other_checkpoints_are_named(hub):
    made = hub.create("tester/tiny")
    for branch in ("chck_9M", "experiment"):
        made.branches[branch] = list(made.branches["main"])
    assert found().others == ("chck_9M",)


def test_a_branch_that_is_missing_has_no_files(hub):
    hub.create("tester/tiny")
    assert tree(HfApi(), "tester/tiny", "chck_1M") == {}
