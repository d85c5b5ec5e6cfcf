"""A seal tells whether somebody edited a text that we wrote."""

import pytest

from babyllama.runs.sealed import edited_card_files, is_edited, sealed, write_unless_edited


@pytest.mark.parametrize("language", ["markdown", "yaml"])
def test_a_text_is_edited_once_a_character_of_it_differs(language, tmp_path):
    path = tmp_path / "a"
    assert not is_edited(path)
    path.write_text(sealed("one\ntwo\n\n", language))
    assert not is_edited(path)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))  # as git may check it out
    assert not is_edited(path)
    path.write_text(path.read_text().replace("one", "One"))
    assert is_edited(path)


@pytest.mark.parametrize("content", [b"", b"mine\n", b"\xff", b"<!-- written by babyllama -->\n"])
def test_what_has_no_seal_is_a_persons(content, tmp_path):
    (tmp_path / "a").write_bytes(content)
    assert is_edited(tmp_path / "a")
    assert not write_unless_edited(tmp_path / "a", sealed("ours", "yaml"))
    assert (tmp_path / "a").read_bytes() == content


def test_the_edited_files_of_a_card_are_found(tmp_path):
    write_unless_edited(tmp_path / "README.md", sealed("ours", "markdown"))
    write_unless_edited(tmp_path / ".eval_results" / "ours.yaml", sealed("ours", "yaml"))
    (tmp_path / ".eval_results" / "mine.yaml").write_text("mine")
    assert list(edited_card_files(tmp_path)) == [tmp_path / ".eval_results" / "mine.yaml"]
