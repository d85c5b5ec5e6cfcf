"""`babyllama lesson`: the parts, one part at 80 columns, the papers; what is refused."""

import pytest
from commands import babyllama, invoke, refused

from babyllama import lesson


def test_the_parts_are_listed_with_their_minutes_and_the_next_commands():
    printed = babyllama("lesson")
    assert "1. Guess the next word 8 2. Soften by hand 10" in printed
    assert "together 60" in printed
    assert "babyllama lesson 1 Write all papers: babyllama lesson --out class" in printed


@pytest.mark.parametrize("number", range(1, 8))
def test_a_part_is_shown_by_itself_within_80_columns(number):
    shown = invoke("lesson", number)
    assert shown.exit_code == 0
    assert lesson.part(str(number)).title in shown.stdout
    assert lesson.part(str(number % 7 + 1)).title not in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 80


@pytest.mark.parametrize("number", [0, 9, "abc"])
def test_a_part_that_there_is_not_is_refused_with_those_that_there_are(number):
    assert f"the lesson has no part {number} Its parts are 1 to 7." in refused("lesson", number)


def test_all_papers_are_written_into_a_folder(tmp_path):
    printed = babyllama("lesson", "--out", tmp_path / "class")
    for name in lesson.PAPERS:
        assert str(tmp_path / "class" / name) in printed
        assert (tmp_path / "class" / name).read_text("utf-8") == lesson.paper(name)
    (tmp_path / "class" / "pupil.yaml").write_text("mine", encoding="utf-8")
    assert "other files of these names: pupil.yaml" in refused(
        "lesson", "--out", tmp_path / "class"
    )


def test_a_part_and_a_folder_at_once_are_refused(tmp_path):
    assert "Do one at a time" in refused("lesson", 2, "--out", tmp_path / "class")
    assert not (tmp_path / "class").exists()
