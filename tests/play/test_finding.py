"""Which models there are, before any is loaded."""

import shutil

import pytest

from babyllama.errors import InputError
from babyllama.play.finding import find_models


def test_the_models_of_a_run_are_found_with_their_places(play_run):
    found = find_models({"run": play_run.folder})
    places = ["teachers/llama", "teachers/gpt2", "students/distilled", "students/twin"]
    assert [each.place for each in found.models] == places
    assert all(each.marks_lines for each in found.models)


def test_folders_without_models_to_show_are_refused(play_run, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty is neither a run nor a model: it is empty"):
        find_models({"empty": tmp_path / "empty"})
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="it is a file"):
        find_models({"file": tmp_path / "file"})
    (tmp_path / "fresh").mkdir()
    shutil.copytree(play_run.tokens, tmp_path / "fresh" / "tokens")
    shutil.copy(play_run.recipe, tmp_path / "fresh")
    with pytest.raises(InputError, match="no finished model to play with"):
        find_models({"fresh": tmp_path / "fresh"})


def test_what_is_near_a_run_or_models_says_which_could_be_shown(play_run, tmp_path):
    for folder, could in (
        (play_run.folder / "students", f"babyllama play {play_run.folder}"),
        (play_run.folder.parent, f"babyllama play {play_run.folder}"),
        (tmp_path, "babyllama play runs/mini"),
    ):
        with pytest.raises(InputError, match=r"no recipe\.yaml and no|empty") as caught:
            find_models({"x": folder})
        assert caught.value.mend == f"Name a run or a model: {could}"
    shutil.copytree(play_run.student("twin"), tmp_path / "twin")
    with pytest.raises(InputError) as caught:
        find_models({"x": tmp_path})
    assert caught.value.mend.endswith(f"babyllama play {tmp_path / 'twin'}")


def test_two_models_of_one_name_are_refused(play_run):
    twin = play_run.student("twin")
    with pytest.raises(InputError, match="two models are called a/twin") as caught:
        find_models({"a": play_run.folder, "a/twin": twin})
    assert f"NAME={twin} " in caught.value.mend
