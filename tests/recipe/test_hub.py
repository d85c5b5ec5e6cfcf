"""A folder, or a commit of a name on the hub."""

from pathlib import Path

import pytest

from babyllama.recipe.hub import FolderOrHub

COMMIT = "0123456789" * 4


def test_with_a_commit_it_is_on_the_hub_and_without_one_a_folder_here():
    assert FolderOrHub(path="~/models/old").local == Path.home() / "models/old"
    assert FolderOrHub(path="org/name", revision=COMMIT).local is None


@pytest.mark.parametrize("path", ["/my/folder", "name", "some/where/else"])
def test_a_commit_is_of_a_name_on_the_hub(path):
    with pytest.raises(ValueError, match="only a name on the hub"):
        FolderOrHub(path=path, revision=COMMIT)
