"""The sources of `babyllama corpus clean`."""

import json

import pytest
from commands import babyllama, refused

from babyllama.cli.sources import source_of
from babyllama.errors import InputError


def test_options_say_which_kind_of_source_is_meant(tmp_path):
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "state.json").write_text("{}")
    for src, given, kind in (
        ("text", {}, "folder"),
        ("text", {"nested": True}, "folder"),
        ("a.csv", {"column": "text", "encoding": "latin1"}, "table"),
        ("org/name", {"column": "text", "revision": "0" * 40}, "hub"),
        (str(tmp_path / "saved"), {"column": "text"}, "hub"),
    ):
        assert source_of(src, given).kind == kind


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"column": "text", "nested": True}, "--nested does not go with a table"),
        ({"revision": "0" * 40, "encoding": "latin1"}, "--encoding does not go with a dataset"),
        ({"revision": "main"}, "--revision is main, not a commit of 40 hexadecimal digits"),
        ({"code": ("py",)}, "'py' is no suffix such as .py"),
    ],
)
def test_options_that_do_not_go_together_are_refused(given, message):
    with pytest.raises(InputError, match=message):
        source_of("text", given)


def test_a_table_is_cleaned_and_nothing_else_stays_beside_the_corpus(tmp_path):
    rows = [{"body": f"Text {n}."} for n in range(40)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert "Name the column" in refused("corpus", "clean", tmp_path / "a.jsonl", tmp_path / "out")
    babyllama("corpus", "clean", tmp_path / "a.jsonl", tmp_path / "out", "--column", "body")
    assert len((tmp_path / "out/dev/a.txt").read_text().split("\n\n")) == 2
    visible = {path.name for path in tmp_path.iterdir() if not path.name.startswith(".lock")}
    assert visible == {"a.jsonl", "out"}


def test_messages_name_the_source_and_no_temporary_folder(tmp_path):
    rows = [{"text": f"Text \ufffd {n}."} for n in range(40)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = babyllama("corpus", "clean", tmp_path / "a.jsonl", tmp_path / "out", "--column", "text")
    assert f"{tmp_path / 'a.jsonl'}/train/a.txt holds U+FFFD, the replacement" in said
    assert "out.source." not in said


def test_an_option_for_dev_text_is_named_where_it_does_nothing(corpus, tmp_path):
    said = babyllama("corpus", "clean", corpus, tmp_path / "out", "--dev-fraction", 0.2)
    assert "dev_fraction is not used" in said
    assert "not used" not in babyllama("corpus", "clean", corpus, tmp_path / "out")
