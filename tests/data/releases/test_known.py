"""releases.yaml holds what is known, and says what is not."""

import csv

import pytest

from babyllama.data.releases.known import known_releases, release_named
from babyllama.errors import InputError


def test_every_release_has_a_source_and_says_which_hashes_it_lacks():
    for release in known_releases().values():
        assert bool(release.repository) != bool(release.archive)
        has_all = bool(release.files) and all(each.has_hash for each in release.files)
        assert has_all != bool(release.unknown), release.name


def test_the_facts_of_2026_are_those_that_were_recorded(data):
    path = data / "releases" / "babylm-2026.csv"
    if not path.is_file():
        pytest.skip("BABYLLAMA_DATA holds no releases/babylm-2026.csv")
    for row in csv.DictReader(path.read_text("utf-8").splitlines()):
        release = known_releases()[f"babylm-2026-{row['part']}"]
        file = next(each for each in release.files if each.name == row["file"])
        assert (release.repository, release.revision) == (row["repository"], row["revision"])
        assert file.bytes == int(row["bytes"])
        # For files in git-lfs the hub lists the blob id of the pointer, not of the text.
        wanted = (row["sha256"], None) if row["sha256"] else (None, row["git_blob_sha1"])
        assert (file.sha256, file.git) == wanted


def test_a_language_is_part_of_a_multilingual_name():
    assert release_named("babybabellm-deu").repository == "BabyLM-community/babylm-deu"


@pytest.mark.parametrize("name", ["babylm-2026-strict-smal", "babybabellm-XXX", "babybabellm-d"])
def test_an_unknown_name_lists_the_names(name):
    with pytest.raises(InputError, match=r"Known are babylm-2026-strict-small, .* babybabellm-XXX"):
        release_named(name)


@pytest.mark.parametrize("name", ["babybabellm-XX", "babybabellm-german"])
def test_a_name_with_a_place_for_a_language_is_no_suggestion(name):
    with pytest.raises(InputError) as caught:
        release_named(name)
    assert "Did you mean" not in str(caught.value)
